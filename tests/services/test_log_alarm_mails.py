"""A log that does not agree with itself: told once to those who can act, then daily; one line among the failures."""

import dataclasses
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app import tasks_index
from app.audit import heads, sequencer
from app.core import clock
from app.identity.actor import Role
from app.jobs import failures, queue
from app.notifications.models import Message
from tests.factories.people import make_user
from tests.services.conftest import People


@pytest.fixture(autouse=True)
def log_of_its_own(rwanda: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tasks_index.import_tasks()
    monkeypatch.setattr(heads, "_place", dataclasses.replace(heads._configured(), folder=tmp_path / "heads"))


def minute(session: Session) -> None:
    queue.enqueue(session, sequencer.SEQUENCE)
    queue.run_pending(session, reraise=False)


def told(session: Session) -> list[tuple[int | None, str]]:
    found = session.scalars(select(Message).where(Message.template == "log_alarm").order_by(Message.id))
    return [(message.user_id, message.body) for message in found]


def test_auditors_and_administrators_hear_once_a_day(
    rwanda: Session, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor, administrator = make_user(rwanda, role=Role.AUDITOR), make_user(rwanda, role=Role.ADMINISTRATOR)
    make_user(rwanda, role=Role.AUDITOR).disabled_at = clock.now()

    def rolled_back(*given: object, **more: object) -> None:
        raise sequencer.RolledBack("head 7 was exported and is not here")

    monkeypatch.setattr(sequencer, "check", rolled_back)
    for _minute in range(3):
        minute(rwanda)
    readers = [reader for reader, _body in told(rwanda)]
    assert readers == sorted([auditor.id, administrator.id])
    assert ["/audit/log" in body for _reader, body in told(rwanda)] == [True, False]
    assert all("RolledBack" in body for _reader, body in told(rwanda))
    assert [failure.task for failure in failures.list(rwanda)] == [sequencer.SEQUENCE], "one line, the latest"
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        for _minute in range(2):
            minute(rwanda)
        assert len(told(rwanda)) == 4


def test_an_error_of_another_kind_is_no_alarm(rwanda: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(rwanda, role=Role.AUDITOR)

    def away(*given: object, **more: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(sequencer, "check", away)
    minute(rwanda)
    assert told(rwanda) == []
    assert rwanda.scalar(text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'failed'")) == 1
