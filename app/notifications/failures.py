"""Mail that was given up, for someone who can act: seeing it, and sending it again."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.jobs import failures
from app.notifications.models import MailState, Message
from app.notifications.sending import SEND

_FAILED = Message.mail_state == MailState.FAILED.value


def list(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Message]:
    """Newest first; ``before`` is the id of the last one of the page before."""
    statement = select(Message).where(_FAILED)
    if before is not None:
        statement = statement.where(Message.id < before)
    return session.scalars(statement.order_by(Message.id.desc()).limit(limit)).all()


def count(session: Session) -> int:
    return int(session.scalar(select(func.count()).where(_FAILED)) or 0)


def retry(session: Session, message_id: int) -> Message:
    """Hand it to the mail server once more. Raises NotFound unless it was given up."""
    message = session.get(Message, message_id, with_for_update=True, populate_existing=True)
    if message is None or message.mail_state != MailState.FAILED:
        raise NotFound
    message.mail_state = MailState.QUEUED.value
    session.flush()
    failures.ask_again(session, SEND, message_id=message.id)
    return message
