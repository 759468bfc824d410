"""Commands: ``python -m app.cli …``; the same ones under ``flask …``. Each ends with a sentence, never a traceback,
when the settings, the packs or the database are not as they should be."""

import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.core import logging
from app.jurisdictions.mistakes import PackError
from config import Settings, SettingsError, load

ROOT = Path(__file__).resolve().parent.parent
OLDEST_POSTGRESQL = 15
# Making tables, and the extension unless it is there.
MAY_CREATE = text(
    "SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)"
    " AND (has_database_privilege(current_database(), 'CREATE')"
    " OR EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'))"
)


class Failure(click.ClickException):
    """Ends the command with exit code 1 and one sentence."""

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(self.format_message(), file=file or sys.stderr)


@contextmanager
def _sentences(settings: Settings | None = None) -> Iterator[None]:
    """Turn what an operator can put right into one sentence."""
    try:
        yield
    except SettingsError as error:
        raise Failure(str(error)) from None
    except PackError as error:
        raise Failure(f"The jurisdiction packs have mistakes:\n{error}") from None
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        where = make_url(settings.database_url).render_as_string() if settings else "the database"
        raise Failure(f"The database cannot be used ({where}): {reason}. Check KIBALI_DATABASE_URL.") from None


def _settings() -> Settings:
    with _sentences():
        return load()


@click.command()
@click.option("--to", "revision", default="head", show_default=True, help="The revision to go to.")
def migrate(revision: str) -> None:
    """Bring the database up to this version's schema."""
    from alembic import command
    from alembic.config import Config

    settings = _settings()
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    config.set_main_option("sqlalchemy.url", settings.database_url.replace("%", "%%"))
    with _sentences(settings):
        _check_server(settings.database_url)
        command.upgrade(config, revision)


def _check_server(url: str) -> None:
    """Raise Failure for a server that is too old or lets us make no tables; what does not answer says so in 5 s."""
    engine = create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 5})
    with engine.connect() as connection:
        version = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10000
        may_create = connection.scalar(MAY_CREATE)
        user, name = connection.execute(text("SELECT current_user, current_database()")).one()
    if version < OLDEST_POSTGRESQL:
        raise Failure(
            f"This is PostgreSQL {version}; Kibali needs {OLDEST_POSTGRESQL} or newer. "
            "Give KIBALI_DATABASE_URL the address of a newer one."
        )
    if not may_create:
        raise Failure(
            f"The user {user} may not create tables in the database {name}. "
            f'Make it the owner: ALTER DATABASE "{name}" OWNER TO "{user}";'
        )


@click.command()
@click.option("--queues", "only", metavar="NAMES", help="Only these, as in papers,mails; all of them unless given.")
def worker(only: str | None) -> None:
    """Run jobs until stopped (Ctrl-C or SIGTERM: the jobs at work are finished first)."""
    from app import configure
    from app.cases.rerouting import ask_at_start
    from app.jobs import queue
    from app.jobs import worker as jobs

    queues = [*dict.fromkeys(name.strip() for name in only.split(","))] if only is not None else [*queue.QUEUES]
    unknown = [name for name in queues if name not in queue.QUEUES]
    if unknown:
        raise click.UsageError(f"There is no queue {unknown[0]!r}. The queues are {', '.join(queue.QUEUES)}.")
    settings = _settings()
    logging.configure(json=settings.mode == "production")
    with _sentences(settings):
        configure(settings)
        ask_at_start()
        jobs.run(queues=queues)


@click.group()
def packs() -> None:
    """The jurisdiction packs."""


@packs.command("check")
def packs_check() -> None:
    """Validate both packs; mistakes name file, row and field."""
    from app.jurisdictions.load import main as check

    raise SystemExit(check())


@click.group()
def rules() -> None:
    """Which team gets a case, and which are flagged."""


@rules.command("preview")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def rules_preview(folder: Path) -> None:
    """Say what the changed pack in FOLDER would do to the open cases; nothing is written."""
    from app import configure
    from app.cases.rules_report import preview

    settings = _settings()
    with _sentences(settings):
        configure(settings)
        for line in preview(folder):
            click.echo(line)


@click.group()
def demo() -> None:
    """Invented people, businesses and cases; not in production."""


def _run_demo(*arguments: str) -> None:
    if _settings().mode == "production":
        raise Failure("Demo data is not for production: set KIBALI_MODE=demo on a database of its own.")
    before = sys.argv
    sys.argv = ["tools.demo", *arguments]
    try:
        runpy.run_module("tools.demo", run_name="__main__", alter_sys=True)
    finally:
        sys.argv = before


@demo.command("load")
def demo_load() -> None:
    """Load the firms and cases of the demo; what is there already stays as it is."""
    _run_demo("load")


@demo.command("seed")
@click.option("--cases", type=click.IntRange(min=1), default=1000, show_default=True, help="How many cases.")
def demo_seed(cases: int) -> None:
    """Add many invented cases, to see the portal at scale."""
    _run_demo("seed", "--cases", str(cases))


@click.group()
def audit() -> None:
    """The audit log."""


@audit.command("verify")
@click.argument("bundle", required=False, type=click.Path())
@click.option("--database", is_flag=True, help="The live log, against the heads that were exported.")
@click.option("--heads", type=click.Path(path_type=Path), help="Their folder, unless it is the one of the settings.")
@click.option("--head", type=click.Path(), help="A head of the log that you kept.")
@click.option("--keys", type=click.Path(), help="The keys you trust (as log/keys.json of a bundle).")
@click.option("--whole-log", is_flag=True, help="The bundle must hold every entry of the log.")
@click.option("--tolerance", type=int, help="More seconds than this out of order is a fault, not a note.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def audit_verify(
    bundle: str | None,
    database: bool,
    heads: Path | None,
    head: str | None,
    keys: str | None,
    whole_log: bool,
    tolerance: int | None,
    as_json: bool,
) -> None:
    """Check a bundle or the live log: exit code 0 all holds, 1 something is wrong, 2 it could not be checked."""
    from app.audit import verifier

    if database == bool(bundle):
        raise click.UsageError("Name a bundle, or say --database.")
    if bundle:
        code = verifier.run(bundle, head, keys, whole_log=whole_log, as_json=as_json, tolerance=tolerance)
    else:
        code = _verify_database(heads, head, keys, as_json=as_json)
    raise SystemExit(code)


def _verify_database(folder: Path | None, head: str | None, keys: str | None, *, as_json: bool) -> int:
    from sqlalchemy.orm import Session

    from app.audit import history, verifier

    settings = _settings()
    with _sentences(settings):
        engine = create_engine(settings.database_url, poolclass=NullPool, isolation_level="REPEATABLE READ")
        try:
            with Session(engine) as session:
                report = history.examine(
                    session,
                    folder or settings.heads or settings.log_folder / "heads",
                    kept=verifier.load(head) if head else None,
                    keys=history.trusted(verifier.load(keys)) if keys else None,
                )
        except (verifier.Unable, verifier.Wrong) as error:
            report = verifier.Report()
            report.unable = str(error)
    click.echo(report.as_json() if as_json else report.as_text())
    return report.exit_code


@click.group()
def texts() -> None:
    """Text messages."""


@texts.command("address")
def texts_address() -> None:
    """Say where the provider of texts must send its delivery reports. Whoever knows the address can make some up."""
    from app.identity import callbacks, keys

    settings = _settings()
    if not settings.sms_url:
        raise Failure("KIBALI_SMS_URL is not set: this portal sends no texts.")
    keys.configure(settings.secret_key)
    click.echo(settings.base_url + callbacks.path("sms", settings.sms_url.partition(":")[0]))


COMMANDS: tuple[click.Command, ...] = (migrate, worker, packs, rules, demo, audit, texts)


def register(portal: Flask) -> None:
    """Make the commands known to ``flask``."""
    for command in COMMANDS:
        portal.cli.add_command(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Kibali's commands."""


for _command in COMMANDS:
    main.add_command(_command)

if __name__ == "__main__":
    main()
