"""The database: declarative base, the engine, and the unit of work.

One unit of work is one session and one transaction. The edge (request hook, job runner, command)
opens it; domain functions take the ``Session`` as their first argument and never commit; the edge commits once.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import BigInteger, Date, Engine, ForeignKey, Identity, MetaData, Numeric, Text, create_engine, make_url
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, sessionmaker

from app.core import reads


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        str: Text(),
        int: BigInteger(),
        datetime: TIMESTAMP(timezone=True),
        date: Date(),
        Decimal: Numeric(18, 6),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
    }


BigId = Annotated[int, mapped_column(BigInteger, Identity(), primary_key=True)]


def foreign_key(target: str, **options: Any) -> Any:
    """A foreign key column with the index every foreign key needs."""
    ondelete = options.pop("ondelete", None)
    use_alter = options.pop("use_alter", False)
    options.setdefault("index", True)
    return mapped_column(BigInteger, ForeignKey(target, ondelete=ondelete, use_alter=use_alter), **options)


class Database:
    """One engine and its sessions."""

    def __init__(self, url: str, *, pool_size: int = 5, max_overflow: int = 10, echo: bool = False) -> None:
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=max_overflow,
            pool_pre_ping=True,
            echo=echo,
            hide_parameters=True,  # errors are logged, and the values of a statement are people's
            connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
        )
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        reads.watch(self.engine, self.sessions)

    def close(self) -> None:
        self.engine.dispose()


_database: Database | None = None
_session: ContextVar[Session | None] = ContextVar("kibali_session", default=None)


def configure(database: Database) -> None:
    """Make ``database`` the process's own (called once by the application factory)."""
    global _database
    _database = database


def use(url: str) -> None:
    """As ``configure``, with the database at ``url``; nothing happens when it is the process's own already."""
    if _database is not None:
        if _database.engine.url == make_url(url):
            return
        _database.close()
    configure(Database(url))


def database() -> Database:
    if _database is None:
        raise RuntimeError("no database: call core.db.configure() first")
    return _database


def session() -> Session:
    """The session of the open unit of work."""
    current = _session.get()
    if current is None:
        raise RuntimeError("no unit of work is open")
    return current


@contextmanager
def unit_of_work(*, commit: bool = True) -> Iterator[Session]:
    """Open one; commit at the end unless told not to, then nothing is kept; roll back on an error."""
    current = database().sessions()
    token = _session.set(current)
    try:
        yield current
        if commit:
            current.commit()
        elif reads.only(current):
            with suppress(DBAPIError):  # the answer is made; the pool replaces a lost connection
                current.commit()
    except BaseException:
        current.rollback()
        raise
    finally:
        _session.reset(token)
        current.close()


__all__ = ["Base", "BigId", "Database", "configure", "database", "foreign_key", "session", "unit_of_work", "use"]
