"""Writing a message in the transaction of what it tells about, and sending it by a job (``tasks``) afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.identity import people
from app.jobs import queue
from app.jurisdictions import load
from app.notifications.models import Message
from app.notifications.rendering import render
from app.notifications.sms import writing as texts

SEND = "notifications.send_mail"
PRIVATE = frozenset(
    {"verify_email", "reset_password", "invitation", "already_registered", "new_address", "advice_link", "erasure_done"}
)


@dataclass(frozen=True)
class Post:
    """Where mail goes. ``mail_url``: ``smtp://`` or ``smtps://`` with user and password, or empty: the demo mailbox
    is then the only reader, and mail counts as sent."""

    base_url: str = "http://127.0.0.1:8000"
    mail_url: str = ""
    sender: str = "no-reply@kibali.example"


_post = Post()


def configure(*, base_url: str, mail_url: str = "", sender: str = Post.sender) -> None:
    """Once, at start-up, in the web process and in the worker."""
    global _post
    _post = Post(base_url.rstrip("/"), mail_url, sender)


def post() -> Post:
    return _post


def send(
    session: Session,
    *,
    template: str,
    user_id: int | None = None,
    email: str | None = None,
    locale: str | None = None,
    values: Mapping[str, Any] | None = None,
    case_id: int | None = None,
) -> Message:
    """Write to a user or to an address, in their language; the mail leaves after the commit, and beside it a text to
    the telephone of who wants one.

    ``values`` reach the template as they are: dates, money and translatable texts are put in the reader's form there.
    ``path`` becomes the full address ``link``. Give ``user_id`` or ``email``; ValueError without either.
    """
    if user_id is not None:
        person = people.user(session, user_id)
        email = email or person.email
        locale = locale or person.locale
    if not email:
        raise ValueError("a message needs a user or an address")
    pack = load.current()
    locale = locale or pack.locale(pack.default_language)
    mail = render(template, values or {}, locale=locale, base_url=_post.base_url)
    message = Message(
        user_id=user_id,
        email=email,
        locale=locale,
        template=template,
        subject=mail.subject,
        body=mail.body,
        private=template in PRIVATE,
        case_id=case_id,
    )
    session.add(message)
    session.flush()
    queue.enqueue(session, SEND, message_id=message.id)
    if user_id is not None and not message.private:
        texts.beside(
            session,
            user_id=user_id,
            message_id=message.id,
            template=template,
            locale=locale,
            values=values or {},
            base=_post.base_url,
        )
    return message
