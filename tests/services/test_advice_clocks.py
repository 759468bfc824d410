"""Clocks that stand still for advice and visits, and what medians and silence make of that."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.cases import (
    advice,
    deadlines,
    inspection_reports,
    inspections,
)
from app.cases.inspection_models import Result
from app.cases.models import Case, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.identity.actor import Actor, Role
from app.jurisdictions import load, working_days
from app.jurisdictions.model import Pack
from app.notifications.models import Message
from app.statistics import durations
from app.statistics.models import ServiceDuration
from tests.factories.cases import acting
from tests.factories.people import make_user
from tests.services.conftest import cast, move
from tests.services.test_advice import (
    YES,
    Scene,
    appointment,
    ask,
    plan,
    report,
    scene,
)
from tests.services.test_clocks_silence import after, look, refusing
from tests.services.test_clocks_silence import waiting as silent

__all__ = ["scene"]


def stopping(pack: Pack) -> Pack:
    """Where advice and visits stop the clock."""
    return pack.model_copy(
        update={
            "advice": pack.advice.model_copy(update={"stops_clock": True}),
            "inspections": pack.inspections.model_copy(update={"stops_clock": True}),
        }
    )


@pytest.fixture
def still(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Pack:
    """The country's pack, with clocks that stop."""
    pack = stopping(load.current())
    monkeypatch.setattr(load, "_pack", pack)
    return pack


def left(case: Case, pack: Pack) -> int | None:
    return deadlines.face(case, pack).days_left


def test_a_visit_stops_the_clock_where_the_pack_says_so(rwanda: Session, scene: Scene, still: Pack) -> None:
    clerk = scene.people.registrar
    days = left(scene.case, still)
    assert days is not None
    visit = plan(rwanda, scene, appointment(clerk, 4))
    assert visit.clock_days_left == days
    assert scene.case.due_at == working_days.add(still, visit.ends_at, days, "RDB")
    inspections.move(rwanda, still, clerk, visit, appointment(clerk, 6), version=visit.version)
    assert scene.case.due_at == working_days.add(still, visit.ends_at, days, "RDB"), "it stands still for longer"
    with clock.at(visit.starts_at + timedelta(hours=1)):
        inspection_reports.write(rwanda, still, clerk, visit, report(), version=visit.version)
        assert scene.case.due_at == working_days.add(still, clock.now(), days, "RDB"), "and runs from the report on"
    with clock.at(visit.ends_at):
        second = plan(rwanda, scene, appointment(clerk, 9))
        inspections.cancel(rwanda, still, clerk, second, "Not needed any more.", version=second.version)
        assert scene.case.due_at == working_days.add(still, clock.now(), second.clock_days_left or 0, "RDB")


def test_a_question_to_the_applicant_meanwhile_gives_nobody_more_days(
    rwanda: Session, scene: Scene, still: Pack
) -> None:
    days = left(scene.case, still)
    found = ask(rwanda, scene)
    asked = AskedField("name", "name.name", "Name")
    move(rwanda, scene.case, Action.ASK, scene.people.registrar, payload=Payload(fields=(asked,)))
    assert scene.case.clock_days_left == days == left(scene.case, still)
    move(rwanda, scene.case, Action.SUBMIT, scene.people.applicant, payload=Payload(declared=True))
    assert scene.case.due_at == working_days.add(still, found.due_at, days or 0, "RDB")
    with clock.at(found.due_at + timedelta(hours=1)):  # late: it has run again since
        advice.answer(rwanda, still, scene.adviser, found, YES, version=found.version)
    assert scene.case.due_at == working_days.add(still, found.due_at, days or 0, "RDB")


MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_the_time_of_a_standstill_is_not_the_agencys() -> None:
    def at(day: int) -> datetime:
        return MONDAY.replace(day=day)

    calendar = durations.Calendar(load.load("RW"))
    steps = [
        durations.Step(1, "registration", "RDB", "", None, False, *each)
        for each in (
            ("submit", "draft", "submitted", at(2)),
            ("take", "submitted", "in_review", at(3)),
            ("approve", "recommended", "approved", at(16)),
        )
    ]
    whole = durations.course(steps, calendar, at(31))
    assert whole is not None
    for stops, days in (
        ([], 10),
        ([(at(4), at(11))], 5),
        ([(at(4), at(11)), (at(5), at(9))], 5),  # one within the other
        ([(at(4), at(9)), (at(6), at(11))], 5),  # and across
        ([(at(12), at(31))], 8),
        ([(at(2), at(16))], 0),
    ):
        counted = durations.course(steps, calendar, at(31), stops)
        assert counted is not None
        assert counted.days == days, stops


def test_medians_and_clocks_agree_about_what_stood_still(rwanda: Session, scene: Scene, still: Pack) -> None:
    found, visit = ask(rwanda, scene), plan(rwanda, scene, appointment(scene.people.registrar, 5))
    start, day = clock.now(), timedelta(hours=3)
    with clock.at(found.due_at - timedelta(hours=2)):
        advice.answer(rwanda, still, scene.adviser, found, YES, version=found.version)
    with clock.at(visit.starts_at + day):
        inspection_reports.write(rwanda, still, scene.people.registrar, visit, report(), version=visit.version)
        move(rwanda, scene.case, Action.RECOMMEND, scene.people.registrar, payload=Payload(outcome=Outcome.APPROVE))
    with clock.at(working_days.add(still, visit.starts_at + day, 1, "RDB") - timedelta(hours=1)):
        move(rwanda, scene.case, Action.APPROVE, scene.people.supervisor)
        rwanda.execute(update(Case).where(Case.id != scene.case.id).values(submitted_at=start - timedelta(days=200)))
        durations.refresh(rwanda, still)
    row = rwanda.scalars(select(ServiceDuration).where(ServiceDuration.permit_kind == "")).one()
    assert (row.cases, row.median) == (1, 1)


def test_silence_does_not_decide_while_advice_stops_the_clock(
    rwanda: Session, exporter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    naeb = cast(rwanda, "NAEB")
    pack = stopping(refusing(load.current()))  # type: ignore[arg-type]
    monkeypatch.setattr(load, "_pack", pack)
    case = silent(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    before = case.due_at
    assert before is not None
    found = advice.ask_agency(
        rwanda, pack, naeb.registrar, case, "RRA", advice.Question("Any debts?", ("product",), days=20)
    )
    with clock.at(before + timedelta(days=1)):
        look(rwanda)
        assert case.state == State.IN_REVIEW, "the clock stands still"
    with clock.at(after(case)):  # the adviser is late, so that the clock has run on, and out
        look(rwanda)
        assert case.state == State.IN_REVIEW
        told = rwanda.scalars(select(Message).where(Message.template == "silence_held")).all()
        assert found.reference in told[0].body
        adviser = acting(rwanda, make_user(rwanda, role=Role.CLERK, agencies=("RRA",)))
        advice.answer(rwanda, pack, adviser, found, YES, version=found.version)
        look(rwanda)
    assert case.state == State.REFUSED


def test_silence_grants_nothing_that_an_inspector_found_wrong(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = silent(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    with clock.at(clock.now() - timedelta(days=12)):
        visit = inspections.plan(rwanda, load.current(), naeb.registrar, case, appointment(naeb.registrar))
    codes = [item.code for item in inspection_reports.checklist(load.current(), case)]
    findings = tuple(inspection_reports.Finding(code, "not_ok") for code in codes)
    written = inspection_reports.Written("The owner", Result.FAILED, "Mould in every bag.", findings)
    inspection_reports.write(rwanda, load.current(), naeb.registrar, visit, written, version=visit.version)
    with clock.at(after(case)):
        look(rwanda)
        assert case.state == State.IN_REVIEW
        findings = tuple(inspection_reports.Finding(code, "ok") for code in codes)
        better = inspection_reports.Written("The owner", Result.PASSED, "Of another lot.", findings, "Wrong lot.")
        inspection_reports.write(rwanda, load.current(), naeb.registrar, visit, better, version=visit.version)
        look(rwanda)
    assert case.state == State.APPROVED
