"""Commands and the server on databases that are not as they should be: one sentence, and what to do."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from app import cli
from app.audit import logkey
from app.core import db
from config import ROOT, SettingsError, load
from tests.factories.people import make_user
from tests.support.database import ServerUnderTest
from tests.support.seals import earnest
from tests.unit.test_config import DEMO, SAFE


@contextmanager
def poor_user(url: str) -> Iterator[str]:
    """The address for somebody who may connect to the database and nothing else."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE ROLE kibali_test_poor LOGIN PASSWORD 'poor'"))
        try:
            yield engine.url.set(username="kibali_test_poor", password="poor").render_as_string(hide_password=False)
        finally:
            connection.execute(text("DROP ROLE kibali_test_poor"))
    engine.dispose()


def log_key(folder: Path) -> dict[str, str]:
    path = folder / "log-key.pem"
    logkey.load(path, create=True)
    return {"KIBALI_LOG_KEY": str(path)}


def _wsgi(environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", "import wsgi; print('started')"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_a_user_who_may_not_create_tables_is_told_what_to_ask_for(postgres: ServerUnderTest) -> None:
    with postgres.fresh_database(migrated=False) as url, poor_user(url) as address:
        result = CliRunner().invoke(cli.main, ["migrate"], env=DEMO | {"KIBALI_DATABASE_URL": address})
    assert result.exit_code == 1
    assert result.stderr.startswith("The user kibali_test_poor may not create tables in the database kibali_test_")
    assert 'OWNER TO "kibali_test_poor";' in result.stderr


def test_an_old_postgresql_is_named(postgres: ServerUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "OLDEST_POSTGRESQL", 99)
    with postgres.fresh_database(migrated=False) as url:
        result = CliRunner().invoke(cli.main, ["migrate"], env=DEMO | {"KIBALI_DATABASE_URL": url})
    assert result.exit_code == 1
    assert result.stderr.startswith("This is PostgreSQL ")
    assert "Kibali needs 99 or newer." in result.stderr


def test_production_does_not_start_among_demo_accounts(committed: db.Database, tmp_path: Path) -> None:
    url = committed.engine.url.render_as_string(hide_password=False)
    production = SAFE | {"KIBALI_DATABASE_URL": url, "KIBALI_SEAL": earnest(tmp_path)} | log_key(tmp_path)
    assert _wsgi(production).stdout == "started\n"
    with Session(committed.engine) as session:
        user = make_user(session)
        user.is_demo = True
        session.commit()
    refused = _wsgi(production)
    assert refused.returncode == 1
    assert refused.stderr.startswith("Kibali cannot start. The database has demo accounts")
    assert _wsgi(production | {"KIBALI_MODE": "demo"}).stdout == "started\n"


def test_production_starts_while_its_database_is_away(tmp_path: Path) -> None:
    away = {
        "KIBALI_DATABASE_URL": "postgresql://kibali@127.0.0.1:1/kibali",
        "KIBALI_SEAL": earnest(tmp_path),
    } | log_key(tmp_path)
    assert _wsgi(SAFE | away).stdout == "started\n"


def test_production_does_not_start_without_the_key_of_the_log(tmp_path: Path) -> None:
    refused = _wsgi(SAFE | {"KIBALI_LOG_KEY": str(tmp_path / "none.pem"), "KIBALI_SEAL": earnest(tmp_path)})
    assert refused.returncode == 1
    assert "none.pem cannot be read: No such file or directory. Check KIBALI_LOG_KEY." in refused.stderr
    assert not (tmp_path / "none.pem").exists()


@pytest.mark.parametrize(
    "address",
    [
        "hello",
        "mysql://a:b@h/d",
        "sqlite:///kibali.db",
        "postgresql+psycopg2://a@h/d",
        "postgresql://a@h:port/d",
        "postgresql://a@h:1,h:2/d",
    ],
)
def test_an_address_of_no_postgresql_is_refused(address: str) -> None:
    with pytest.raises(SettingsError, match=r"KIBALI_DATABASE_URL is not an address .* postgresql://user:password@"):
        load(DEMO | {"KIBALI_DATABASE_URL": address})
