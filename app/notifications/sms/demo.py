"""What the demonstration's telephones got."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.notifications.sms.models import TextMessage, TextState

PAGE = 25
_RECEIVED = (TextState.SENT.value, TextState.DELIVERED.value)


def conversations(session: Session, *, before: int | None = None) -> Sequence[TextMessage]:
    """Texts of every number, newest first, one more than a page: only the demo's telephone page may show them."""
    statement = select(TextMessage).where(TextMessage.state.in_(_RECEIVED))
    if before is not None:
        statement = statement.where(TextMessage.id < before)
    return session.scalars(statement.order_by(TextMessage.id.desc()).limit(PAGE + 1)).all()
