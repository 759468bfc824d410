"""Texts from the message to the telephone: who gets one, when, how often, and what is known of it."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import notifications
from app.core import clock, db
from app.core.errors import Invalid
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions import load
from app.notifications.models import MailState, Message
from app.notifications.sms import (
    Away,
    Fate,
    NoCredit,
    NotAdmitted,
    Refused,
    Report,
    Unanswered,
    failures,
    phones,
    quiet,
    reports,
    tasks,
    writing,
)
from app.notifications.sms.models import PhoneCode, PhoneNumber, TextMessage
from tests.factories.people import make_user
from tests.factories.texts import NUMBER, Told, using, with_phone

NOON = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)  # in Kigali
KIGALI = ZoneInfo("Africa/Kigali")


@pytest.fixture(autouse=True)
def noon() -> Iterator[time_machine.Traveller]:
    load.configure("RW")
    with time_machine.travel(NOON, tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def provider() -> Iterator[Told]:
    told = Told()
    with using(told):
        yield told


@pytest.fixture
def person(session: Session) -> User:
    user = make_user(session, locale="fr_RW")
    with_phone(session, user)
    return user


def tell(session: Session, user: User, template: str = "case_approved") -> Message:
    values = {"reference": "LIC-2026-00001-K", "title": "Coffee", "path": "/cases/LIC-2026-00001-K"}
    return notifications.send(session, user_id=user.id, template=template, values=values)


def texts(session: Session) -> list[TextMessage]:
    return list(session.scalars(select(TextMessage).order_by(TextMessage.id)))


def run(session: Session, *, reraise: bool = True) -> None:
    queue.run_pending(session, reraise=reraise)
    session.expire_all()


def jobs(session: Session, name: str) -> list[datetime | None]:
    found = text("SELECT scheduled_at FROM procrastinate_jobs WHERE task_name = :n AND status = 'todo' ORDER BY id")
    return list(session.scalars(found, {"n": name}))


def test_a_message_goes_by_mail_and_by_text(session: Session, person: User, provider: Told) -> None:
    message = tell(session, person)
    run(session)
    (only,) = texts(session)
    assert (only.message_id, only.state, only.provider_id, only.locale) == (message.id, "sent", "id-1", "fr_RW")
    assert provider.taken[0][0] == NUMBER
    assert provider.taken[0][1].endswith("/c/LIC-2026-00001-K")
    assert message.mail_state == MailState.SENT


@pytest.mark.parametrize("change", ["off", "stopped", "none", "no_short_form", "no_provider"])
def test_nobody_else_gets_one(session: Session, provider: Told, change: str) -> None:
    user = make_user(session)
    if change != "none":
        row = with_phone(session, user, wanted=change != "off")
        if change == "stopped":
            row.stopped_at, row.stopped_reason = clock.now(), "refuses_texts"
            session.flush()
    with using(None if change == "no_provider" else provider):
        tell(session, user, "stand_in" if change == "no_short_form" else "case_approved")
    assert texts(session) == []


def test_switched_off_before_it_left_it_does_not_leave(session: Session, person: User, provider: Told) -> None:
    tell(session, person)
    phones.remove(session, person.id)
    run(session)
    (only,) = texts(session)
    assert (only.state, only.reason, provider.asked) == ("failed", "not_wanted", 0)
    assert failures.count(session) == 0, "nobody has to act"


@pytest.mark.parametrize(
    ("local", "until"),
    [("06:59", "18T07:00"), ("07:00", None), ("20:59", None), ("21:00", "19T07:00"), ("23:59", "19T07:00"),
     ("00:00", "18T07:00")],
)  # fmt: skip
def test_quiet_hours(local: str, until: str | None) -> None:
    moment = datetime.fromisoformat(f"2026-11-18T{local}").replace(tzinfo=KIGALI)
    expected = datetime.fromisoformat(f"2026-11-{until}").replace(tzinfo=KIGALI) if until else None
    assert quiet.until(moment.astimezone(UTC), KIGALI) == expected


def test_at_night_texts_wait_and_codes_do_not(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    noon.move_to(NOON + timedelta(hours=11))  # 23:00 in Kigali
    tell(session, person)
    writing.code(session, person, "+250788123999", "123456", base="http://localhost")
    run(session)
    first, code = texts(session)
    assert (first.state, code.state) == ("queued", "sent")
    assert jobs(session, writing.SEND) == [datetime(2026, 11, 19, 5, 0, tzinfo=UTC)]
    noon.move_to(datetime(2026, 11, 19, 5, 0, tzinfo=UTC))
    run(session)
    assert texts(session)[0].state == "sent"


def test_a_retry_that_falls_into_the_night_waits_too(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    tell(session, person)
    noon.move_to(NOON + timedelta(hours=11))
    run(session)
    assert provider.asked == 0
    noon.move_to(NOON + timedelta(hours=20))
    run(session)
    assert texts(session)[0].state == "sent"


def test_a_secret_is_gone_once_it_is_sent(session: Session, person: User, provider: Told) -> None:
    writing.code(session, person, NUMBER, "123456", base="http://localhost")
    assert "123456" in texts(session)[0].body
    run(session)
    assert texts(session)[0].body == tasks.REMOVED
    assert "123456" in provider.taken[0][1]


def test_a_code_that_came_too_late_is_not_sent(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    writing.code(session, person, NUMBER, "123456", base="http://localhost")
    noon.shift(timedelta(minutes=11))
    run(session)
    assert (texts(session)[0].reason, provider.asked) == ("too_late", 0)


@pytest.mark.parametrize("error", [Away("x"), NoCredit("x"), NotAdmitted("x")])
def test_what_was_surely_not_taken_is_tried_again_and_given_up_in_the_end(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller, error: Exception
) -> None:
    provider.fails = error
    message = tell(session, person)
    for _try in range(queue.DEFAULT.attempts):
        run(session, reraise=False)
        noon.shift(timedelta(hours=1))
    (only,) = texts(session)
    assert (only.state, only.given_up) == ("failed", True)
    words = {"Away": "away", "NoCredit": "no_credit", "NotAdmitted": "not_admitted"}
    assert texts(session)[0].reason == words[type(error).__name__]
    assert message.mail_state == MailState.SENT, "a dead provider of texts holds no mail up"
    assert failures.count(session) == 1
    provider.fails = None
    failures.retry(session, only.id)
    run(session)
    assert texts(session)[0].state == "sent"
    assert len(provider.taken) == 1


def test_what_failed_on_the_way_is_sent_anew_and_heard_of_anew(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    """Providers refuse a reference they have had, and report on the id they gave last."""
    tell(session, person)
    run(session)
    first = texts(session)[0].reference
    tasks.settle(session, texts(session)[0].id, Report(Fate.FAILED, "id-1", "provider_failed"))
    failures.retry(session, texts(session)[0].id)
    run(session)
    assert [taken[2] for taken in provider.taken] == [first, texts(session)[0].reference]
    assert len({taken[2] for taken in provider.taken}) == 2
    reports.from_africas_talking(session, at_report(id="id-1", status="Failed"))
    assert texts(session)[0].state == "sent", "news of the first is no news of the second"
    reports.from_africas_talking(session, at_report(id="id-2"))
    assert texts(session)[0].state == "delivered"


def test_what_may_have_arrived_is_sent_again_under_the_same_reference(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    provider.fails = Unanswered("timeout")
    tell(session, person)
    run(session)
    first = texts(session)[0].reference
    noon.shift(timedelta(hours=2))
    run(session)
    provider.fails = None
    failures.retry(session, texts(session)[0].id)
    run(session)
    assert [taken[2] for taken in provider.taken] == [first]


def test_without_an_answer_it_is_never_handed_over_again_by_itself(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    provider.fails = Unanswered("timeout")
    tell(session, person)
    run(session)
    provider.fails = None
    session.execute(text("UPDATE procrastinate_jobs SET status = 'todo' WHERE task_name = :n"), {"n": writing.SEND})
    queue.enqueue(session, writing.SEND, text_id=texts(session)[0].id)  # a worker died, and its job is run again
    run(session)
    assert (texts(session)[0].state, provider.asked) == ("sending", 1)
    noon.shift(timedelta(hours=2))
    run(session)
    assert (texts(session)[0].state, texts(session)[0].reason, provider.asked) == ("failed", "unanswered", 1)
    assert failures.count(session) == 1


def test_a_provider_that_can_be_asked_clears_it_up(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    provider.tells, provider.code, provider.fails = True, "infobip", Unanswered("timeout")
    tell(session, person)
    run(session)
    noon.shift(timedelta(seconds=31))
    run(session)
    assert texts(session)[0].state == "sending", "not known yet: asked again later"
    provider.known = Report(Fate.DELIVERED, "x")
    noon.shift(timedelta(minutes=3))
    run(session)
    assert texts(session)[0].state == "delivered"
    assert provider.asked == 1


def test_a_worker_that_died_in_between_leaves_nothing_hanging(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    tell(session, person)
    only = texts(session)[0]
    only.state, only.handed_over_at = "sending", clock.now()
    session.flush()
    noon.shift(timedelta(hours=3))
    tasks.sweep(session)
    run(session)
    assert (texts(session)[0].reason, provider.asked) == ("unanswered", 0)


def test_a_number_that_refuses_is_written_to_no_more(session: Session, person: User, provider: Told) -> None:
    other = make_user(session)
    with_phone(session, other)  # the same telephone
    provider.fails = Refused("refuses_texts", stop=True)
    tell(session, person)
    run(session)
    assert session.scalars(select(PhoneNumber.stopped_reason)).all() == ["refuses_texts"] * 2
    tell(session, other)
    assert len(texts(session)) == 1
    assert failures.count(session) == 0


def at_report(**changes: str) -> dict[str, str]:
    return {"id": "id-1", "status": "Success", "phoneNumber": NUMBER} | changes


def test_reports_move_a_text_on_and_an_end_is_final(session: Session, person: User, provider: Told) -> None:
    tell(session, person)
    run(session)
    reports.from_africas_talking(session, at_report(status="Buffered"))
    assert texts(session)[0].state == "sent"
    reports.from_africas_talking(session, at_report())
    assert texts(session)[0].state == "delivered"
    reports.from_africas_talking(session, at_report(status="Failed", failureReason="UserInBlackList"))
    assert texts(session)[0].state == "delivered"
    assert session.get_one(PhoneNumber, person.id).stopped_at is None


@pytest.mark.parametrize(
    "changes",
    [{"phoneNumber": "+250788999999"}, {"id": "id-2"}, {"phoneNumber": ""}, {"phoneNumber": "001"}, {"status": "Paid"},
     {"id": "id-1\x00"}],
)  # fmt: skip
def test_what_fits_no_text_of_ours_changes_nothing(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller, changes: dict[str, str]
) -> None:
    tell(session, person)
    run(session)
    reports.from_africas_talking(session, at_report(**changes))
    noon.shift(timedelta(minutes=5))
    run(session)
    assert texts(session)[0].state == "sent"


def test_a_report_quicker_than_the_answer_is_not_lost(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    tell(session, person)
    reports.from_africas_talking(session, at_report())
    run(session)
    noon.shift(timedelta(seconds=21))
    run(session)
    assert texts(session)[0].state == "delivered"
    kept = session.scalars(text("SELECT args::text FROM procrastinate_jobs")).all()
    assert not any(NUMBER[1:] in row for row in kept)


@pytest.mark.parametrize("body", [None, [], {}, {"results": "x"}, {"results": [None, {"messageId": 5}, {}]}])
def test_a_malformed_report_of_the_other_kind_is_harmless(session: Session, provider: Told, body: object) -> None:
    reports.from_infobip(session, body)
    assert jobs(session, tasks.HEARD) == []


def test_nothing_in_a_report_is_believed_where_the_provider_can_be_asked(
    session: Session, person: User, provider: Told
) -> None:
    provider.tells, provider.code = True, "infobip"
    tell(session, person)
    run(session)
    forged = {"results": [{"messageId": str(texts(session)[0].reference), "status": {"groupId": 3}}]}
    provider.known = Report(Fate.FAILED, "x", "unreachable")
    reports.from_infobip(session, forged)
    run(session)
    assert (texts(session)[0].state, texts(session)[0].reason) == ("failed", "unreachable")


@pytest.mark.parametrize(
    "change",
    ["state = 'delivered'", "state = 'lost'", "given_up = true", "number = '0788123001'", "segments = 0",
     "state = 'sending', handed_over_at = NULL", "state = 'sent'"],
)  # fmt: skip
def test_the_schema_holds_what_the_code_promises(session: Session, person: User, provider: Told, change: str) -> None:
    tell(session, person)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(f"UPDATE text_messages SET {change}"))


def test_many_workers_hand_a_text_over_once(committed: db.Database) -> None:
    """Eight at once, each with its own transaction, as after a rescued job."""
    told = Told()
    with using(told), time_machine.travel(NOON, tick=False):
        with db.unit_of_work() as session:
            user = make_user(session)
            with_phone(session, user)
            tell(session, user)
            session.flush()
            text_id = session.scalars(select(TextMessage.id)).one()
        barrier, wrong = threading.Barrier(8), []

        def work() -> None:
            barrier.wait()
            try:
                with db.unit_of_work() as session:
                    tasks.send_text(session, text_id)
            except Exception as error:
                wrong.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with db.unit_of_work(commit=False) as session:
            assert session.scalars(select(TextMessage.state)).all() == ["sent"]
    assert not wrong
    assert len(told.taken) == 1


def test_nobody_guesses_a_code_and_nobody_learns_of_others(session: Session, person: User) -> None:
    stranger = make_user(session)
    code = phones.ask(session, stranger, NUMBER)  # somebody else's, and the answer is the same
    wrong = "000000" if code != "000000" else "111111"
    for _try in range(5):
        assert phones.confirm(session, stranger.id, wrong, wanted=True) is None
    assert phones.confirm(session, stranger.id, code, wanted=True) is None, "five tries, not one more"
    fresh = phones.ask(session, stranger, "+250788123555")
    assert phones.confirm(session, person.id, fresh, wanted=True) is None, "a code is one person's"
    found = phones.confirm(session, stranger.id, f"{fresh[:3]} {fresh[3:]}", wanted=False)
    assert found is not None
    assert (found.number, found.wanted) == ("+250788123555", False)
    assert phones.confirm(session, stranger.id, fresh, wanted=True) is None, "it works once"


def test_numbers_nobody_confirmed_are_forgotten(
    session: Session, person: User, provider: Told, noon: time_machine.Traveller
) -> None:
    other = make_user(session)
    for user in (person, other):
        writing.code(session, user, NUMBER, phones.ask(session, user, "+250788123555"), base="http://localhost")
    tell(session, person)
    run(session)
    pack = load.current()
    phones.forget_codes(session, pack)
    assert len(texts(session)) == 3
    noon.shift(timedelta(days=31))
    phones.forget_codes(session, pack, keep=[other.id])
    assert session.scalars(select(PhoneCode.user_id)).all() == [other.id]
    assert [(each.user_id, each.secret) for each in texts(session)] == [(other.id, True), (person.id, False)]


def test_parallel_guesses_are_all_counted(committed: db.Database) -> None:
    with db.unit_of_work() as session:
        user_id = make_user(session).id
        code = phones.ask(session, session.get_one(User, user_id), NUMBER)
    guesses = [f"{number:06d}" for number in range(1, 13) if f"{number:06d}" != code]
    barrier = threading.Barrier(len(guesses))

    def guess(typed: str) -> None:
        barrier.wait()
        with db.unit_of_work() as session:
            phones.confirm(session, user_id, typed, wanted=True)

    threads = [threading.Thread(target=guess, args=(typed,)) for typed in guesses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.unit_of_work() as session:
        assert phones.confirm(session, user_id, code, wanted=True) is None


@pytest.mark.parametrize(
    ("country", "typed", "number"),
    [
        ("RW", "0788 123 001", "+250788123001"),
        ("RW", "+250 73 512 3456", "+250735123456"),
        ("RW", "250788123001", "+250788123001"),
        ("CG", "06 612 34 56", "+242066123456"),
        ("CG", "+242 05 512 34 56", "+242055123456"),
    ],
)
def test_numbers_as_people_write_them(country: str, typed: str, number: str) -> None:
    assert phones.normal(typed, load.load(country)) == number


@pytest.mark.parametrize(
    ("country", "typed"),
    [("RW", "0252 123 456"), ("RW", "+33 6 12 34 56 78"), ("RW", "0788"), ("RW", "078812300a"), ("CG", "6612 34 56"),
     ("RW", "+250788123001;ext=5"), ("RW", "\u0660" * 10), ("RW", "")],
)  # fmt: skip
def test_what_is_no_mobile_number_of_the_country_is_refused(country: str, typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        phones.normal(typed, load.load(country))
    assert refused.value.problems[0].field == "number"


def test_it_is_shown_masked() -> None:
    assert phones.masked("+250788123001") == "+250 ••• 001"
    assert phones.masked("+242066123456") == "+242 ••• 456"
