"""Commands end with one sentence when something outside the code is wrong, and never show a secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import create_engine, text

from app import cli
from tests.support.database import ServerUnderTest
from tests.unit.test_config import SAFE

ROOT = Path(cli.__file__).resolve().parent.parent
AWAY = {"KIBALI_MODE": "demo", "KIBALI_DATABASE_URL": "postgresql://kibali:s3cret@127.0.0.1:1/kibali"}
PRODUCTION = SAFE | {"KIBALI_DATABASE_URL": "postgresql://kibali@127.0.0.1:1/kibali"}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("KIBALI_")]:
        monkeypatch.delenv(name)


def _run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli.main, arguments, env=environment)


@pytest.mark.parametrize("arguments", [("migrate",), ("worker",), ("demo", "load")])
def test_without_settings_the_missing_one_is_named(arguments: tuple[str, ...]) -> None:
    result = _run(*arguments)
    assert result.exit_code == 1
    assert "KIBALI_" in result.stderr
    assert "Traceback" not in result.output


def test_an_unreachable_database_is_one_sentence_without_its_password() -> None:
    result = _run("migrate", **AWAY)
    assert result.exit_code == 1
    assert result.stderr.startswith("The database cannot be used")
    assert "KIBALI_DATABASE_URL" in result.stderr
    assert "s3cret" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1


def test_an_address_that_is_none_is_said_so() -> None:
    result = _run("migrate", KIBALI_MODE="demo", KIBALI_DATABASE_URL="not an address")
    assert result.exit_code == 1
    assert "is not an address" in result.stderr


@pytest.mark.parametrize("arguments", [("demo", "load"), ("demo", "seed", "--cases", "10")])
def test_demo_data_never_reaches_production(arguments: tuple[str, ...]) -> None:
    result = _run(*arguments, **PRODUCTION)
    assert result.exit_code == 1
    assert "not for production" in result.stderr


def test_a_seed_of_nothing_is_refused() -> None:
    assert _run("demo", "seed", "--cases", "0", **AWAY).exit_code == 2


def test_migrate_brings_an_empty_database_up_and_may_be_repeated(postgres: ServerUnderTest) -> None:
    with postgres.fresh_database(migrated=False) as url:
        for _ in range(2):
            result = _run("migrate", KIBALI_MODE="demo", KIBALI_DATABASE_URL=url)
            assert result.exit_code == 0, result.output
        engine = create_engine(url)
        with engine.connect() as connection:
            newest = max(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py"))
            assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == newest
        engine.dispose()


def test_both_packs_are_valid() -> None:
    result = _run("packs", "check")
    assert result.exit_code == 0, result.output
    assert "RW-" in result.output
    assert "CG-" in result.output


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"KIBALI_SECRET_KEY": ""}, "KIBALI_SECRET_KEY"),
        ({"KIBALI_BASE_URL": "http://a.example"}, "HTTPS"),
        ({"KIBALI_DATABASE_URL": "not an address"}, "KIBALI_DATABASE_URL"),
    ],
)
def test_the_server_does_not_start_on_unsafe_settings(changes: dict[str, str], says: str) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KIBALI_")}
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env=plain | PRODUCTION | changes,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Kibali cannot start.")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
