"""Transactions that only read end with COMMIT. At ROLLBACK psycopg forgets the statements it has prepared, and planning
them anew is most of what a page costs the database; to PostgreSQL the two are the same when nothing was changed."""

from typing import Any

from sqlalchemy import CompoundSelect, Connection, Engine, Select, UpdateBase, event
from sqlalchemy.orm import Session, sessionmaker

# Of a connection: whether its transaction ran anything but plain selects. Of a session: its latest connection.
_MORE, _LATEST = "kibali_more_than_selects", "kibali_latest_connection"


def watch(engine: Engine, sessions: sessionmaker[Session]) -> None:
    """Have what ``engine`` runs noted: every statement, of the session or not, unless it bypasses SQLAlchemy."""
    event.listen(engine, "begin", _note_begin)
    event.listen(engine, "before_cursor_execute", _note_statement)
    event.listen(sessions, "after_begin", _note_connection)


def only(session: Session) -> bool:
    """Whether its open transaction has read and there is nothing that a commit would keep."""
    connection: Connection | None = session.info.get(_LATEST)
    if connection is None or connection.closed or not connection.in_transaction() or connection.info.get(_MORE, True):
        return False
    return not (session.new or session.dirty or session.deleted)  # a commit would write it first


def _note_begin(connection: Connection) -> None:
    connection.info[_MORE] = False


def _note_statement(connection: Connection, cursor: Any, sql: str, values: Any, context: Any, many: bool) -> None:
    compiled = context.compiled if context is not None else None
    # SQL in words may call or change anything, and so may a select from a changing statement.
    if (
        compiled is None
        or not isinstance(compiled.statement, Select | CompoundSelect)
        or any(isinstance(each.element, UpdateBase) for each in compiled.ctes or ())
    ):
        connection.info[_MORE] = True


def _note_connection(session: Session, transaction: Any, connection: Connection) -> None:
    session.info[_LATEST] = connection
