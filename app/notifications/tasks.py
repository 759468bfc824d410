"""The job that hands mail to the mail server, and the one that forgets private messages."""

import smtplib
import ssl
from datetime import timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.core import clock
from app.jobs import queue
from app.jurisdictions import load, lookup
from app.notifications import sending
from app.notifications.models import MailState, Message

REMOVED = "[removed after sending]"
FORGET = "notifications.forget_private"
KEPT = timedelta(days=90)


def _failed(session: Session, failed: queue.Failed, message_id: int) -> None:
    message = session.get(Message, message_id)
    if message is not None and message.mail_state != MailState.SENT:
        message.attempts = failed.attempts
        message.error = failed.error
        message.mail_state = (MailState.FAILED if failed.final else MailState.QUEUED).value


@queue.task(sending.SEND, queue="mails", on_failure=_failed)
def send_mail(session: Session, message_id: int) -> None:
    """Hand one message to the mail server. A crash between the two may send it twice, with the same Message-ID."""
    message = session.get(Message, message_id)
    if message is None or message.mail_state == MailState.SENT:
        return
    post = sending.post()
    if post.mail_url:
        mail = compose(message, post.sender)
        if not session.in_nested_transaction():
            session.commit()  # ends the read: no transaction waits for the mail server
        deliver(post.mail_url, mail)
        if message.private:
            message.body = REMOVED  # it held a link that opens an account
    message.mail_state = MailState.SENT.value
    message.attempts += 1
    message.sent_at = clock.now()
    message.error = ""
    session.flush()


@queue.task(FORGET, queue="bulk")
def forget_private(session: Session) -> None:
    """Delete private messages that were sent long ago: no inbox shows them, and their links no longer work."""
    old = Message.created_at < lookup.past(load.current(), "private_mails", clock.now())
    session.execute(
        delete(Message).where(
            Message.private, Message.mail_state == MailState.SENT.value, Message.case_id.is_(None), old
        )
    )


queue.periodic("53 2 * * *", FORGET)


def compose(message: Message, sender: str) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = sender
    mail["To"] = message.email
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<kibali-{message.id}-{message.created_at:%Y%m%d%H%M%S}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["Content-Language"] = message.locale.partition("_")[0]
    mail.set_content(message.body)
    return mail


def deliver(url: str, mail: EmailMessage) -> None:
    """By ``smtps://``, or ``smtp://`` with STARTTLS where the server offers it; a password never goes in the clear."""
    parts = urlsplit(url)
    host, context = parts.hostname or "localhost", ssl.create_default_context()
    if parts.scheme == "smtps":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=15, context=context)
    else:
        server = smtplib.SMTP(host, parts.port or 25, timeout=15)
    with server:
        server.ehlo()
        encrypted = parts.scheme == "smtps" or server.has_extn("starttls")
        if encrypted and parts.scheme != "smtps":
            server.starttls(context=context)
            server.ehlo()
        if parts.username:
            if not encrypted:
                raise smtplib.SMTPNotSupportedError("the mail server offers no TLS for the password")
            server.login(unquote(parts.username), unquote(parts.password or ""))
        server.send_message(mail)
