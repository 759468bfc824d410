"""The inbox: what a person was told, in the portal. Private messages (links that open an account) are not in it."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import NotFound
from app.notifications.models import Message

PAGE = 25


def unread(session: Session, user_id: int) -> int:
    found = session.scalar(
        select(func.count()).where(Message.user_id == user_id, Message.read_at.is_(None), ~Message.private)
    )
    return int(found or 0)


def messages(session: Session, user_id: int, *, before: int | None = None, limit: int = PAGE) -> Sequence[Message]:
    """Newest first; ``before`` is the id of the last one seen."""
    statement = select(Message).where(Message.user_id == user_id, ~Message.private)
    if before is not None:
        statement = statement.where(Message.id < before)
    return session.scalars(statement.order_by(Message.id.desc()).limit(limit)).all()


def open_message(session: Session, user_id: int, message_id: int) -> Message:
    """The message, now read. Raises NotFound for somebody else's."""
    found = session.scalar(
        select(Message).where(Message.id == message_id, Message.user_id == user_id, ~Message.private)
    )
    if found is None:
        raise NotFound
    if found.read_at is None:
        found.read_at = clock.now()
        session.flush()
    return found


def mark_all_read(session: Session, user_id: int) -> None:
    session.execute(
        update(Message)
        .where(Message.user_id == user_id, Message.read_at.is_(None), ~Message.private)
        .values(read_at=clock.now())
    )


# --- the demo's mailbox -----------------------------------------------------------------------------------------------


def everyone(session: Session, *, email: str = "", before: int | None = None, limit: int = PAGE) -> Sequence[Message]:
    """All mail, newest first: only the demo's mailbox page may show it."""
    statement = select(Message)
    if email:
        statement = statement.where(Message.email == email.strip().lower())
    if before is not None:
        statement = statement.where(Message.id < before)
    return session.scalars(statement.order_by(Message.id.desc()).limit(limit)).all()


def any_message(session: Session, message_id: int) -> Message:
    """Raises NotFound."""
    found = session.get(Message, message_id)
    if found is None:
        raise NotFound
    return found
