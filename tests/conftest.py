"""Fixtures for every test: a real PostgreSQL, one template database a schema version, a savepoint a test."""

import os
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.orm import Session

from app.core import db, i18n
from app.documents import schema_models
from app.models_index import import_models
from tests.support.database import ServerUnderTest
from tools.loopback import direct

# Foreign keys are declared by name: every model must be known before the first statement.
import_models()
schema_models.configure(strict=True)  # a record whose data does not fit its schema fails the test
os.environ.update(direct(os.environ))  # portals and stand-ins are on this machine


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Every test begins in English, whatever the one before it read."""
    with i18n.use_locale("en_RW", ZoneInfo("Africa/Kigali")):
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[ServerUnderTest]:
    """The server; ``KIBALI_TEST_DATABASE_URL`` points at another one than the embedded."""
    server = ServerUnderTest.start()
    yield server
    if server.held is not None:
        server.held.close()


@pytest.fixture(scope="session")
def database(postgres: ServerUnderTest) -> Iterator[db.Database]:
    """A migrated database of this process's own, for tests that roll back."""
    with postgres.fresh_database() as url:
        database = db.Database(url, pool_size=20, max_overflow=40)
        db.configure(database)
        yield database
        database.close()


@pytest.fixture
def session(database: db.Database) -> Iterator[Session]:
    """A session inside a transaction that is rolled back; ``commit()`` in the code under test is a savepoint's."""
    db.configure(database)
    connection = database.engine.connect()
    outer = connection.begin()
    current = Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
    token = db._session.set(current)
    yield current
    db._session.reset(token)
    current.close()
    outer.rollback()
    connection.close()


@pytest.fixture
def committed(postgres: ServerUnderTest) -> Iterator[db.Database]:
    """A database of the test's own where commits are real: for races and for the running portal."""
    with postgres.fresh_database() as url:
        database = db.Database(url, pool_size=20, max_overflow=60)
        previous = db._database
        db.configure(database)
        yield database
        database.close()
        db._database = previous
