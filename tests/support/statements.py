"""What is sent to the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.orm import Session


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements of the block, savepoints left out."""
    said: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if not statement.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
            said.append(statement)

    server = session.get_bind().engine
    event.listen(server, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(server, "before_cursor_execute", note)
