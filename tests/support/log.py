"""An audit log of a test's own: where its heads go, entries in it, and a superuser's hand in its tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.audit import entries, heads, logkey, verbs
from app.audit.models import Entry
from app.identity.actor import Actor, Role

DONE = verbs.register("test.done", "Done")
AMINA = Actor(kind="user", name="Amina Rukundo", user_id=7, role=Role.CLERK, ip="192.0.2.7")


@contextmanager
def kept_in(folder: Path) -> Iterator[Path]:
    """Heads are exported there and signed with a new key."""
    before = heads._place
    key = logkey.load(folder / "key.pem", create=True)
    heads.configure(log="http://localhost/log", key=key, folder=folder / "heads")
    yield folder
    heads._place = before


def write(session: Session, count: int) -> list[Entry]:
    written = [entries.record(session, AMINA, DONE, subject=f"case:{n}", detail={"n": n}) for n in range(count)]
    session.flush()
    return written


@contextmanager
def as_superuser(session: Session, *tables: str) -> Iterator[None]:
    for table in tables:
        session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    yield
    for table in tables:
        session.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


def execute(session: Session, script: str) -> None:
    """Statements separated by semicolons, inside a savepoint."""
    with session.begin_nested():
        for statement in script.split("; "):
            session.execute(sa.text(statement))
