"""Teams and flags at work: on sending, on clearing and deciding, after a change of rules, and tried out before one."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import engine, flags, rerouting, teams, worklist
from app.cases.flags_models import CaseFlag, RuleRun
from app.cases.models import Case, Decision, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core.errors import Invalid, NotAllowed, Stale
from app.identity import teams as people_teams
from app.identity.actor import Actor, Role
from app.jobs import queue
from app.jurisdictions import load
from app.jurisdictions.model import Pack
from app.notifications.models import Message
from tests.factories.cases import Raw, acting, declaration, fill, licence, pay, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, licensed, move

RECOMMENDED = Payload(outcome=Outcome.APPROVE)


@pytest.fixture
def naeb(rwanda: Session) -> People:
    return cast(rwanda, "NAEB")


@pytest.fixture
def changed_rules(rwanda: Session) -> Iterator[list[Pack]]:
    """Put a pack in to make it the one this process serves; the test's own is put back."""
    before = load.current()
    chosen: list[Pack] = []

    class Chosen(list[Pack]):
        def append(self, pack: Pack) -> None:
            load._pack = pack
            chosen.append(pack)

    yield Chosen()
    load._pack = before


def worth(value: str, **changes: str) -> Raw:
    """A coffee licence of this value in US dollars; 700,000 is over a billion Rwandan francs."""
    raw = licence(**changes)
    raw["quantity"]["value"] = [value]
    return raw


def sent(session: Session, exporter: Actor, value: str = "700000") -> Case:
    case = submitted(session, exporter, "export_licence", worth(value))
    pay(session, case, exporter)
    return case


def run_jobs(session: Session) -> None:
    """Look for changed rules and run them, and nothing else that waits: papers take their time."""
    session.execute(text("DELETE FROM procrastinate_jobs"))
    queue.enqueue(session, rerouting.LOOK)
    for _ in range(10):
        session.execute(
            text("DELETE FROM procrastinate_jobs WHERE task_name NOT IN (:look, :part)"),
            {"look": rerouting.LOOK, "part": rerouting.PART},
        )
        if not queue.run_pending(session, limit=1):
            return


def standing(session: Session, case: Case) -> dict[str, CaseFlag]:
    return {flag.code: flag for flag in flags.of_case(session, case.id) if flag.stands}


def test_sending_sets_the_team_and_raises_flags(rwanda: Session, exporter: Actor) -> None:
    case = sent(rwanda, exporter)
    assert (case.team, case.team_by) == ("naeb-coffee-tea", "rule")
    assert case.rules_version is not None
    assert case.rules_version.startswith(load.current().version)
    raised = standing(rwanda, case)
    assert set(raised) == {"very-high-value", "first-high-value", "new-business"}
    assert raised["very-high-value"].names["fr"].startswith("Valeur déclarée")
    entry = rwanda.scalars(select(Entry).where(Entry.case_id == case.id, Entry.verb == "case.routed")).one()
    assert entry.detail["team"] == [None, "naeb-coffee-tea"]
    assert "very-high-value" in entry.detail["raised"]
    second = sent(rwanda, exporter, "200000")
    assert set(standing(rwanda, second)) == {"new-business"}, "not the first any more"


def test_nothing_is_approved_while_a_blocking_flag_stands(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = sent(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=RECOMMENDED)
    assert Action.APPROVE not in {each.action for each in engine.available(rwanda, case, naeb.supervisor)}
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, case, Action.APPROVE, naeb.supervisor)
    assert refused.value.code == "flagged"
    assert "Declared value of RWF 1 billion or more" in str(refused.value.message)
    for code in ("very-high-value", "first-high-value"):
        flag = standing(rwanda, case)[code]
        flags.clear(rwanda, case, flag.id, naeb.supervisor, "The contract was seen.")
    # Two people have looked: who cleared and decides, and who recommended.
    assert move(rwanda, case, Action.APPROVE, naeb.supervisor).state == State.APPROVED
    with pytest.raises(IntegrityError, match="comes too late"), rwanda.begin_nested():
        rwanda.execute(text("UPDATE case_flags SET cleared_at = NULL, cleared_by = NULL, clear_reason = ''"))


def test_a_case_may_be_refused_in_spite_of_flags(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = sent(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=Payload(outcome=Outcome.REFUSE))
    assert move(rwanda, case, Action.REFUSE, naeb.supervisor).state == State.REFUSED
    later = sent(rwanda, exporter, "1000")
    assert "recent-refusal" in standing(rwanda, later)


def test_the_database_refuses_what_the_code_would_let_through(
    rwanda: Session, exporter: Actor, naeb: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = sent(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    move(rwanda, case, Action.RECOMMEND, naeb.registrar, payload=RECOMMENDED)
    with pytest.raises(IntegrityError, match="the flag"), rwanda.begin_nested():
        rwanda.execute(text("UPDATE cases SET state = 'approved' WHERE id = :id"), {"id": case.id})
    monkeypatch.setattr(flags, "check_may_approve", lambda *_args, **_kwargs: None)
    with pytest.raises(IntegrityError, match="the flag"), rwanda.begin_nested():
        move(rwanda, case, Action.APPROVE, naeb.supervisor)
    assert rwanda.scalar(select(Decision.id).where(Decision.case_id == case.id)) is None


def test_who_clears(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = sent(rwanda, exporter)
    raised = standing(rwanda, case)
    clerks, supervisors = raised["first-high-value"], raised["very-high-value"]
    with pytest.raises(NotAllowed):
        flags.clear(rwanda, case, clerks.id, naeb.registrar, "It is not even mine.")
    move(rwanda, case, Action.TAKE, naeb.registrar)
    for who, flag in (
        (naeb.registrar, supervisors),
        (naeb.second_registrar, clerks),
        (exporter, clerks),
        (cast(rwanda, "RSB").supervisor, clerks),
    ):
        with pytest.raises(NotAllowed):
            flags.clear(rwanda, case, flag.id, who, "I should like to.")
    with pytest.raises(Invalid):
        flags.clear(rwanda, case, clerks.id, naeb.registrar, " x ")
    cleared = flags.clear(rwanda, case, clerks.id, naeb.registrar, "The contract was seen.")
    assert (cleared.cleared_by, cleared.clear_reason) == (naeb.registrar.user_id, "The contract was seen.")
    with pytest.raises(Stale):
        flags.clear(rwanda, case, clerks.id, naeb.registrar, "And once more.")
    entry = rwanda.scalars(select(Entry).where(Entry.case_id == case.id, Entry.verb == "case.flag_cleared")).one()
    assert entry.detail["reason"] == "The contract was seen."


def test_who_cleared_a_blocking_flag_does_not_release_alone(
    rwanda: Session, exporter: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = licensed(rwanda, exporter)
    customs = cast(rwanda, "RRA")
    raw = declaration(line.id)
    raw["items"]["items-0-value"] = ["200000"]
    case = submitted(rwanda, exporter, "customs", raw)
    pay(rwanda, case, exporter)
    move(rwanda, case, Action.TAKE, customs.registrar)
    assert case.team == "rra-airport"
    flag = standing(rwanda, case)["first-high-value"]
    flags.clear(rwanda, case, flag.id, customs.registrar, "The contract was seen.")
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, case, Action.APPROVE, customs.registrar)
    assert "another person must approve" in str(refused.value.message)
    with monkeypatch.context() as patched:
        patched.setattr(flags, "check_may_approve", lambda *_args, **_kwargs: None)
        with pytest.raises(IntegrityError, match="alone cleared"), rwanda.begin_nested():
            move(rwanda, case, Action.APPROVE, customs.registrar)
    move(rwanda, case, Action.REASSIGN, customs.supervisor, payload=Payload(to=customs.second_registrar.user_id))
    assert move(rwanda, case, Action.APPROVE, customs.second_registrar).state == State.APPROVED


def test_an_answer_runs_the_rules_again(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case = sent(rwanda, exporter)
    move(rwanda, case, Action.TAKE, naeb.registrar)
    cleared = standing(rwanda, case)["first-high-value"]
    flags.clear(rwanda, case, cleared.id, naeb.registrar, "The contract was seen.")
    asked = Payload(fields=(AskedField("quantity", "quantity.value", "Value"),))
    move(rwanda, case, Action.ASK, naeb.registrar, payload=asked)
    fill(rwanda, case, worth("680000"))
    move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert set(standing(rwanda, case)) == {"first-high-value", "new-business"}, "other facts: looked at again"
    lapsed = rwanda.scalars(select(CaseFlag).where(CaseFlag.case_id == case.id, CaseFlag.lapsed_at.is_not(None)))
    assert {flag.code for flag in lapsed} >= {"very-high-value", "first-high-value"}


# --- teams ---------------------------------------------------------------------------------------------------------


def man_coffee(session: Session) -> None:
    """Without anybody in it, the team's cases would be everybody's."""
    people_teams.set_teams(session, make_user(session, role=Role.CLERK, agencies=["NAEB"]).id, ["naeb-coffee-tea"])


def test_a_teams_cases_come_first_and_then_those_of_no_team(rwanda: Session, exporter: Actor, naeb: People) -> None:
    oldest = submitted(rwanda, exporter, "export_licence", worth("1000"))
    pay(rwanda, oldest, exporter)
    plants = submitted(rwanda, exporter, "export_licence", licence(hs="080440", kind="horticulture-export"))
    pay(rwanda, plants, exporter)
    no_team = sent(rwanda, exporter, "1000")
    no_team.team = None
    assert naeb.registrar.user_id is not None
    people_teams.set_teams(rwanda, naeb.registrar.user_id, ["naeb-horticulture"])
    man_coffee(rwanda)
    assert worklist.next_case(rwanda, naeb.registrar) == plants
    move(rwanda, plants, Action.RELEASE_CASE, naeb.registrar)
    move(rwanda, plants, Action.TAKE, naeb.second_registrar)
    assert worklist.next_case(rwanda, naeb.registrar) == no_team
    move(rwanda, no_team, Action.RELEASE_CASE, naeb.registrar)
    move(rwanda, no_team, Action.TAKE, naeb.second_registrar)
    assert worklist.next_case(rwanda, naeb.registrar) is None, "coffee is another team's"
    assert worklist.next_case(rwanda, cast(rwanda, "NAEB").registrar) == oldest, "who is in no team has all of it"


def test_a_person_in_teams_of_one_agency_has_the_whole_of_another(rwanda: Session, exporter: Actor) -> None:
    both = acting(rwanda, make_user(rwanda, role=Role.CLERK, agencies=["NAEB", "RDB"]))
    assert both.user_id is not None
    people_teams.set_teams(rwanda, both.user_id, ["naeb-horticulture"])
    man_coffee(rwanda)
    sent(rwanda, exporter, "1000")
    registration = submitted(rwanda, acting(rwanda, make_user(rwanda)))
    assert worklist.next_case(rwanda, both) == registration


def test_a_supervisor_moves_a_case_and_the_rules_leave_it_there(rwanda: Session, exporter: Actor, naeb: People) -> None:
    case, pack = sent(rwanda, exporter, "1000"), load.current()
    move(rwanda, case, Action.TAKE, naeb.registrar)
    reason, seen = "Coffee has too many.", "naeb-coffee-tea"
    with pytest.raises(NotAllowed):
        teams.move(rwanda, pack, case, naeb.registrar, to="naeb-horticulture", seen=seen, reason=reason)
    for to, why in (("rra-origin", reason), (seen, reason), ("naeb-horticulture", "x")):
        with pytest.raises(Invalid):
            teams.move(rwanda, pack, case, naeb.supervisor, to=to, seen=seen, reason=why)
    teams.move(rwanda, pack, case, naeb.supervisor, to="naeb-horticulture", seen=seen, reason=reason)
    assert (case.team, case.team_by) == ("naeb-horticulture", "person")
    told = rwanda.scalars(select(Message).where(Message.user_id == naeb.registrar.user_id)).all()
    assert any("Horticulture" in message.body for message in told)
    with pytest.raises(Stale):
        teams.move(rwanda, pack, case, naeb.second_supervisor, to="", seen=seen, reason=reason)
    asked = Payload(fields=(AskedField("quantity", "quantity.value", "Value"),))
    move(rwanda, case, Action.ASK, naeb.registrar, payload=asked)
    move(rwanda, case, Action.SUBMIT, exporter, payload=Payload(declared=True))
    assert (case.team, case.team_by) == ("naeb-horticulture", "person")


# --- changed rules -------------------------------------------------------------------------------------------------


def lower_limit(pack: Pack) -> Pack:
    """Coffee to another team, and the flag of high values from a thousand francs."""
    routing = tuple(
        rule.model_copy(update={"team": "naeb-horticulture"}) if rule.code == "naeb-coffee-tea" else rule
        for rule in pack.routing
    )
    rules = tuple(
        rule.model_copy(update={"min_value_minor": 1000}) if rule.code == "very-high-value" else rule
        for rule in pack.flags
        if rule.code != "new-business"
    )
    return pack.model_copy(update={"version": "RW-changed", "routing": routing, "flags": rules})


def test_changed_rules_are_run_over_the_open_cases_once(
    rwanda: Session, exporter: Actor, naeb: People, changed_rules: list[Pack], monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = [move(rwanda, sent(rwanda, exporter), Action.WITHDRAW, exporter)]
    cases = [sent(rwanda, exporter, "200000") for _ in range(5)]
    for held in (cases[0], cases[-1]):
        move(rwanda, held, Action.TAKE, naeb.registrar)
    before = [(case.team, case.rules_version) for case in decided]
    changed_rules.append(lower_limit(load.current()))
    monkeypatch.setattr(rerouting, "BATCH", 2)
    found = rerouting.preview(rwanda, load.current()).agencies["NAEB"]
    assert found.moved == {("naeb-coffee-tea", "naeb-horticulture"): 5}
    assert (found.raised, found.lapsed, found.blocked) == ({"very-high-value": 5}, {"new-business": 5}, 5)
    assert all(case.team == "naeb-coffee-tea" for case in cases), "trying out writes nothing"
    run_jobs(rwanda)
    rwanda.expire_all()
    assert all(case.team == "naeb-horticulture" for case in cases)
    assert all(set(standing(rwanda, case)) == {"very-high-value"} for case in cases)
    assert [(case.team, case.rules_version) for case in decided] == before, "nothing changes on decided cases"
    run = rwanda.scalars(select(RuleRun)).one()
    assert (run.seen, run.moved, run.raised, run.lapsed, run.blocked) == (5, 5, 5, 5, 5)
    assert run.finished_at is not None
    told = rwanda.scalars(select(Message.user_id).where(Message.template == "cases_to_teams")).all()
    assert told == [naeb.registrar.user_id], "who has cases is told once, however many parts the run has"
    entries = len(rwanda.scalars(select(Entry).where(Entry.verb == "case.routed")).all())
    run_jobs(rwanda)
    assert len(rwanda.scalars(select(RuleRun)).all()) == 1
    assert len(rwanda.scalars(select(Entry).where(Entry.verb == "case.routed")).all()) == entries
    assert not rerouting.preview(rwanda, load.current()).changed


def test_a_run_that_was_stopped_goes_on_where_it_was(
    rwanda: Session, exporter: Actor, changed_rules: list[Pack], monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [sent(rwanda, exporter, "1000") for _ in range(3)]
    changed_rules.append(lower_limit(load.current()))
    monkeypatch.setattr(rerouting, "BATCH", 2)
    rerouting.begin(rwanda, rerouting.in_force(load.current()).version)
    run = rwanda.scalars(select(RuleRun)).one()
    rerouting.run_part(rwanda, run.id, 0)
    rwanda.refresh(run)
    assert run.seen == 2
    rerouting.run_part(rwanda, run.id, 0)  # killed before it said how far it was
    assert (run.seen, run.finished_at is not None) == (3, True)
    rwanda.expire_all()
    assert all(case.team == "naeb-horticulture" for case in cases)


def test_a_part_of_many_cases_is_said_to_be_a_part(rwanda: Session, exporter: Actor) -> None:
    for _ in range(4):
        sent(rwanda, exporter, "1000")
    found = rerouting.preview(rwanda, lower_limit(load.current()), most=2)
    assert (found.total, found.every) == (4, 2)
    assert found.looked == 2


def test_another_versions_run_of_a_moment_ago_is_left_alone(
    rwanda: Session, exporter: Actor, changed_rules: list[Pack]
) -> None:
    """Old and new processes run side by side while a portal is replaced: they do not undo each other's work."""
    sent(rwanda, exporter, "1000")
    old = load.current()
    changed_rules.append(lower_limit(old))
    run_jobs(rwanda)
    changed_rules.append(old)
    run_jobs(rwanda)
    assert len(rwanda.scalars(select(RuleRun)).all()) == 1


def test_an_official_with_an_interest_clears_nothing(rwanda: Session, exporter: Actor) -> None:
    case = sent(rwanda, exporter)
    inside = acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=["NAEB"]))
    assert case.business_id is not None
    insider = replace(inside, memberships={case.business_id: next(iter(exporter.memberships.values()))})
    with pytest.raises(NotAllowed):
        flags.clear(rwanda, case, standing(rwanda, case)["first-high-value"].id, insider, "It is my firm.")
