"""Silence at the deadline: decided once, by nobody, recorded as such, and never where something stands in the way."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import app
from app.audit.models import Entry
from app.cases import appeals, case_file_print, engine, escalation, silence
from app.cases.appeal_models import AppealState, CorrectionBar
from app.cases.flags_models import CaseFlag
from app.cases.models import Case, CaseEvent, Decision, Outcome, Recommendation
from app.cases.silence_models import SilenceHold
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock, db
from app.core.errors import DomainError, NotAllowed
from app.core.i18n import format_datetime, use_locale
from app.documents.models import Record
from app.identity.actor import Actor
from app.jobs import queue
from app.jurisdictions import load, working_days
from app.jurisdictions.clock_rows import Silence
from app.jurisdictions.model import HolidayOverride
from app.notifications.models import Message
from app.permits.models import Permit
from tests.factories.businesses import make_business
from tests.factories.cases import acting, licence, pay, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, move, settings_for

KIND = "specialty-coffee"


@pytest.fixture
def naeb(rwanda: Session) -> People:
    return cast(rwanda, "NAEB")


def waiting(session: Session, exporter: Actor, kind: str = KIND) -> Case:
    case = submitted(session, exporter, "export_licence", licence(kind=kind))
    if case.state == State.AWAITING_PAYMENT:
        pay(session, case, exporter)
    assert case.state == State.SUBMITTED
    return case


def after(case: Case, **more: int) -> datetime:
    assert case.due_at is not None
    return case.due_at + timedelta(minutes=1, **more)


def look(session: Session) -> None:
    """What the worker does when the quarter of an hour comes; papers and mails are not of interest here."""
    silence.sweep(session)
    session.execute(text("DELETE FROM procrastinate_jobs WHERE task_name <> :name"), {"name": silence.ONE})
    asked = session.execute(queue.unfinished(silence.ONE, "case_id")).all()
    queue.run_pending(session, limit=len(asked))
    session.expire_all()


def decision_of(session: Session, case: Case) -> Decision | None:
    return session.scalars(select(Decision).where(Decision.case_id == case.id)).one_or_none()


def flagged(session: Session, case: Case, code: str = "police") -> CaseFlag:
    words = {"en": f"Ask the {code}", "fr": "Demander"}
    flag = CaseFlag(
        case_id=case.id, submission_id=case.current_submission_id, code=code, names=words, explanation=words,
        legal_ref="illustrative", basis={}, rules_version="RW-1", blocks=True, clearable_by="supervisor",
        raised_at=clock.now(),
    )  # fmt: skip
    session.add(flag)
    session.flush()
    return flag


def test_silence_grants_and_says_so_everywhere(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = waiting(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    with clock.at(after(case)):
        look(rwanda)
    assert case.state == State.APPROVED
    decided = decision_of(rwanda, case)
    assert decided is not None
    assert (decided.decided_by, decided.by_silence, decided.four_eyes) == (None, True, False)
    assert decided.reasons[0]["legal_ref"] == "illustrative"
    assert "did not decide in time" in decided.reasons[0]["names"]["en"]
    permit = rwanda.scalars(select(Permit).where(Permit.case_id == case.id)).one()
    record = rwanda.get_one(Record, permit.record_id)
    assert record.data["decided_by"].startswith("Nobody: granted by silence of the administration on ")
    event = rwanda.scalars(select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id.desc())).first()
    assert event is not None
    assert (event.action, event.actor_kind, event.reasons) == ("deem_approved", "system", decided.reasons)
    entry = rwanda.scalars(select(Entry).where(Entry.case_id == case.id, Entry.verb == "case.deem_approved")).one()
    assert entry.detail["reasons"] == ["silence-consent"]
    told = rwanda.execute(select(Message.user_id, Message.template).where(Message.case_id == case.id)).all()
    assert (exporter.user_id, "case_deemed_approved") in told
    assert {user for user, template in told if template == "silence_decided"} == {
        naeb.registrar.user_id, naeb.supervisor.user_id, naeb.second_supervisor.user_id,
    }  # fmt: skip


def test_nothing_happens_before_the_time_or_where_the_pack_says_nothing(
    rwanda: Session, exporter: Actor, naeb: People
) -> None:
    case = waiting(rwanda, exporter)
    other = waiting(rwanda, exporter, "coffee-export")
    assert case.due_at is not None
    with clock.at(case.due_at - timedelta(seconds=1)):
        look(rwanda)
        assert case.state == State.SUBMITTED
    with clock.at(after(other, days=60)):
        look(rwanda)
        assert other.state == State.SUBMITTED
        assert silence.outlook(other, load.current()) is None


def test_a_question_to_the_applicant_stops_it(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = waiting(rwanda, exporter)
    due = after(case)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    asked = (AskedField("product", "product.description", "Description"),)
    move(rwanda, case, Action.ASK, naeb.registrar, payload=Payload(fields=asked))
    with clock.at(due + timedelta(days=40)):
        look(rwanda)
        silence.decide(rwanda, case.id)
    assert case.state == State.RETURNED
    assert decision_of(rwanda, case) is None


def test_a_standing_recommendation_is_set_aside_not_claimed(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = waiting(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=Payload(outcome=Outcome.REFUSE))
    with clock.at(after(case)):
        look(rwanda)
    decided = decision_of(rwanda, case)
    assert decided is not None
    assert (decided.outcome, decided.recommendation_id) == ("approve", None), "the applicant had heard nothing"
    told = rwanda.scalars(select(Message.user_id).where(Message.template == "silence_decided")).all()
    assert naeb.registrar.user_id in told
    assert rwanda.scalars(select(Recommendation.voided_at).where(Recommendation.case_id == case.id)).one() is not None


def refusing(pack: object, **changes: object) -> object:
    row = Silence(
        service="export_licence", permit_kind=KIND, effect="refusal", valid_from=date(2020, 1, 1),
        names={"en": "It counts as refused.", "fr": "Réputé rejeté."}, legal_ref="illustrative",
    )  # fmt: skip
    return pack.model_copy(update={"silences": (row.model_copy(update=changes),)})  # type: ignore[attr-defined]


def test_silence_refuses_later_where_the_pack_gives_more_time(
    rwanda: Session, exporter: Actor, naeb: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_pack", refusing(load.current(), after_working_days=3))
    case = waiting(rwanda, exporter)
    flagged(rwanda, case)
    assert case.due_at is not None
    at = working_days.add(load.current(), case.due_at, 3)
    found = silence.outlook(case, load.current())
    assert found is not None
    assert (found.at, found.consent) == (at, False)
    with clock.at(at - timedelta(seconds=1)):
        look(rwanda)
        assert case.state == State.SUBMITTED
    with clock.at(at):
        look(rwanda)
    assert case.state == State.REFUSED, "a flag keeps nothing from being refused"
    assert {"case_deemed_refused", "silence_decided"} <= set(rwanda.scalars(select(Message.template)))


def test_a_rule_that_came_later_decides_nothing_that_was_late_before(
    rwanda: Session, exporter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waiting(rwanda, exporter)
    assert case.due_at is not None
    begins = case.due_at.date() + timedelta(days=1)
    monkeypatch.setattr(load, "_pack", refusing(load.current(), valid_from=begins))
    with clock.at(after(case, days=9)):
        look(rwanda)
    assert case.state == State.SUBMITTED


def test_officials_are_warned_the_morning_before(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = waiting(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    assert case.due_at is not None
    with clock.at(case.due_at - timedelta(hours=7)):
        escalation.morning(rwanda)
    told = {m.user_id: m.body for m in rwanda.scalars(select(Message).where(Message.template == "desk_morning"))}
    assert set(told) == {naeb.registrar.user_id, naeb.supervisor.user_id, naeb.second_supervisor.user_id}
    assert all(f"{case.reference} counts as granted from" in body for body in told.values())


def test_a_worker_that_was_down_writes_down_when_the_time_ran_out(rwanda: Session, exporter: Actor) -> None:
    case = waiting(rwanda, exporter)
    due = case.due_at
    assert due is not None
    with clock.at(due + timedelta(days=3)):
        look(rwanda)
    decided = decision_of(rwanda, case)
    assert decided is not None
    assert decided.decided_at == due + timedelta(days=3), "nothing is dated back: the time to appeal runs from now"
    for language, words in (("en", "The time ran out on"), ("fr", "réputé accordé")):
        with use_locale(load.current().locale(language), load.current().zone):
            assert format_datetime(due) in decided.reasons[0]["names"][language]
            assert words in decided.reasons[0]["names"][language]
    record = rwanda.scalars(select(Record).where(Record.case_id == case.id, Record.kind == "permit")).one()
    with use_locale("en_RW", load.current().zone):
        assert format_datetime(due) in record.data["decided_by"]


def test_a_deadline_on_a_day_taken_off_since_ends_with_the_next_working_day(
    rwanda: Session, exporter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = waiting(rwanda, exporter)
    pack, due = load.current(), case.due_at
    assert due is not None
    day = due.astimezone(pack.zone).date()
    off = HolidayOverride(day=day, names={"en": "Eid", "fr": "Aïd"}, valid_from=day, legal_ref="illustrative")
    monkeypatch.setattr(load, "_pack", pack.model_copy(update={"holidays": (*pack.holidays, off)}))
    following = working_days.add(load.current(), due, 1)
    with clock.at(following - timedelta(seconds=1)):
        look(rwanda)
        assert case.state == State.SUBMITTED
    with clock.at(following):
        look(rwanda)
    assert case.state == State.APPROVED


def test_a_decision_that_is_being_corrected_is_not_left_to_silence(
    rwanda: Session, exporter: Actor, naeb: People
) -> None:
    case = waiting(rwanda, exporter)
    with clock.at(after(case)):
        look(rwanda)
        move(rwanda, case, Action.CORRECT, naeb.supervisor, reason="The flag was forgotten")
    assert case.state == State.SUBMITTED
    assert silence.outlook(case, load.current()) is None
    with clock.at(after(case, days=9)):
        look(rwanda)
    assert case.state == State.SUBMITTED
    assert rwanda.scalars(select(SilenceHold)).all() == []


def test_a_refusal_by_silence_can_be_appealed_against(
    rwanda: Session, exporter: Actor, naeb: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "_pack", refusing(load.current()))
    case = waiting(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    with clock.at(after(case)):
        look(rwanda)
        appeal = appeals.lodge(rwanda, case, exporter, why="Nobody answered us.", declared=True)
        assert appeal.against_decided_by is None
        appeals.judge(rwanda, appeal, naeb.supervisor, outcome=AppealState.ALLOWED, reason="They are right.")
    rwanda.refresh(case)
    assert case.state == State.SUBMITTED
    barred = rwanda.scalars(select(CorrectionBar.user_id).where(CorrectionBar.case_id == case.id)).all()
    assert naeb.registrar.user_id in barred, "who let it lie"


def test_a_job_that_failed_for_good_waits_for_a_person(rwanda: Session, exporter: Actor) -> None:
    case = waiting(rwanda, exporter)
    with clock.at(after(case)):
        silence.sweep(rwanda)
        rwanda.execute(text("UPDATE procrastinate_jobs SET status = 'failed' WHERE task_name = :n"), {"n": silence.ONE})
        silence.sweep(rwanda)
        jobs = rwanda.execute(queue.unfinished(silence.ONE, "case_id", failed=True)).scalars().all()
    assert jobs == [case.id]


def test_nobody_can_ask_for_it(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = waiting(rwanda, exporter)
    for action in (Action.DEEM_APPROVED, Action.DEEM_REFUSED):
        for who in (exporter, naeb.registrar, naeb.supervisor):
            with pytest.raises(NotAllowed):
                engine.perform(rwanda, case, action, who, version=case.version)
    assert not {Action.DEEM_APPROVED, Action.DEEM_REFUSED} & {
        each.action for each in engine.available(rwanda, case, naeb.supervisor)
    }


@pytest.mark.parametrize(
    ("column", "value"), [("by_silence", False), ("four_eyes", True), ("decided_by", "someone"), ("recommended_by", 1)]
)
def test_the_schema_keeps_nobody_apart_from_somebody(
    rwanda: Session, exporter: Actor, naeb: People, column: str, value: object
) -> None:
    case = waiting(rwanda, exporter)
    with clock.at(after(case)):
        silence.decide(rwanda, case.id)
    decided = decision_of(rwanda, case)
    setattr(decided, column, naeb.supervisor.user_id if value == "someone" else value)
    with pytest.raises(IntegrityError):
        rwanda.flush()


def test_the_case_file_names_nobody(rwanda: Session, exporter: Actor) -> None:
    case = waiting(rwanda, exporter)
    with clock.at(after(case)):
        silence.decide(rwanda, case.id)
    decided = decision_of(rwanda, case)
    assert decided is not None
    assert case_file_print._decider(None, decided) == "Nobody: silence of the administration"  # type: ignore[arg-type]
    assert case_file_print._two_people(decided) == "No: nobody decided in time"


@pytest.mark.parametrize("attempt", range(4))
def test_two_workers_and_an_official_decide_once(committed: db.Database, store_folder, attempt: int) -> None:
    app.configure(settings_for(str(committed.engine.url), store_folder))
    db.configure(committed)
    with db.unit_of_work() as session:
        owner = make_user(session)
        make_business(session, owner=owner, name="Koperative Ikawa")
        people = cast(session, "NAEB")
        case = waiting(session, acting(session, owner))
        move(session, case, Action.TAKE, people.registrar)
        move(session, case, Action.RECOMMEND, people.registrar, payload=Payload(outcome=Outcome.REFUSE))
        case_id, version, moment = case.id, case.version, after(case)
    barrier = threading.Barrier(4)

    def one(number: int) -> object:
        barrier.wait(timeout=30)
        try:
            with clock.at(moment), db.unit_of_work() as session:
                if number == attempt % 4:
                    case = session.get_one(Case, case_id)
                    engine.perform(session, case, Action.REFUSE, people.supervisor, version=version, reason="No cup")
                else:
                    silence.decide(session, case_id)
        except DomainError as error:
            return error
        return None

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))
    with db.unit_of_work() as session:
        decided = session.scalars(select(Decision)).one()
        case = session.get_one(Case, case_id)
        assert (case.state == State.APPROVED) is decided.by_silence
        assert session.scalar(select(func.count()).select_from(Permit)) == int(decided.by_silence)
        with clock.at(moment):
            silence.sweep(session)
        assert session.scalar(select(func.count()).select_from(Decision)) == 1


def test_the_sweep_asks_once_while_a_job_waits(rwanda: Session, exporter: Actor) -> None:
    case = waiting(rwanda, exporter)
    with clock.at(after(case)):
        silence.sweep(rwanda)
        silence.sweep(rwanda)
        jobs = rwanda.execute(queue.unfinished(silence.ONE, "case_id")).scalars().all()
    assert jobs == [case.id]
