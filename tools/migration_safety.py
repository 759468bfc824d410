"""``python -m tools.migration_safety``: has squawk read the SQL of every migration for locks that stop a busy portal.

The founding migrations run on an empty database, where a constraint that scans a table costs nothing; whatever comes
after them must add constraints NOT VALID, indexes CONCURRENTLY, and so on.
"""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

ROOT = Path(__file__).resolve().parent.parent
LAST_FOUNDING = "0013"
HARMLESS_WHEN_EMPTY = "adding-foreign-key-constraint,constraint-missing-not-valid,require-concurrent-index-creation"
WITHOUT_SQL = {"0002"}  # hands the queue's own schema to the driver
PRELUDE = "SET lock_timeout = '5s';\nSET statement_timeout = '600s';\n"  # as migrations/env.py has it
BOOKKEEPING = re.compile(r"^CREATE TABLE alembic_version \(.*?\);$", re.MULTILINE | re.DOTALL)


def sql_of(scripts: ScriptDirectory, config: Config, script: Script) -> str:
    """The statements of one migration's upgrade."""
    written = io.StringIO()

    def only_this(revision: object, context: MigrationContext) -> list[object]:
        return list(scripts._upgrade_revs(script.revision, script.down_revision))  # type: ignore[arg-type]

    with EnvironmentContext(config, scripts, fn=only_this, as_sql=True) as environment:
        environment.configure(dialect_name="postgresql", output_buffer=written, literal_binds=True)
        with environment.begin_transaction():
            environment.run_migrations()
    return PRELUDE + BOOKKEEPING.sub("", written.getvalue())


def lint(files: list[str], folder: Path, *excluded: str) -> int:
    if not files:
        return 0
    command = [str(Path(sys.executable).parent / "squawk"), "--pg-version", "15"]
    command += ["--reporter", "gcc", *(f"--exclude={rule}" for rule in excluded), *files]
    return subprocess.run(command, cwd=folder, check=False).returncode


def main() -> int:
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    scripts = ScriptDirectory.from_config(config)
    founding: list[str] = []
    later: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for script in scripts.walk_revisions():
            if script.revision in WITHOUT_SQL:
                continue
            target = folder / f"{Path(script.path).stem}.sql"
            target.write_text(sql_of(scripts, config, script))
            (founding if script.revision <= LAST_FOUNDING else later).append(target.name)
        return lint(founding, folder, HARMLESS_WHEN_EMPTY) or lint(later, folder)


if __name__ == "__main__":
    raise SystemExit(main())
