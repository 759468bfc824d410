"""Messages: in the reader's language, mailed after the commit, kept in the inbox, never leaking a secret link."""

import smtplib
import socketserver
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import notifications
from app.core import clock
from app.core.errors import NotFound
from app.core.i18n import lazy_gettext as _l
from app.core.i18n import use_locale
from app.core.money import Money
from app.jobs import queue
from app.jurisdictions import load
from app.notifications import failures, inbox, rendering, tasks
from app.notifications.models import Message
from app.notifications.rendering import TEMPLATES, render
from tests.factories.people import make_user

BASE = "https://kibali.example"
VALUES = {
    "reference": "EL-2026-00001-K",
    "title": "Coffee & tea",
    "service": "export licence",
    "reason": "Please send the <invoice>.",
    "deadline": datetime(2026, 11, 21, 22, 30, tzinfo=UTC),
    "amount": Money(15000, "RWF"),
    "number": "+250 ••• 001",
    "path": "/cases/EL-2026-00001-K",
}
OURS = sorted(path.stem for path in TEMPLATES.glob("*.txt") if "{{ link }}" in path.read_text())


@pytest.fixture(autouse=True)
def post() -> Iterator[None]:
    load.configure("RW")
    notifications.configure(base_url=BASE)
    yield
    notifications.configure(base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize("template", OURS)
@pytest.mark.parametrize("locale", ["en_RW", "fr_RW"])
def test_every_mail_has_a_subject_a_text_and_a_link(template: str, locale: str) -> None:
    mail = render(template, VALUES, locale=locale, base_url=BASE)
    assert mail.subject
    assert "\n" not in mail.subject
    assert mail.body.count("\n\n\n") == 0
    assert f"{BASE}/cases/EL-2026-00001-K" in mail.body
    assert "&amp;" not in mail.body
    assert "{{" not in mail.body
    assert len(mail.body) < 900


@pytest.mark.parametrize("template", OURS)
def test_a_missing_optional_value_does_not_stop_a_decision(template: str) -> None:
    assert render(template, {"reference": "A"}, locale="en_RW", base_url=BASE).subject


def test_dates_are_the_readers_local_day() -> None:
    mail = render("case_submitted", VALUES, locale="en_RW", base_url=BASE)
    assert "22 November 2026" in mail.body  # 00:30 in Kigali


def test_awaiting_payment_says_so() -> None:
    mail = render("case_submitted", {**VALUES, "awaiting_payment": True}, locale="en_RW", base_url=BASE)
    assert "pay the fee" in mail.subject


def test_rendered_in_the_readers_language_not_the_writers(session: Session) -> None:
    user = make_user(session, locale="fr_RW")
    with use_locale("en_RW"):
        message = notifications.send(
            session, user_id=user.id, template="payment_received", values={**VALUES, "reason": _l("x")}
        )
    assert message.locale == "fr_RW"
    assert "15\u00a0000\u00a0RWF" in message.body
    assert message.email == user.email


def test_without_a_mail_server_it_counts_as_sent(session: Session) -> None:
    message = notifications.send(session, email="someone@test.example", template="case_approved", values=VALUES)
    assert message.mail_state == "queued"
    queue.run_pending(session)
    assert message.mail_state == "sent"


class Server:
    """Instead of a mail server: takes mail or is away."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.away = False

    def __call__(self, url: str, mail: EmailMessage) -> None:
        if self.away:
            raise smtplib.SMTPServerDisconnected("away")
        self.got.append(mail)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    found = Server()
    monkeypatch.setattr(tasks, "deliver", found)
    notifications.configure(base_url=BASE, mail_url="smtp://mail.example:25")
    return found


def test_sent_by_the_mail_server(session: Session, server: Server) -> None:
    message = notifications.send(session, email="someone@test.example", template="case_approved", values=VALUES)
    assert server.got == []
    queue.run_pending(session)
    (mail,) = server.got
    assert mail["To"] == "someone@test.example"
    assert mail["Subject"] == message.subject
    assert f"kibali-{message.id}-" in mail["Message-ID"]
    assert BASE in mail.get_content()
    tasks.send_mail(session, message.id)
    assert len(server.got) == 1


def test_a_server_that_is_away_is_tried_again_then_the_mail_is_listed(session: Session, server: Server) -> None:
    server.away = True
    message = notifications.send(session, email="someone@test.example", template="case_approved", values=VALUES)
    queue.run_pending(session, reraise=False)
    assert (message.mail_state, message.attempts) == ("queued", 1)
    for _attempt in range(queue.DEFAULT.attempts - 1):
        with time_machine.travel(clock.now() + timedelta(days=1), tick=False):
            queue.run_pending(session, reraise=False)
        session.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))
    assert message.mail_state == "failed"
    assert [found.id for found in failures.list(session)] == [message.id]
    server.away = False
    tasks.send_mail(session, message.id)
    assert message.mail_state == "sent"


class PlainServer(socketserver.BaseRequestHandler):
    """A mail server without TLS that notes what it is told."""

    said: list[str] = []

    def handle(self) -> None:
        self.request.sendall(b"220 here\r\n")
        for line in self.request.makefile("r"):
            self.said.append(line.strip())
            word = line.split(maxsplit=1)[0].upper() if line.strip() else ""
            answers = {"EHLO": "250-here\r\n250 AUTH PLAIN LOGIN", "DATA": "354 go on", "QUIT": "221 bye"}
            if word in {"EHLO", "MAIL", "RCPT", "DATA", "QUIT", "AUTH", "."}:
                self.request.sendall(answers.get(word, "250 good").encode() + b"\r\n")


@pytest.fixture
def plain_server() -> Iterator[str]:
    PlainServer.said.clear()
    with socketserver.TCPServer(("127.0.0.1", 0), PlainServer) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Hello", "a@kibali.example", "b@test.example"
    mail.set_content("Good day")
    return mail


def test_mail_is_handed_to_a_server(plain_server: str) -> None:
    tasks.deliver(f"smtp://{plain_server}", a_mail())
    assert "Good day" in PlainServer.said
    assert [line for line in PlainServer.said if line.startswith("rcpt TO")] == ["rcpt TO:<b@test.example>"]


def test_a_password_is_not_sent_in_the_clear(plain_server: str) -> None:
    with pytest.raises(smtplib.SMTPNotSupportedError):
        tasks.deliver(f"smtp://portal:s3cret@{plain_server}", a_mail())
    assert not [line for line in PlainServer.said if line.upper().startswith("AUTH")]


def test_a_secret_link_is_not_in_the_inbox_and_is_emptied_once_sent(
    session: Session, server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "reset_password.txt").write_text("Reset\n\n{{ link }}\n")
    monkeypatch.setattr(rendering, "TEMPLATES", tmp_path)
    rendering.environment.cache_clear()
    user = make_user(session)
    message = notifications.send(session, user_id=user.id, template="reset_password", values={"path": "/reset/secret"})
    rendering.environment.cache_clear()
    assert inbox.messages(session, user.id) == []
    assert inbox.unread(session, user.id) == 0
    with pytest.raises(NotFound):
        inbox.open_message(session, user.id, message.id)
    queue.run_pending(session)
    assert "secret" in server.got[0].get_content()
    assert "secret" not in message.body


def test_old_private_messages_are_forgotten_once_sent(session: Session) -> None:
    user = make_user(session)
    kept: list[int] = []
    for template, days, state, stays in (
        ("reset_password", 91, "sent", False),
        ("reset_password", 91, "failed", True),
        ("reset_password", 89, "sent", True),
        ("case_approved", 91, "sent", True),
    ):
        message = notifications.send(session, user_id=user.id, template=template, values=VALUES)
        message.created_at, message.mail_state = clock.now() - timedelta(days=days), state
        if stays:
            kept.append(message.id)
    session.flush()
    tasks.forget_private(session)
    assert session.scalars(select(Message.id).where(Message.user_id == user.id).order_by(Message.id)).all() == kept


def test_the_inbox_is_the_readers_own(session: Session) -> None:
    mine, other = make_user(session), make_user(session)
    sent = [notifications.send(session, user_id=mine.id, template="case_approved", values=VALUES) for _n in range(3)]
    assert inbox.unread(session, mine.id) == 3
    assert [found.id for found in inbox.messages(session, mine.id, limit=2)] == [sent[2].id, sent[1].id]
    assert [found.id for found in inbox.messages(session, mine.id, before=sent[1].id)] == [sent[0].id]
    with pytest.raises(NotFound):
        inbox.open_message(session, other.id, sent[0].id)
    assert sent[0].read_at is None
    assert inbox.open_message(session, mine.id, sent[0].id).read_at is not None
    assert inbox.unread(session, mine.id) == 2
    inbox.mark_all_read(session, mine.id)
    assert inbox.unread(session, mine.id) == 0


def test_a_message_needs_somebody(session: Session) -> None:
    with pytest.raises(ValueError, match="user or an address"):
        notifications.send(session, template="case_approved")


def test_a_subject_cannot_smuggle_a_header(session: Session) -> None:
    values = {**VALUES, "reference": "A\r\nBcc: thief@test.example"}
    message = notifications.send(session, email="someone@test.example", template="case_approved", values=values)
    mail = tasks.compose(message, "no-reply@kibali.example")
    assert mail["Bcc"] is None
    assert isinstance(session.get(Message, message.id), Message)


def test_every_template_of_the_folder_ends_in_text() -> None:
    assert {path.suffix for path in TEMPLATES.iterdir()} == {".txt"}
