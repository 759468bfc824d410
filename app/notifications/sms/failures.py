"""Texts that failed for good, for someone who can act."""

from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import NotFound
from app.jobs import failures
from app.notifications.sms.models import TextMessage, TextState
from app.notifications.sms.tasks import UNANSWERED
from app.notifications.sms.writing import SEND, WORTH


def list(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[TextMessage]:
    """Newest first; ``before`` is the id of the last one of the page before."""
    statement = select(TextMessage).where(TextMessage.given_up)
    if before is not None:
        statement = statement.where(TextMessage.id < before)
    return session.scalars(statement.order_by(TextMessage.id.desc()).limit(limit)).all()


def count(session: Session) -> int:
    return int(session.scalar(select(func.count()).select_from(TextMessage).where(TextMessage.given_up)) or 0)


def retry(session: Session, text_id: int) -> TextMessage:
    """Hand it over once more. Raises NotFound unless it was given up.

    Under a new reference, because providers refuse one they have had: of a text that may have arrived it stays the
    same, so that one which did is not sent twice.
    """
    text = session.get(TextMessage, text_id, with_for_update=True, populate_existing=True)
    if text is None or not text.given_up:
        raise NotFound
    was = text.reason
    text.state, text.reason, text.ended_at, text.given_up = TextState.QUEUED.value, "", None, False
    text.valid_until = clock.now() + WORTH
    if was != UNANSWERED:
        text.reference, text.provider_id, text.sent_at = uuid4(), None, None
    session.flush()
    failures.ask_again(session, SEND, text_id=text.id)
    return text
