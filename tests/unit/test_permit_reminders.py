"""Reminders before a permit ends: each notice once, to those who act for the holder, in their language."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app.core import clock
from app.identity.actor import SYSTEM
from app.jobs import queue
from app.notifications.models import Message
from app.permits import lifecycle, reminders, tasks
from tests.factories.businesses import make_business
from tests.factories.people import make_user
from tests.factories.permits import make_permit


@pytest.fixture
def owner(session):
    return make_user(session, locale="fr_RW")


@pytest.fixture
def business(session, owner):
    return make_business(session, owner=owner)


def told(session, owner):
    found = select(Message).where(Message.user_id == owner.id, Message.template == "permit_expiring")
    return list(session.scalars(found.order_by(Message.id)))


def on_day(permit, before):
    """In the middle of the day that many days before the permit ends."""
    return time_machine.travel(permit.expires_at - timedelta(days=before, hours=-12), tick=False)


def test_a_notice_30_and_7_days_before_and_no_other(session, business, owner):
    permit = make_permit(session, business, days=90)
    heard = []
    for before in range(91, 0, -1):
        with on_day(permit, before):
            count = reminders.send(session)
            assert reminders.send(session) == 0, "the same day again says nothing new"
        if count:
            heard.append(before)
    assert heard == [30, 7]
    assert [message.subject.count(permit.number) for message in told(session, owner)] == [1, 1]


def test_the_job_writes_in_the_readers_language(session, business, owner):
    permit = make_permit(session, business, days=90)
    with on_day(permit, 7):
        queue.enqueue(session, tasks.REMIND)
        queue.run_pending(session)
    (message,) = told(session, owner)
    assert message.locale == "fr_RW"
    assert f"/permits/{permit.number}" in message.body
    assert any(periodic.name == tasks.REMIND for periodic in queue.periodics)


def test_days_without_a_worker_are_made_up_for_with_one_message(session, business, owner):
    permit = make_permit(session, business, days=90)
    with on_day(permit, 3):
        reminders.send(session)
    assert len(told(session, owner)) == 1
    assert permit.reminded_days == 7


@pytest.mark.parametrize(("days", "expected"), [(5, 0), (20, 1), (45, 2)])
def test_what_was_known_on_the_day_of_issue_is_no_news(session, business, owner, days, expected):
    permit = make_permit(session, business, days=days)
    for before in range(days, 0, -1):
        with on_day(permit, before):
            reminders.send(session)
    assert len(told(session, owner)) == expected


@pytest.mark.parametrize("change", ["suspend", "revoke"])
def test_of_a_permit_that_does_not_hold_nothing_is_said(session, business, owner, change):
    permit = make_permit(session, business, days=90)
    getattr(lifecycle, change)(session, permit, SYSTEM, "Inspection")
    with on_day(permit, 6):
        assert reminders.send(session) == 0
    assert told(session, owner) == []


def test_nor_before_it_begins_nor_after_it_ended(session, business, owner):
    later = make_permit(session, business, from_day=60, days=20)
    with on_day(later, 22):
        assert reminders.send(session) == 0
    with time_machine.travel(later.expires_at, tick=False):
        assert clock.now() == later.expires_at
        assert reminders.send(session) == 0


def test_many_permits_are_told_in_batches(session, business, owner, monkeypatch):
    monkeypatch.setattr(reminders, "BATCH", 2)
    permits = [make_permit(session, business, days=90) for _number in range(5)]
    with on_day(permits[0], 30):
        queue.enqueue(session, tasks.REMIND)
        queue.run_pending(session)
    assert len(told(session, owner)) == 5
