"""Flags beside what else may happen to a case: silence, corrections, appeals, absence, a new rate."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.cases import flags, involved, registry, rerouting, teams, worklist
from app.cases.appeal_models import Scope
from app.cases.flags_models import RuleRun
from app.cases.models import Case, Decision
from app.cases.routing import History
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import clock
from app.core.errors import NotAllowed, Stale
from app.identity import teams as people_teams
from app.identity.actor import SYSTEM, Actor
from app.identity.models import Absence
from app.jurisdictions import load
from tests.factories.flags import make_flag
from tests.services.conftest import People, cast, move
from tests.services.test_routing import RECOMMENDED, sent

SILENCE = Payload(silence=({"code": "silence-consent", "names": {"en": "x", "fr": "x"}, "legal_ref": "illustrative"},))


@pytest.fixture
def naeb(rwanda: Session) -> People:
    return cast(rwanda, "NAEB")


def approved(session: Session, case: Case, people: People) -> Case:
    move(session, case, Action.TAKE, people.registrar)
    move(session, case, Action.RECOMMEND, people.registrar, payload=RECOMMENDED)
    return move(session, case, Action.APPROVE, people.supervisor)


@pytest.mark.parametrize("checked", [True, False], ids=["the code refuses", "the schema refuses"])
def test_silence_approves_nothing_that_is_flagged(
    rwanda: Session, exporter: Actor, monkeypatch: pytest.MonkeyPatch, checked: bool
) -> None:
    case = sent(rwanda, exporter, "1000")
    make_flag(rwanda, case)
    if checked:
        with pytest.raises(NotAllowed) as refused:
            move(rwanda, case, Action.DEEM_APPROVED, SYSTEM, payload=SILENCE)
        assert refused.value.code == "flagged"
    else:
        monkeypatch.setattr(flags, "check_may_approve", lambda *_args, **_kwargs: None)
        with pytest.raises(IntegrityError, match="the flag later stands"), rwanda.begin_nested():
            move(rwanda, case, Action.DEEM_APPROVED, SYSTEM, payload=SILENCE)
    assert rwanda.scalar(select(Decision.id).where(Decision.case_id == case.id)) is None


def test_a_corrected_decision_approves_nothing_that_is_flagged(
    rwanda: Session, exporter: Actor, naeb: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = approved(rwanda, sent(rwanda, exporter, "1000"), naeb)
    with pytest.raises(IntegrityError, match="comes too late"), rwanda.begin_nested():
        make_flag(rwanda, case)
    move(rwanda, case, Action.CORRECT, naeb.supervisor)
    make_flag(rwanda, case)
    move(rwanda, case, Action.TAKE, naeb.second_registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.second_registrar, payload=RECOMMENDED)
    with monkeypatch.context() as patched:
        patched.setattr(flags, "check_may_approve", lambda *_args, **_kwargs: None)
        with pytest.raises(IntegrityError, match="the flag later stands"), rwanda.begin_nested():
            move(rwanda, case, Action.APPROVE, naeb.second_supervisor)
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, case, Action.APPROVE, naeb.second_supervisor)
    assert refused.value.code == "flagged"
    assert len(rwanda.scalars(select(Decision).where(Decision.case_id == case.id)).all()) == 1


def test_who_cleared_a_flag_had_to_do_with_the_case(rwanda: Session, exporter: Actor, naeb: People) -> None:
    """So an appeal is not theirs to judge: in the code and in the schema."""
    case = sent(rwanda, exporter, "1000")
    flags.clear(rwanda, case, make_flag(rwanda, case).id, naeb.second_supervisor, "The contract was seen.")
    assert naeb.second_supervisor.user_id in involved.of_case(rwanda, case)
    for who, involves in ((naeb.second_supervisor, True), (naeb.supervisor, False)):
        found = rwanda.scalar(select(text("case_involves(:case, :who)")).params(case=case.id, who=who.user_id))
        assert found is involves


def test_who_an_appeal_keeps_out_clears_nothing(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = sent(rwanda, exporter, "1000")
    flag, who = make_flag(rwanda, case), naeb.supervisor
    assert who.user_id is not None
    assert flags.may_clear(rwanda, case, flag, who, {who.user_id: Scope.DECISION.value})
    assert not flags.may_clear(rwanda, case, flag, who, {who.user_id: Scope.CASE.value})


def test_who_stands_in_for_the_holder_clears_what_the_holder_could(
    rwanda: Session, exporter: Actor, naeb: People
) -> None:
    case = sent(rwanda, exporter, "1000")
    flag, today = make_flag(rwanda, case), clock.today(load.current().zone)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    with pytest.raises(NotAllowed):
        flags.clear(rwanda, case, flag.id, naeb.second_registrar, "I stand in for nobody.")
    rwanda.add(
        Absence(
            user_id=naeb.registrar.user_id, delegate_id=naeb.second_registrar.user_id, first_day=today, last_day=today,
            entered_by=naeb.supervisor.user_id, entered_at=clock.now(),
        )
    )  # fmt: skip
    rwanda.flush()
    cleared = flags.clear(rwanda, case, flag.id, naeb.second_registrar, "The contract was seen.")
    assert cleared.cleared_by == naeb.second_registrar.user_id


def test_a_value_is_that_of_the_day_the_case_was_sent(rwanda: Session, exporter: Actor) -> None:
    """No case grows into a flag, or out of one, because a currency rose."""
    pack, today = load.current(), clock.today(load.current().zone)
    case = sent(rwanda, exporter, "1000")
    row = next(row for row in pack.rates if row.currency == "USD")
    changed = today - timedelta(days=5)
    rates = (
        row.model_copy(update={"valid_from": date(2020, 1, 1), "valid_to": changed - timedelta(days=1)}),
        row.model_copy(update={"valid_from": changed, "rate": row.rate * 1000}),
    )
    other = pack.model_copy(update={"rates": rates})
    data = rwanda.execute(text("SELECT data FROM submissions WHERE case_id = :id"), {"id": case.id}).scalar_one()

    def value(days_ago: int) -> int | None:
        submission = SimpleNamespace(data=data, submitted_at=clock.now() - timedelta(days=days_ago))
        service = registry.service("export_licence")
        return flags.facts_of(other, service, "NAEB", submission, History()).traits.value_minor

    before = value(10)
    assert before is not None
    assert value(0) == before * 1000


def test_a_team_nobody_is_in_holds_nothing_up(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = sent(rwanda, exporter, "1000")
    registrar, second = naeb.registrar.user_id, naeb.second_registrar.user_id
    assert registrar is not None
    assert second is not None
    people_teams.set_teams(rwanda, second, ["naeb-coffee-tea"])
    people_teams.set_teams(rwanda, registrar, ["naeb-horticulture"])
    assert worklist.next_case(rwanda, naeb.registrar) is None, "coffee has its own people"
    people_teams.set_teams(rwanda, second, [])
    assert worklist.next_case(rwanda, naeb.registrar) == case


def test_a_closed_case_is_not_moved(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = move(rwanda, sent(rwanda, exporter, "1000"), Action.WITHDRAW, exporter)
    with pytest.raises(Stale) as refused:
        teams.move(
            rwanda, load.current(), case, naeb.supervisor, to="naeb-horticulture", seen="naeb-coffee-tea",
            reason="Too late.",
        )  # fmt: skip
    assert "closed" in str(refused.value.message)


def test_the_runs_of_the_latest_rules_count_together(rwanda: Session) -> None:
    """Who was at work on a case made it wait for a second run, which alone says little."""
    now = clock.now()
    for number, (version, seen) in enumerate((("old", 9), ("new", 100), ("new", 1))):
        at = now + timedelta(minutes=number)
        rwanda.add(RuleRun(rules_version=version, started_at=at, finished_at=at, seen=seen, moved=seen))
        rwanda.flush()
    found = rerouting.latest(rwanda)
    assert found is not None
    assert (found.rules_version, found.seen, found.moved) == ("new", 101, 101)
    assert found.finished_at == now + timedelta(minutes=2)
    rwanda.add(RuleRun(rules_version="new", started_at=now))
    rwanda.flush()
    found = rerouting.latest(rwanda)
    assert found is not None
    assert found.finished_at is None


def test_many_rules_are_tried_on_fewer_cases(rwanda: Session, exporter: Actor) -> None:
    for _ in range(4):
        sent(rwanda, exporter, "1000")
    pack = load.current()
    many = pack.model_copy(update={"flags": pack.flags * 40})
    assert rerouting.preview(rwanda, pack, most=4).every == 1
    assert rerouting.preview(rwanda, many, most=4).every > 1
