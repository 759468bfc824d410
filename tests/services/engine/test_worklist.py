"""Who is handed which case: groups, training, absence and who stands in, choosing, handing over, the morning's word."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import assignment, balance, engine, escalation, grouping, worklist
from app.cases.grouping import Group, Times
from app.cases.models import Case, CaseEvent, Escalation, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action, State
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound
from app.identity import absences, skills
from app.identity.actor import Actor, Role
from app.identity.skills import Skills
from app.jurisdictions import load, working_days
from app.notifications.models import Message
from tests.factories.cases import acting, licence, pay, submitted
from tests.factories.people import make_user
from tests.services.conftest import People, cast, move

APPROVE = Payload(outcome=Outcome.APPROVE)


def case_of(session: Session) -> Case:
    return submitted(session, acting(session, make_user(session)))


def away(session: Session, who: Actor, delegate: Actor | None = None, days: int = 3) -> None:
    today = absences.today()
    absences.enter(
        session, who, who.user_id or 0, first_day=today, last_day=today + timedelta(days=days),
        delegate_id=delegate.user_id if delegate else None,
    )  # fmt: skip


def hand_over(session: Session, case: Case, by: Actor, to: Actor, reason: str = "She is faster") -> Case:
    return engine.perform(
        session, case, Action.REASSIGN, by, version=case.version, reason=reason, payload=Payload(to=to.user_id)
    )


def test_every_open_case_is_in_exactly_one_group_and_the_lists_and_counts_agree(
    rwanda: Session, people: People
) -> None:
    now, absent = clock.now(), people.second_registrar
    dues = [now - timedelta(days=9), now + timedelta(minutes=5), now + timedelta(days=40)]
    for due in dues:
        case_of(rwanda).due_at = due
        for holder in (people.registrar, absent):
            held = move(rwanda, case_of(rwanda), Action.TAKE, holder)
            held.due_at = due
    asked = move(rwanda, case_of(rwanda), Action.TAKE, people.registrar)
    fields = Payload(fields=(AskedField("name", "name.name", "Name"),))
    move(rwanda, asked, Action.ASK, people.registrar, payload=fields)
    done = move(rwanda, case_of(rwanda), Action.TAKE, people.registrar)
    move(rwanda, done, Action.RECOMMEND, people.registrar, payload=APPROVE)
    away(rwanda, absent, people.registrar)
    rwanda.flush()
    hand, times = assignment.hand_of(rwanda, people.registrar), Times.current()
    open_cases = rwanda.scalars(
        select(Case).where(grouping.in_states(State.SUBMITTED, State.IN_REVIEW, State.RECOMMENDED, State.RETURNED))
    ).all()
    heads = worklist.work_page(rwanda, people.registrar, hand, times, mine=False)
    counts = worklist.load_of(rwanda, people.registrar, hand=hand, times=times).groups
    listed = {group: worklist.queue(rwanda, people.registrar, worklist.Filters(group=group)).cases for group in Group}
    for case in open_cases:
        assert [group for group in Group if case in listed[group]] == [grouping.group_of(case, times, hand)]
    assert {group: len(cases) for group, cases in heads.items()} == counts
    assert {group: len(cases) for group, cases in listed.items()} == counts
    assert counts[Group.STAND_IN] == 3
    assert all(counts.values()), "each group was tried"
    mine = worklist.load_of(rwanda, people.registrar, hand=hand, times=times, mine=True).groups
    assert mine[Group.NEW] == 0
    assert (mine[Group.OVERDUE], mine[Group.STAND_IN], mine[Group.WAITING]) == (1, 3, 1)


def test_due_today_means_by_the_close_of_the_offices(rwanda: Session) -> None:
    pack = load.current()
    monday = working_days.add(pack, clock.now(), 10)
    with clock.at(monday - timedelta(hours=2)):
        assert Times.current() == Times(clock.now(), monday, True)
    with clock.at(monday + timedelta(hours=1)):
        times = Times.current()
        assert not times.today
        assert times.closing == working_days.add(pack, monday, 1)


def test_who_sent_a_case_and_became_an_official_is_never_shown_it(rwanda: Session, people: People) -> None:
    case = case_of(rwanda)
    sender = replace(people.registrar, user_id=case.applicant_id)
    rwanda.execute(update(Case).where(Case.id == case.id).values(applicant_id=people.stranger.user_id))
    assert worklist.next_case(rwanda, sender) is None
    assert worklist.queue(rwanda, sender, worklist.Filters()).cases == []
    assert worklist.queue(rwanda, people.registrar, worklist.Filters()).cases == [case]


def paid(session: Session, exporter: Actor, kind: str = "coffee-export") -> Case:
    case = submitted(session, exporter, "export_licence", licence(kind=kind))
    pay(session, case, exporter)
    return case


def test_the_next_case_keeps_to_what_one_is_trained_for(rwanda: Session, exporter: Actor) -> None:
    naeb = cast(rwanda, "NAEB")
    case = paid(rwanda, exporter)
    assert (case.permit_kind, case.office) == ("coffee-export", None)
    skills.set_skills(rwanda, naeb.registrar.user_id or 0, Skills(permit_kinds=frozenset({"tea-export"})))
    assert worklist.next_case(rwanda, naeb.registrar) is None
    with pytest.raises(NotAllowed) as refused:
        worklist.choose(rwanda, case, naeb.registrar, version=case.version, reason="I know the firm")
    assert refused.value.code == "not_trained"
    skills.set_skills(
        rwanda, naeb.registrar.user_id or 0, Skills(permit_kinds=frozenset({"tea-export", "coffee-export"}))
    )
    assert worklist.next_case(rwanda, naeb.registrar) == case


@pytest.mark.parametrize(
    ("services", "kinds", "offices", "fits"),
    [
        ((), (), (), True), (("customs",), (), (), True), (("registration",), (), (), False),
        ((), ("coffee-export",), (), False), (("registration",), ("k",), (), True), ((), (), ("KGLAIR",), False),
        ((), (), ("GISENYI",), True), (("customs",), (), ("KGLAIR",), False),
    ],
)  # fmt: skip
def test_training_in_python_and_in_the_database_agree(
    rwanda: Session, services: tuple[str, ...], kinds: tuple[str, ...], offices: tuple[str, ...], fits: bool
) -> None:
    case = case_of(rwanda)
    case.service, case.permit_kind, case.office = "customs", "k", "GISENYI"
    rwanda.flush()
    held = Skills(frozenset(services), frozenset(kinds), frozenset(offices))
    assert held.fit(case.service, case.permit_kind, case.office) is fits
    assert rwanda.scalar(select(assignment.trained_for(held)).where(Case.id == case.id)) is fits


def test_choosing_needs_a_reason_and_keeps_it(rwanda: Session, people: People) -> None:
    case = case_of(rwanda)
    with pytest.raises(Invalid):
        worklist.choose(rwanda, case, people.registrar, version=case.version, reason="  ")
    worklist.choose(rwanda, case, people.registrar, version=case.version, reason="She telephoned twice")
    entry = rwanda.scalars(select(Entry).where(Entry.verb == "case.chosen", Entry.case_id == case.id)).one()
    assert entry.detail["reason"] == "She telephoned twice"
    event = rwanda.scalars(select(CaseEvent).where(CaseEvent.case_id == case.id, CaseEvent.action == "take")).one()
    assert event.reason == "She telephoned twice"


def test_who_is_away_is_handed_nothing_and_the_delegate_acts_in_their_own_name(rwanda: Session, people: People) -> None:
    case = move(rwanda, case_of(rwanda), Action.TAKE, people.registrar)
    case_of(rwanda)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.RECOMMEND, people.second_supervisor, payload=APPROVE)
    away(rwanda, people.registrar, people.second_supervisor)
    assert worklist.next_case(rwanda, people.registrar) is None
    move(rwanda, case, Action.RECOMMEND, people.second_supervisor, payload=APPROVE)
    entry = rwanda.scalars(select(Entry).where(Entry.verb == "case.recommend", Entry.case_id == case.id)).one()
    assert entry.detail["stands_in_for"] == people.registrar.user_id
    with pytest.raises(NotAllowed) as refused:
        move(rwanda, case, Action.APPROVE, people.second_supervisor)
    assert refused.value.code == "four_eyes"
    assert move(rwanda, case, Action.APPROVE, people.supervisor).state == State.APPROVED


def test_standing_in_ends_with_the_absence(rwanda: Session, people: People) -> None:
    case = move(rwanda, case_of(rwanda), Action.TAKE, people.registrar)
    away(rwanda, people.registrar, people.second_registrar)
    [line] = absences.coming(rwanda, people.registrar)
    with pytest.raises(NotFound):
        absences.end(rwanda, people.second_registrar, line.absence.id)
    absences.end(rwanda, people.registrar, line.absence.id)
    with pytest.raises(NotAllowed):
        move(rwanda, case, Action.RELEASE_CASE, people.second_registrar)
    away(rwanda, people.registrar)  # an absence that was ended does not count as a second one


def test_an_absence_is_refused_where_it_makes_no_sense(rwanda: Session, people: People) -> None:
    today = absences.today()

    def enter(by: Actor, whose: Actor, first: int, last: int, delegate: Actor | None = None) -> None:
        absences.enter(
            rwanda, by, whose.user_id or 0, first_day=today + timedelta(days=first),
            last_day=today + timedelta(days=last), delegate_id=delegate.user_id if delegate else None,
        )  # fmt: skip

    enter(people.supervisor, people.registrar, 2, 6, people.second_registrar)
    for refused in (
        lambda: enter(people.registrar, people.registrar, 6, 9),  # overlaps
        lambda: enter(people.second_registrar, people.second_registrar, 9, 8),
        lambda: enter(people.second_registrar, people.second_registrar, -9, -8),
        lambda: enter(people.second_registrar, people.second_registrar, 5, 8, people.registrar),  # away as well
        lambda: enter(people.second_registrar, people.second_registrar, 1, 2, people.second_registrar),
        lambda: enter(people.second_registrar, people.second_registrar, 1, 2, cast(rwanda, "RRA").registrar),
    ):
        with pytest.raises(Invalid):
            refused()
    with pytest.raises(NotAllowed):
        enter(people.second_registrar, people.registrar, 20, 21)
    with pytest.raises(NotFound):
        enter(cast(rwanda, "RRA").supervisor, people.registrar, 20, 21)


def test_a_case_is_handed_to_who_may_have_it(rwanda: Session, people: People) -> None:
    case = case_of(rwanda)
    hand_over(rwanda, case, people.supervisor, people.registrar)
    assert (case.state, case.assigned_to) == (State.IN_REVIEW, people.registrar.user_id)
    hand_over(rwanda, case, people.supervisor, people.second_registrar, "Grace is on leave")
    assert case.assigned_to == people.second_registrar.user_id
    told = rwanda.scalars(select(Message).where(Message.user_id == people.second_registrar.user_id)).one()
    assert "Grace is on leave" in told.body
    entry = rwanda.scalars(select(Entry).where(Entry.verb == "case.reassign").order_by(Entry.id.desc()).limit(1)).one()
    assert entry.detail["holder"] == [people.registrar.user_id, people.second_registrar.user_id]
    events = rwanda.scalar(select(func.count()).where(CaseEvent.case_id == case.id))
    assert case.version == events + 1


def test_a_case_is_not_handed_to_who_may_not_have_it(rwanda: Session, people: People) -> None:
    case = case_of(rwanda)
    away(rwanda, people.second_registrar)
    tea = acting(rwanda, make_user(rwanda, role=Role.CLERK, agencies=["RDB"]))
    skills.set_skills(rwanda, tea.user_id or 0, Skills(services=frozenset({"customs"})))
    for to in (people.second_registrar, tea, cast(rwanda, "RRA").registrar, people.applicant):
        with pytest.raises(Invalid):
            hand_over(rwanda, case, people.supervisor, to)
    with pytest.raises(Invalid):
        hand_over(rwanda, case, people.supervisor, people.registrar, reason="")
    with pytest.raises(NotAllowed):
        hand_over(rwanda, case, people.registrar, people.registrar)
    move(rwanda, case, Action.TAKE, people.supervisor)
    move(rwanda, case, Action.RECOMMEND, people.supervisor, payload=APPROVE)
    for to in (people.supervisor, people.registrar):  # who recommended; who does not decide
        with pytest.raises(Invalid):
            hand_over(rwanda, case, people.second_supervisor, to)
    third = acting(rwanda, make_user(rwanda, role=Role.SUPERVISOR, agencies=["RDB"]))
    hand_over(rwanda, case, people.second_supervisor, third)
    assert case.state == State.RECOMMENDED
    assert worklist.next_case(rwanda, people.second_supervisor) is None, "it is another's to decide"
    assert worklist.next_case(rwanda, third) == case


def on_a_working_morning() -> object:
    pack = load.current()
    return clock.at(working_days.add(pack, clock.now(), 30) - timedelta(hours=10))


def test_the_morning_tells_once_and_marks_once(rwanda: Session, people: People) -> None:
    late, soon, later = (move(rwanda, case_of(rwanda), Action.TAKE, people.registrar) for _n in range(3))
    with on_a_working_morning():
        now, pack = clock.now(), load.current()
        late.due_at, soon.due_at = now - timedelta(days=1), working_days.add(pack, now, 1)
        later.due_at = working_days.add(pack, now, 2)
        rwanda.flush()
        for _twice in range(2):
            escalation.morning(rwanda)
        marks = {tuple(row) for row in rwanda.execute(select(Escalation.case_id, Escalation.level))}
        assert marks == {(late.id, "overdue"), (soon.id, "due_soon")}
        entries = rwanda.scalars(select(Entry.verb).where(Entry.verb.in_(["case.overdue", "case.due_soon"]))).all()
        assert sorted(entries) == ["case.due_soon", "case.overdue"]
        told = {m.user_id: m for m in rwanda.scalars(select(Message).where(Message.template == "desk_morning"))}
        assert set(told) == {people.registrar.user_id, people.supervisor.user_id, people.second_supervisor.user_id}
        mine = told[people.registrar.user_id].body
        assert late.reference in mine
        assert soon.reference in mine
        assert later.reference not in mine
        assert late.reference in told[people.supervisor.user_id].body
        assert soon.reference not in told[people.supervisor.user_id].body
        with clock.at(working_days.add(pack, now, 1) - timedelta(hours=10)):
            escalation.morning(rwanda)
        assert rwanda.scalar(select(func.count()).where(Message.template == "desk_morning")) == 6
        assert rwanda.scalar(select(func.count()).where(Entry.verb == "case.overdue")) == 1


def test_the_morning_speaks_to_who_stands_in_and_is_silent_on_days_off(rwanda: Session, people: People) -> None:
    case = move(rwanda, case_of(rwanda), Action.TAKE, people.registrar)
    pack = load.current()
    with on_a_working_morning():
        away(rwanda, people.registrar, people.second_registrar)
        case.due_at = working_days.add(pack, clock.now(), 1)
        rwanda.flush()
        escalation.morning(rwanda)
        told = rwanda.scalars(select(Message.user_id).where(Message.template == "desk_morning")).all()
        assert told == [people.second_registrar.user_id]
    day = clock.now()
    while working_days.is_working_day(pack, day.astimezone(pack.zone).date()):
        day += timedelta(days=1)
    with clock.at(day):
        case.due_at = day - timedelta(days=1)
        rwanda.flush()
        escalation.morning(rwanda)
    assert rwanda.scalar(select(func.count()).where(Escalation.level == "overdue")) == 0


@pytest.mark.parametrize("days", [1, 3, 6, 11])
def test_the_edge_of_an_age_is_where_the_working_days_say(rwanda: Session, days: int) -> None:
    pack, now = load.current(), clock.now()
    edge = balance.sent_before(pack, now, days)
    assert working_days.between(pack, edge - timedelta(seconds=1), now) >= days
    assert working_days.between(pack, edge, now) < days


def test_the_balance_counts_what_each_has_and_did(rwanda: Session, people: People) -> None:
    first, second = (move(rwanda, case_of(rwanda), Action.TAKE, people.registrar) for _n in range(2))
    first.due_at, first.submitted_at = clock.now() - timedelta(days=1), clock.now() - timedelta(days=40)
    move(rwanda, second, Action.RECOMMEND, people.registrar, payload=APPROVE)
    move(rwanda, second, Action.APPROVE, people.supervisor)
    away(rwanda, people.second_registrar)
    waiting = case_of(rwanda)
    rwanda.flush()
    found = {share.id: share for share in balance.shares(rwanda, people.supervisor, load.current()).rows}
    mine = found[people.registrar.user_id or 0]
    assert (mine.open, mine.overdue, mine.done, mine.oldest) == (1, 1, 1, first.submitted_at)
    assert found[people.supervisor.user_id or 0].done == 1
    assert found[people.second_registrar.user_id or 0].away_until == absences.today() + timedelta(days=3)
    [ageing] = balance.ageing(rwanda, people.supervisor, load.current())
    assert ageing.counts == (1, 0, 0, 1)
    assert balance.unassigned(rwanda, people.supervisor) == [waiting]
    assert balance.held_by(rwanda, people.supervisor, people.registrar.user_id or 0).cases == [first]
