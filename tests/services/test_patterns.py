"""What the patterns count, on rows made for it; and that they are counted into a table, not on a page."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases.models import Case, CaseEvent, Decision, Submission
from app.core import clock
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions import load
from app.services.customs.models import Declaration
from app.statistics import patterns, tasks  # noqa: F401  (registers the job)
from app.statistics.models import PatternCount
from app.statistics.patterns import Line, Pattern
from tests.factories.businesses import make_business
from tests.factories.cases import acting
from tests.factories.people import make_user

NOW = datetime(2026, 3, 12, 10, tzinfo=UTC)  # a Thursday, noon in Kigali
_numbers = count(1)


@pytest.fixture
def at_noon(rwanda: Session) -> Iterator[Session]:
    with clock.at(NOW):
        yield rwanda


def officials(session: Session, number: int) -> list[User]:
    return [make_user(session, role=Role.SUPERVISOR, agencies=("NAEB",)) for _each in range(number)]


def decided(
    session: Session,
    official: User,
    business_id: int,
    *,
    at: datetime = NOW - timedelta(days=1),
    took: timedelta = timedelta(days=3),
    outcome: str = "approve",
    data: dict[str, Any] | None = None,
    service: str = "export_licence",
    state: str | None = None,
) -> Case:
    """A decided case, without the road there."""
    applicant, number = make_user(session), next(_numbers)
    case = Case(
        reference=f"PT-2026-{number:05d}-X", service=service, agency="NAEB", applicant_id=applicant.id,
        business_id=business_id, idempotency_key=uuid.uuid4().hex, state="draft", created_at=at, updated_at=at,
    )  # fmt: skip
    session.add(case)
    session.flush()
    sent = Submission(
        case_id=case.id, number=1, data=data or {}, documents=[], sha256=f"{number:064d}", declaration="",
        submitted_by=applicant.id, submitted_at=at - took, pack_version="1",
    )  # fmt: skip
    session.add(sent)
    session.flush()
    case.current_submission_id = sent.id
    case.state = state or ("approved" if outcome == "approve" else "refused")
    session.add(
        Decision(
            case_id=case.id,
            submission_id=sent.id,
            submission_sha256=sent.sha256,
            submitted_by=applicant.id,
            four_eyes=False,
            outcome=outcome,
            reason="",
            decided_by=official.id,
            decided_at=at,
            pack_version="1",
        )
    )  # fmt: skip
    session.flush()
    return case


def lines(session: Session, pattern: Pattern, days: int = 90) -> list[Line]:
    return patterns.count(session, load.current(), days).found[pattern].lines


def test_one_official_for_one_business_against_chance(at_noon: Session) -> None:
    one, two, three = officials(at_noon, 3)
    favourite, *firms = (make_business(at_noon).id for _each in range(11))
    for number, firm in enumerate(firms * 3):
        decided(at_noon, (one, two, three)[number % 3], firm)
    cases = [decided(at_noon, one, favourite, at=NOW - timedelta(hours=number)) for number in range(1, 11)]
    (line,) = lines(at_noon, Pattern.SAME_AGAIN)
    assert (line.official, line.business, line.n, line.of) == (one.id, favourite, 10, 10)
    assert Decimal(line.expected) == 5  # of 40 decisions 20 are theirs
    assert line.refs == tuple(case.reference for case in cases[:5])


def test_the_only_official_of_an_agency_does_not_stand_out(at_noon: Session) -> None:
    (one,) = officials(at_noon, 1)
    firm = make_business(at_noon).id
    for _each in range(9):
        decided(at_noon, one, firm)
    assert lines(at_noon, Pattern.SAME_AGAIN) == []


def test_out_of_hours_is_the_countrys_time_and_its_holidays(at_noon: Session) -> None:
    one, two = officials(at_noon, 2)
    firm = make_business(at_noon).id
    sunday, evening = datetime(2026, 3, 8, 10, tzinfo=UTC), datetime(2026, 3, 10, 15, 0, tzinfo=UTC)  # 17:00 in Kigali
    holiday = datetime(2026, 2, 2, 10, tzinfo=UTC)  # the day after Heroes' Day, which fell on a Sunday
    away = [decided(at_noon, one, firm, at=moment) for moment in (holiday, sunday, evening)]
    decided(at_noon, one, firm, at=datetime(2026, 3, 10, 14, 59, tzinfo=UTC))
    for _each in range(3):
        decided(at_noon, two, firm, at=datetime(2026, 3, 11, 7, 0, tzinfo=UTC))  # 09:00
    (line,) = lines(at_noon, Pattern.OUT_OF_HOURS)
    assert (line.official, line.n, line.of) == (one.id, 3, 4)
    assert line.refs == tuple(case.reference for case in reversed(away))


def about(hs: str) -> dict[str, Any]:
    return {"kind": {"permit_kind": "coffee-export"}, "product": {"hs": hs}}


def test_a_refusal_turned_round_for_the_same_product(at_noon: Session) -> None:
    one, two = officials(at_noon, 2)
    firm, other = make_business(at_noon).id, make_business(at_noon).id
    refused = decided(at_noon, one, firm, at=NOW - timedelta(days=40), outcome="refuse", data=about("090111"))
    approved = decided(at_noon, two, firm, at=NOW - timedelta(days=11), data=about("090111"))
    decided(at_noon, two, firm, at=NOW - timedelta(days=20), data=about("090121"))  # another product
    decided(at_noon, two, firm, at=NOW - timedelta(days=5), data=about("090111"))  # more than 30 days after
    decided(at_noon, two, other, at=NOW - timedelta(days=20), data=about("090111"))
    (line,) = lines(at_noon, Pattern.REVERSED)
    assert (line.kind, line.official, line.other, line.business) == ("approved", one.id, two.id, firm)
    assert line.refs == (refused.reference, approved.reference)


def test_an_approval_taken_back(at_noon: Session) -> None:
    one, two = officials(at_noon, 2)
    firm = make_business(at_noon).id
    case = decided(at_noon, one, firm, state="cancelled", at=NOW - timedelta(days=9))
    at_noon.add(
        CaseEvent(
            case_id=case.id,
            action="cancel",
            from_state="approved",
            to_state="cancelled",
            actor_kind="user",
            actor_id=two.id,
            actor_name=two.name,
            actor_role="supervisor",
            at=NOW - timedelta(days=2),
        )
    )  # fmt: skip
    at_noon.flush()
    (line,) = lines(at_noon, Pattern.REVERSED)
    assert (line.kind, line.official, line.other, line.refs) == ("cancelled", one.id, two.id, (case.reference,))


def declared(session: Session, official: User, business_id: int, minor: int, *, days: int) -> Case:
    case = decided(session, official, business_id, service="customs")
    session.add(
        Declaration(
            case_id=case.id,
            business_id=business_id,
            number=f"D {case.id}",
            office="KGLAIR",
            procedure_code="1000",
            destination="CN",
            lane="green",
            lane_rule="other",
            value_minor=minor,
            currency="RWF",
            lodged_at=NOW - timedelta(days=days),
        )
    )  # fmt: skip
    session.flush()
    return case


def test_several_declarations_just_below_the_packs_threshold(at_noon: Session) -> None:
    (one,) = officials(at_noon, 1)
    split, apart, over, low = (make_business(at_noon).id for _each in range(4))
    for days in (3, 9, 31):
        declared(at_noon, one, split, 49_000_000, days=days)
    for days in (2, 34, 66):
        declared(at_noon, one, apart, 49_000_000, days=days)
    for days in (3, 9, 31):
        declared(at_noon, one, over, 50_000_000, days=days)
        declared(at_noon, one, low, 39_999_999, days=days)
    (line,) = lines(at_noon, Pattern.SPLIT)
    assert (line.business, line.n, line.sum, line.minor) == (split, 3, 147_000_000, 50_000_000)
    assert (line.service, line.rule) == ("customs", "high-value")


def test_quick_approvals_are_a_share_that_stands_out(at_noon: Session) -> None:
    one, two = officials(at_noon, 2)
    firm = make_business(at_noon).id
    for number in range(80):
        decided(at_noon, two, firm, took=timedelta(days=2, minutes=number))
    quick = [decided(at_noon, one, firm, took=timedelta(minutes=1 + number)) for number in range(4)]
    (line,) = lines(at_noon, Pattern.QUICK)
    assert (line.official, line.n, line.of) == (one.id, 4, 4)
    assert line.refs == tuple(case.reference for case in quick)
    assert line.seconds > 240


def test_cases_chosen_out_of_turn(at_noon: Session) -> None:
    one, two = (acting(at_noon, user) for user in officials(at_noon, 2))
    for number in range(4):
        for verb in ("case.take", "case.chosen"):
            entries.record(at_noon, one, verb, subject=f"case:{number}", reference=f"PT-{number}")
        entries.record(at_noon, two, "case.take", subject=f"case:{number}", reference=f"PT-{number}")
    at_noon.flush()
    with clock.at(NOW + timedelta(minutes=1)):
        (line,) = lines(at_noon, Pattern.CHOSEN)
    assert (line.official, line.n, line.of) == (one.user_id, 4, 4)


def test_what_is_before_the_period_is_left_out(at_noon: Session) -> None:
    (one,) = officials(at_noon, 1)
    firm = make_business(at_noon).id
    for days in (100, 101, 102):
        decided(at_noon, one, firm, at=NOW.replace(hour=3) - timedelta(days=days))
    assert lines(at_noon, Pattern.OUT_OF_HOURS, 90) == []
    assert len(lines(at_noon, Pattern.OUT_OF_HOURS, 180)) == 1


def test_the_job_counts_every_period_and_again(at_noon: Session) -> None:
    (one,) = officials(at_noon, 1)
    firm = make_business(at_noon).id
    patterns.ask(at_noon)
    queue.run_pending(at_noon)
    assert at_noon.scalars(select(PatternCount.days).order_by(PatternCount.days)).all() == list(patterns.PERIODS)
    for _each in range(3):
        decided(at_noon, one, firm, at=NOW.replace(hour=3) - timedelta(days=1))
    with clock.at(NOW + timedelta(hours=1)):
        patterns.refresh(at_noon, load.current())
    counted = patterns.latest(at_noon, 30)
    assert counted is not None
    assert counted.until == NOW + timedelta(hours=1)
    assert counted.found[Pattern.OUT_OF_HOURS].total == 1
    assert counted.found[Pattern.OUT_OF_HOURS].lines[0].official == one.id
