"""Writing a text in the transaction of what it tells about; a job (``tasks``) hands it over afterwards."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions import load
from app.notifications import sms
from app.notifications.rendering import render_text
from app.notifications.sms import alphabet, phones, quiet
from app.notifications.sms.models import TextMessage

SEND = "notifications.send_text"
WORTH = timedelta(hours=24)  # a text that could not be handed over for so long is no news any more
CODE = "phone_code"


def beside(
    session: Session, *, user_id: int, message_id: int, template: str, locale: str, values: Mapping[str, Any], base: str
) -> TextMessage | None:
    """The short form of a message, when its template has one and the person wants texts."""
    if sms.current() is None:
        return None
    body = render_text(template, values, locale=locale, base_url=base)
    number = phones.to_write_to(session, user_id) if body else None
    if not body or number is None:
        return None
    return _add(session, user_id=user_id, message_id=message_id, number=number, template=template, locale=locale,
                body=body)  # fmt: skip


def code(session: Session, user: User, number: str, secret: str, *, base: str) -> TextMessage:
    """The code that confirms a number, to that number, at any hour."""
    body = render_text(CODE, {"code": secret}, locale=user.locale, base_url=base)
    return _add(
        session, user_id=user.id, message_id=None, number=number, template=CODE, locale=user.locale, body=body,
        secret=True,
    )  # fmt: skip


def of_message(session: Session, message_id: int) -> TextMessage | None:
    return session.scalar(select(TextMessage).where(TextMessage.message_id == message_id))


def _add(
    session: Session, *, user_id: int, message_id: int | None, number: str, template: str, locale: str, body: str,
    secret: bool = False,
) -> TextMessage:  # fmt: skip
    fitted = alphabet.fit(body)
    now = clock.now()
    later = None if secret else quiet.until(now, load.current().zone)
    text = TextMessage(
        user_id=user_id,
        message_id=message_id,
        number=number,
        locale=locale,
        template=template,
        body=fitted.text,
        segments=fitted.segments,
        secret=secret,
        valid_until=(later or now) + (phones.LASTS if secret else WORTH),
    )
    session.add(text)
    session.flush()
    queue.enqueue(session, SEND, at=later, text_id=text.id)
    return text
