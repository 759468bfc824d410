"""The server the tests use and the fast copies of a migrated template database."""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from tools.postgres import Server

ROOT = Path(__file__).resolve().parent.parent.parent


def alembic_config(url: str) -> Config:
    config = Config(str(ROOT / "migrations" / "alembic.ini"))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _schema_version() -> str:
    digest = hashlib.sha256()
    for path in sorted((ROOT / "migrations").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class ServerUnderTest:
    """A PostgreSQL on which databases can be made and dropped."""

    url: str
    held: IO[str] | None = None

    @classmethod
    def start(cls) -> "ServerUnderTest":
        """The one that was given, else a private one that keeps running for the next time."""
        if url := os.environ.get("KIBALI_TEST_DATABASE_URL"):
            return cls(url)
        server = Server(ROOT / ".local" / "postgres-test", fast=True)
        held = server.share()
        return cls(server.start(), held)

    def _connect(self) -> "psycopg.Connection[tuple[object, ...]]":
        address = make_url(self.url).set(drivername="postgresql", database="postgres")
        return psycopg.connect(address.render_as_string(hide_password=False), autocommit=True)

    def _named(self, name: str) -> str:
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def _template(self, connection: "psycopg.Connection[tuple[object, ...]]") -> str:
        """The migrated template, made once for each content of ``migrations/``."""
        name = f"kibali_template_{_schema_version()}"
        connection.execute("SELECT pg_advisory_lock(7240)")
        try:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
            if found is None:
                draft = f"{name}_draft"
                connection.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
                connection.execute(f'CREATE DATABASE "{draft}"')
                command.upgrade(alembic_config(self._named(draft)), "head")
                connection.execute(f'ALTER DATABASE "{draft}" RENAME TO "{name}"')
        finally:
            connection.execute("SELECT pg_advisory_unlock(7240)")
        return name

    @contextmanager
    def fresh_database(self, *, migrated: bool = True) -> Iterator[str]:
        """The URL of a new database, dropped afterwards."""
        name = f"kibali_test_{uuid.uuid4().hex[:12]}"
        with self._connect() as connection:
            source = self._template(connection) if migrated else "template0"
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        try:
            yield self._named(name)
        finally:
            with self._connect() as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
