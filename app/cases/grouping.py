"""The groups of the work page: the same rule in SQL, for lists and counts, and in Python, for one case."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, bindparam, true

from app.cases.assignment import Hand, trained_for
from app.cases.models import Case
from app.cases.workflow import ON_DESK, State
from app.core import clock
from app.jurisdictions import load, working_days


class Group(StrEnum):
    """In the order of the page. Each open case is in exactly one."""

    STAND_IN = "stand_in"  # held by a colleague who is away
    OVERDUE = "overdue"
    TODAY = "today"
    NEW = "new"  # nobody has it yet
    UNDER_WAY = "under_way"
    WAITING = "waiting"  # for the applicant

    @property
    def by_due(self) -> bool:
        """In the order of urgency; the clock of those that wait for the applicant stands, so the latest come first."""
        return self is not Group.WAITING


@dataclass(frozen=True)
class Times:
    """``closing``: when the offices close today, or on the next working day if they are closed for today already."""

    now: datetime
    closing: datetime
    today: bool  # whether ``closing`` is today's

    @classmethod
    def current(cls) -> "Times":
        pack, now = load.current(), clock.now()
        closing = working_days.add(pack, now, 0)
        return cls(now, closing, closing.astimezone(pack.zone).date() == now.astimezone(pack.zone).date())


def in_states(*states: State) -> ColumnElement[bool]:
    """Written into the statement as constants: only then is a plan that is used again known to fit a partial index."""
    values = sorted(state.value for state in states)
    return Case.state.in_(bindparam("states", values, expanding=True, literal_execute=True, unique=True))


def condition(group: Group, times: Times, hand: Hand, *, placed: bool = False) -> ColumnElement[bool]:
    """Of cases. ``placed``: the statement says already that they are on the desk, or wait for the applicant."""
    absent = hand.absent
    held_by_absent = and_(
        Case.assigned_to.in_(absent), Case.state == State.IN_REVIEW.value, trained_for(hand.skills)
    )  # fmt: skip
    states = {Group.STAND_IN: {State.IN_REVIEW}, Group.NEW: {State.SUBMITTED}, Group.WAITING: {State.RETURNED}}
    states[Group.UNDER_WAY] = {State.IN_REVIEW, State.RECOMMENDED}
    of_states = true() if placed and group in {Group.OVERDUE, Group.TODAY} else in_states(*states.get(group, ON_DESK))
    match group:
        case Group.STAND_IN:
            return and_(of_states, held_by_absent) if absent else and_(of_states, Case.id.in_([]))
        case Group.WAITING:
            return of_states
        case Group.OVERDUE:
            due: ColumnElement[bool] = Case.due_at < times.now
        case Group.TODAY:
            due = and_(Case.due_at >= times.now, Case.due_at <= times.closing)
        case _:
            due = Case.due_at > times.closing
    others = held_by_absent.is_not(True) if absent else true()
    return and_(of_states, due, others)


def group_of(case: Case, times: Times, hand: Hand) -> Group:
    state = State(case.state)
    if state is State.RETURNED:
        return Group.WAITING
    stands_in = case.assigned_to in hand.absent and hand.skills.fit(case.service, case.permit_kind, case.office)
    if state is State.IN_REVIEW and stands_in:
        return Group.STAND_IN
    assert case.due_at is not None  # on the desk the clock runs
    if case.due_at < times.now:
        return Group.OVERDUE
    if case.due_at <= times.closing:
        return Group.TODAY
    return Group.NEW if state is State.SUBMITTED else Group.UNDER_WAY
