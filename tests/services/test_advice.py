"""Advice and visits: who may ask and answer, clocks, ends, and what the schema keeps whatever the code does."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import app
from app.cases import advice, advice_links, advice_view, inspection_reports, inspections, standstill, waiting
from app.cases.advice_models import Advice, AdviceState
from app.cases.inspection_models import Inspection, Result, VisitState
from app.cases.models import Case, Outcome
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import clock, db
from app.core.errors import DomainError, Invalid, NotAllowed, NotFound, Stale
from app.identity.actor import Actor, Role
from app.jurisdictions import load, working_days
from app.notifications.models import Message
from tests.factories.cases import acting, photo, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, move, settings_for


@dataclass
class Scene:
    people: People
    adviser: Actor
    case: Case


def set_up(session: Session) -> Scene:
    people = cast(session)
    adviser = acting(session, make_user(session, role=Role.CLERK, agencies=("RRA",)))
    case = submitted(session, people.applicant)
    move(session, case, Action.TAKE, people.registrar)
    return Scene(people, adviser, case)


@pytest.fixture
def scene(rwanda: Session) -> Scene:
    return set_up(rwanda)


def question(case: Case, words: str = "Does this business owe taxes?", **more: object) -> advice.Question:
    return advice.Question(words, ("name", "people"), **more)  # type: ignore[arg-type]


def ask(session: Session, scene: Scene, words: str = "Does this business owe taxes?") -> Advice:
    return advice.ask_agency(
        session, load.current(), scene.people.registrar, scene.case, "RRA", question(scene.case, words)
    )


def ask_expert(session: Session, scene: Scene) -> tuple[Advice, str]:
    expert = advice_links.Expert("Prof. Odile Kayiranga", "odile@lab.example", "fr_RW")
    found = advice_links.ask_expert(
        session, load.current(), scene.people.registrar, scene.case, expert, question(scene.case)
    )
    mail = session.scalars(select(Message).where(Message.template == "advice_link")).one()
    return found, mail.body.split("/advice/")[1].split()[0]


YES = advice.Answer("no_objection", "No debts are known.")


def test_an_answer_reaches_who_asked_and_nobody_else_sees_it(rwanda: Session, scene: Scene) -> None:
    found = ask(rwanda, scene)
    assert found.state == AdviceState.ASKED
    assert found.due_at > clock.now()
    assert ask(rwanda, scene).id == found.id  # a second click
    stranger = acting(rwanda, make_user(rwanda, role=Role.CLERK, agencies=("RICA",)))
    for who in (stranger, scene.people.applicant):
        with pytest.raises(NotFound):
            advice.load(rwanda, who, found.reference)
    assert [row[0].id for row in advice_view.listed(rwanda, scene.adviser, ended=False).rows] == [found.id]
    assert advice_view.counts(rwanda, scene.adviser).open == 1
    with pytest.raises(NotAllowed):  # of the asking agency
        advice.answer(rwanda, load.current(), scene.people.second_registrar, found, YES, version=found.version)
    advice.take(rwanda, scene.adviser, found, version=found.version)
    advice.answer(
        rwanda, load.current(), scene.adviser, found, YES, version=found.version, paper=(photo(), "letter.png")
    )
    assert found.state == AdviceState.ANSWERED
    assert found.paper_sha256
    told = rwanda.scalars(select(Message.user_id).where(Message.template == "advice_ended")).all()
    assert told == [scene.people.registrar.user_id]
    with pytest.raises(Stale):
        advice.answer(rwanda, load.current(), scene.adviser, found, YES, version=found.version)


def test_personal_data_is_hidden_unless_it_was_chosen(rwanda: Session, scene: Scene) -> None:
    pack = load.current()
    masked = ask(rwanda, scene)
    values = {row.value for part in advice_view.given(rwanda, pack, masked, scene.case) for row in part.rows}
    assert "hidden" in values
    assert "Claudine Mukamana" not in values
    assert {part.step for part in advice_view.given(rwanda, pack, masked, scene.case)} == {"name", "people"}
    whole = advice.ask_agency(
        rwanda, pack, scene.people.registrar, scene.case, "RRA", question(scene.case, "And now?", with_people=True)
    )
    values = {row.value for part in advice_view.given(rwanda, pack, whole, scene.case) for row in part.rows}
    assert "Claudine Mukamana" in values


def test_only_who_has_the_case_asks_and_never_somebody_with_an_interest(rwanda: Session, scene: Scene) -> None:
    with pytest.raises(NotAllowed):
        advice.ask_agency(
            rwanda, load.current(), scene.people.second_registrar, scene.case, "RRA", question(scene.case)
        )
    with pytest.raises(Invalid):  # of itself
        advice.ask_agency(rwanda, load.current(), scene.people.registrar, scene.case, "RDB", question(scene.case))
    found = ask(rwanda, scene)
    scene.case.applicant_id = scene.adviser.user_id or 0
    with pytest.raises(NotFound):
        advice.load(rwanda, scene.adviser, found.reference)
    assert advice_view.listed(rwanda, scene.adviser, ended=False).rows == []


def test_a_decision_does_not_pass_over_open_advice_in_silence(rwanda: Session, scene: Scene) -> None:
    found = ask(rwanda, scene)
    move(rwanda, scene.case, Action.RECOMMEND, scene.people.registrar, payload=Payload(outcome=Outcome.APPROVE))
    with pytest.raises(Invalid) as refused:
        move(rwanda, scene.case, Action.APPROVE, scene.people.supervisor)
    assert refused.value.field == "without_waiting"
    payload = Payload(without_waiting="The office answered by telephone.")
    move(rwanda, scene.case, Action.APPROVE, scene.people.supervisor, payload=payload)
    assert scene.case.state == State.APPROVED
    assert found.state == AdviceState.WITHDRAWN


def test_the_clock_stands_still_only_where_the_pack_says_so(
    rwanda: Session, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, due = load.current(), scene.case.due_at
    assert due is not None
    ask(rwanda, scene, "Without stopping?")
    assert scene.case.due_at == due
    stopping = pack.model_copy(update={"advice": pack.advice.model_copy(update={"stops_clock": True})})
    who = scene.people.registrar
    first = advice.ask_agency(rwanda, stopping, who, scene.case, "RRA", question(scene.case, "With stopping?"))
    second = advice.ask_agency(rwanda, stopping, who, scene.case, "RRA", question(scene.case, "Once more?", days=9))
    assert first.clock_days_left == second.clock_days_left == 1
    assert scene.case.due_at == working_days.add(pack, second.due_at, 1, "RDB")
    with clock.at(working_days.add(pack, clock.now(), 2) - timedelta(hours=1)):
        assert standstill.stands_for([first, second])
        advice.answer(rwanda, stopping, scene.adviser, second, YES, version=second.version)
        assert scene.case.due_at == working_days.add(pack, first.due_at, 1, "RDB")
        advice.answer(rwanda, stopping, scene.adviser, first, YES, version=first.version)
        assert scene.case.due_at == working_days.add(pack, clock.now(), 1, "RDB")


def test_a_link_opens_answers_once_and_ends_with_its_day(rwanda: Session, scene: Scene) -> None:
    pack = load.current()
    found, token = ask_expert(rwanda, scene)
    assert advice_links.by_token(rwanda, token)[0].id == found.id
    assert token not in (found.link_digest or "")
    advice_links.opened(rwanda, pack, found, scene.case, "192.0.2.7")
    assert found.state == AdviceState.TAKEN
    assert found.opened_at
    with clock.at(advice_links.ends(pack, found) - timedelta(seconds=1)):
        assert advice_links.usable(pack, found)
    with clock.at(advice_links.ends(pack, found)):
        assert not advice_links.usable(pack, found)
        with pytest.raises(Stale):
            advice_links.answer_by_link(rwanda, pack, found, YES, version=found.version, ip=None)
        waiting.remind(rwanda)
        assert found.state == AdviceState.EXPIRED
    advice_links.erase_expert(rwanda, scene.people.supervisor, found)
    assert found.expert_email is None
    entry = rwanda.execute(text("SELECT actor_kind FROM audit_entries WHERE verb = 'advice.opened'")).scalar_one()
    assert entry == "expert"


def test_late_advice_is_said_once(rwanda: Session, scene: Scene) -> None:
    found = ask(rwanda, scene)
    with clock.at(found.due_at - timedelta(hours=30)):
        waiting.remind(rwanda)
    with clock.at(found.due_at + timedelta(hours=30)):
        waiting.remind(rwanda)
        waiting.remind(rwanda)
    names = rwanda.scalars(select(Message.template).where(Message.template.startswith("advice"))).all()
    assert names.count("advice_reminder") == 1
    assert names.count("advice_late") == 2


def test_the_schema_keeps_what_was_asked(rwanda: Session, scene: Scene) -> None:
    found = ask(rwanda, scene)
    for change in (
        "question = 'another'",
        "answered_by = asked_by, state = 'answered', answer = 'x', opinion = 'objection', ended_at = now()",
        "state = 'answered', ended_at = now()",
        "asked_of = agency",
    ):
        with pytest.raises(IntegrityError), rwanda.begin_nested():
            rwanda.execute(text(f"UPDATE advice_requests SET {change} WHERE id = :id"), {"id": found.id})


# --- visits ---------------------------------------------------------------------------------------------------------


def appointment(who: Actor, days: int = 4, hour: int = 10, minutes: int = 120) -> inspections.Appointment:
    pack = load.current()
    day = working_days.add(pack, clock.now(), days).astimezone(pack.zone)
    starts_at = day.replace(hour=hour, minute=0)
    return inspections.Appointment(
        "KG 11 Avenue 4", "The workshop and its books", starts_at, starts_at + timedelta(minutes=minutes),
        (who.user_id or 0,),
    )  # fmt: skip


def plan(session: Session, scene: Scene, wanted: inspections.Appointment | None = None) -> Inspection:
    who = scene.people.registrar
    return inspections.plan(session, load.current(), who, scene.case, wanted or appointment(who))


def report(result: str = Result.PASSED, **more: object) -> inspection_reports.Written:
    codes = ("premises-exist", "sign-shown", "activity-seen")
    findings = tuple(inspection_reports.Finding(code, "ok") for code in codes)
    return inspection_reports.Written("The owner", result, "All as declared.", findings, **more)  # type: ignore[arg-type]


def test_a_visit_from_planning_to_a_corrected_report(rwanda: Session, scene: Scene) -> None:
    pack, clerk, owner = load.current(), scene.people.registrar, scene.people.applicant
    visit = plan(rwanda, scene)
    inspections.confirm(rwanda, owner, visit, version=visit.version)
    day = (visit.starts_at + timedelta(days=7)).date()
    inspections.ask_again(rwanda, pack, owner, visit, day, "We are at the market.", version=visit.version)
    inspections.keep(rwanda, clerk, visit, version=visit.version)
    with pytest.raises(NotAllowed):  # once
        inspections.ask_again(rwanda, pack, owner, visit, None, "Still at the market.", version=visit.version)
    with pytest.raises(Invalid):  # before it began
        inspection_reports.write(rwanda, pack, clerk, visit, report(), version=visit.version)
    with clock.at(visit.starts_at + timedelta(hours=1)):
        inspection_reports.add_photograph(rwanda, clerk, visit, scene.case, photo(), "door.png")
        with pytest.raises(NotAllowed):
            inspection_reports.write(
                rwanda, pack, scene.people.second_registrar, visit, report(), version=visit.version
            )
        first = inspection_reports.write(rwanda, pack, clerk, visit, report(), version=visit.version)
        assert visit.state == VisitState.DONE
        assert len(first.photographs) == 1
        with pytest.raises(Invalid):  # without saying why
            inspection_reports.write(rwanda, pack, clerk, visit, report(Result.FAILED), version=visit.version)
        said = report(Result.FAILED, correction_reason="The sign is of another firm.")
        second = inspection_reports.write(rwanda, pack, clerk, visit, said, version=visit.version)
    assert second.corrects_id == first.id
    both = inspection_reports.of_visit(rwanda, visit)
    assert [check.passed for check in inspection_reports.checks(both)] == [False]
    for change in (
        "UPDATE inspection_reports SET result = 'passed'",
        "UPDATE inspection_photographs SET filename = 'other'",
    ):
        with pytest.raises(IntegrityError), rwanda.begin_nested():
            rwanda.execute(text(change))


def test_a_visit_is_in_office_hours_and_told_before(rwanda: Session, scene: Scene) -> None:
    for days, hour, minutes, field in ((4, 19, 60, "hour"), (4, 16, 300, "hour"), (0, 15, 30, "day")):
        with pytest.raises(Invalid) as refused:
            plan(rwanda, scene, appointment(scene.people.registrar, days, hour, minutes))
        assert refused.value.field == field


def test_a_holiday_and_a_weekend_are_no_days_for_visits(rwanda: Session) -> None:
    pack = load.current()
    saturday = datetime(2027, 1, 2, 10, tzinfo=pack.zone)
    with clock.at(datetime(2026, 12, 1, tzinfo=pack.zone)), pytest.raises(Invalid):
        inspections.check_time(pack, saturday, saturday + timedelta(hours=1), "RDB")


def test_nobody_is_in_two_places_at_once(rwanda: Session, scene: Scene) -> None:
    pack, clerk = load.current(), scene.people.registrar
    visit = plan(rwanda, scene)
    other = submitted(rwanda, acting(rwanda, make_user(rwanda)))
    move(rwanda, other, Action.TAKE, clerk)
    again = appointment(clerk, hour=11)
    with pytest.raises(Invalid) as refused, rwanda.begin_nested():
        inspections.plan(rwanda, pack, clerk, other, again)
    assert refused.value.field == "officials"
    second = inspections.plan(rwanda, pack, clerk, other, appointment(clerk, hour=13))
    with pytest.raises(IntegrityError), rwanda.begin_nested():  # the row of who goes follows the appointment
        rwanda.execute(
            text("UPDATE inspections SET starts_at = :a, ends_at = :b WHERE id = :id"),
            {"a": visit.starts_at, "b": visit.ends_at, "id": second.id},
        )
    inspections.cancel(rwanda, pack, clerk, visit, "The road is closed.", version=visit.version)
    inspections.move(rwanda, pack, clerk, second, again, version=second.version)
    assert second.sequence == 1


def test_who_comes_is_reminded_the_day_before_and_a_closed_case_needs_no_visit(rwanda: Session, scene: Scene) -> None:
    visit = plan(rwanda, scene)
    with clock.at(visit.starts_at - timedelta(hours=20)):
        waiting.remind(rwanda)
        waiting.remind(rwanda)
    names = rwanda.scalars(select(Message.template).where(Message.template == "inspection_reminder")).all()
    assert len(names) == 1
    move(rwanda, scene.case, Action.WITHDRAW, scene.people.applicant)
    assert visit.state == VisitState.CANCELLED


# --- races ----------------------------------------------------------------------------------------------------------


def _race(actions: list[object]) -> list[str]:
    def run(action: object) -> str:
        try:
            with db.unit_of_work() as session:
                action(session)  # type: ignore[operator]
            return "done"
        except (DomainError, IntegrityError) as error:
            return type(error).__name__

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(run, actions))


def test_races_of_answers_and_of_appointments(committed: db.Database, store_folder: object) -> None:
    app.configure(settings_for(str(committed.engine.url), store_folder))  # type: ignore[arg-type]
    db.configure(committed)
    pack = load.current()
    with db.unit_of_work() as session:
        scene = set_up(session)
        found, expert = ask(session, scene), ask_expert(session, scene)[0]
        found_id, expert_id, version = found.id, expert.id, found.version
        cases = []
        for _number in range(4):
            case = submitted(session, acting(session, make_user(session)))
            move(session, case, Action.TAKE, scene.people.registrar)
            cases.append(case.id)
    clerk = scene.people.registrar

    def answer(session: Session) -> None:
        advice.answer(session, pack, scene.adviser, session.get_one(Advice, found_id), YES, version=version)

    assert sorted(_race([answer, answer, answer])) == ["Stale", "Stale", "done"]

    late = advice_links.ends(pack, expert)

    def by_link(session: Session) -> None:
        each = session.get_one(Advice, expert_id)
        advice_links.answer_by_link(session, pack, each, YES, version=each.version, ip=None)

    def expire(session: Session) -> None:
        with clock.at(late):
            advice_links.expire(session, pack, scene.adviser, session.get_one(Advice, expert_id))

    _race([by_link, expire])
    with db.unit_of_work() as session:
        ended = session.get_one(Advice, expert_id)
        assert (ended.state == AdviceState.ANSWERED) == (ended.opinion is not None)
        assert ended.state in {AdviceState.ANSWERED, AdviceState.EXPIRED}

    def visit(case_id: int) -> object:
        def go(session: Session) -> None:
            inspections.plan(session, pack, clerk, session.get_one(Case, case_id), appointment(clerk))

        return go

    assert sorted(_race([visit(case_id) for case_id in cases])) == ["Invalid", "Invalid", "Invalid", "done"]
