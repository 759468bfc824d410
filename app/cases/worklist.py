"""The desk: the fair queue, lists paged by key, and "next case".

Every list costs the same at a thousand cases as at a million: one indexed statement, paged by (due, id), never by
OFFSET.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_, union_all
from sqlalchemy.orm import Session, aliased

from app.audit import entries
from app.cases import assignment, corrections, engine, grouping, teams
from app.cases.assignment import Hand, visible
from app.cases.grouping import Group, Times
from app.cases.models import Case, Recommendation
from app.cases.search import bears
from app.cases.workflow import ON_DESK, Action, State
from app.core import clock
from app.core.errors import Invalid, Problem
from app.core.i18n import gettext as _
from app.identity.actor import Actor, Role

PAGE = 25
LEAST_REASON = 3  # characters
SHOWN = 8  # of each group on the work page; a group's own list has them all


@dataclass(frozen=True)
class Filters:
    """What a queue address holds. Empty parts mean "all"; ``states`` empty means "on the desk"."""

    query: str = ""
    service: str = ""
    states: tuple[str, ...] = ()
    mine: bool = False
    team: bool = False  # of the teams they are in
    overdue: bool = False
    group: Group | None = None
    after: tuple[datetime, int] | None = None  # the last row of the page before


@dataclass(frozen=True)
class Page:
    cases: list[Case]
    following: tuple[datetime, int] | None


def queue(
    session: Session, actor: Actor, filters: Filters, *, hand: Hand | None = None, times: Times | None = None
) -> Page:
    """One page of the desk, the most urgent first; cases that are not on the desk come newest first."""
    statement = select(Case).where(visible(actor))
    if filters.group is not None:
        hand, times = hand or assignment.hand_of(session, actor), times or Times.current()
        statement = statement.where(grouping.condition(filters.group, times, hand))
        if filters.team:
            statement = statement.where(_of_teams(hand))
        return _page(session, _narrowed(statement, actor, filters), by_due=filters.group.by_due, after=filters.after)
    known = {state.value for state in State}
    states = {State(state) for state in filters.states if state in known} or set(ON_DESK)
    on_desk = states <= ON_DESK
    statement = statement.where(grouping.in_states(*states))
    if filters.team:
        statement = statement.where(_of_teams(hand or assignment.hand_of(session, actor)))
    return _page(session, _narrowed(statement, actor, filters), by_due=on_desk, after=filters.after)


def _of_teams(hand: Hand) -> ColumnElement[bool]:
    return Case.team.in_(sorted(hand.teams))


def _narrowed(statement: Select[Case], actor: Actor, filters: Filters) -> Select[Case]:
    if filters.service:
        statement = statement.where(Case.service == filters.service)
    if filters.mine:
        statement = statement.where(Case.assigned_to == actor.user_id)
    if filters.overdue:
        statement = statement.where(Case.due_at < clock.now())
    if filters.query.strip():
        statement = statement.where(bears(filters.query.strip()))
    return statement


def work_page(
    session: Session, actor: Actor, hand: Hand, times: Times, *, mine: bool, team: bool = False
) -> dict[Group, list[Case]]:
    """The head of each group in its order, in one statement; of what is theirs, their teams', or the whole agency's."""
    parts = []
    for group in Group:
        statement = select(Case).where(visible(actor), grouping.condition(group, times, hand))
        if mine and group is not Group.STAND_IN:
            statement = statement.where(Case.assigned_to == actor.user_id)
        if team and group is not Group.STAND_IN:
            statement = statement.where(_of_teams(hand))
        order = (Case.due_at, Case.id) if group.by_due else (Case.updated_at.desc(), Case.id.desc())
        if group is not Group.STAND_IN or hand.absent:
            parts.append(statement.order_by(*order).limit(SHOWN))
    any_of_them = aliased(Case, union_all(*parts).subquery())
    found: dict[Group, list[Case]] = {group: [] for group in Group}
    for case in session.scalars(select(any_of_them)):
        found[grouping.group_of(case, times, hand)].append(case)
    for group, cases in found.items():
        if group.by_due:
            cases.sort(key=lambda case: (case.due_at, case.id))
        else:
            cases.sort(key=lambda case: (case.updated_at, case.id), reverse=True)
    return found


def _page(session: Session, statement: Select[Case], *, by_due: bool, after: tuple[datetime, int] | None) -> Page:
    if by_due:
        if after is not None:
            statement = statement.where(tuple_(Case.due_at, Case.id) > after)
        statement = statement.order_by(Case.due_at, Case.id)
    else:
        statement = _newest(statement, after)
    return _cut(list(session.scalars(statement.limit(PAGE + 1))), by_due=by_due)


def _newest(statement: Select[Case], after: tuple[datetime, int] | None) -> Select[Case]:
    if after is not None:
        statement = statement.where(tuple_(Case.updated_at, Case.id) < after)
    return statement.order_by(Case.updated_at.desc(), Case.id.desc())


def _cut(rows: list[Case], *, by_due: bool) -> Page:
    following = None
    if len(rows) > PAGE:
        last = rows[PAGE - 1]
        key = last.due_at if by_due else last.updated_at
        following = (key, last.id) if key is not None else None
    return Page(rows[:PAGE], following)


@dataclass(frozen=True)
class Load:
    """The numbers at the head of the desk, and how many there are in each group."""

    overdue: int
    waiting: int
    mine: int
    to_decide: int
    groups: dict[Group, int]


def load_of(
    session: Session,
    actor: Actor,
    *,
    hand: Hand | None = None,
    times: Times | None = None,
    mine: bool = False,
    team: bool = False,
) -> Load:
    """Counts over the open cases the actor may see (partial indexes hold just those rows); one statement."""
    hand, times = hand or assignment.hand_of(session, actor), times or Times.current()
    held = Case.assigned_to == actor.user_id

    def counted(group: Group) -> Any:
        condition = grouping.condition(group, times, hand, placed=True)
        if mine and group is not Group.STAND_IN:
            condition = and_(condition, held)
        if team and group is not Group.STAND_IN:
            condition = and_(condition, _of_teams(hand))
        return func.count().filter(condition)

    on_desk = [group for group in Group if group is not Group.WAITING]
    waiting = (
        select(counted(Group.WAITING))
        .where(grouping.in_states(State.RETURNED), visible(actor))
        .correlate(None)
        .scalar_subquery()
    )
    row = session.execute(
        select(
            func.count().filter(Case.due_at < times.now),
            func.count().filter(Case.state == State.SUBMITTED.value),
            func.count().filter(and_(held, Case.state == State.IN_REVIEW.value)),
            func.count().filter(Case.state == State.RECOMMENDED.value),
            *(counted(group) for group in on_desk),
            waiting,
        ).where(grouping.in_states(*ON_DESK), visible(actor))
    ).one()
    overdue, submitted, held_by_them, to_decide, *in_groups = row
    counts = dict(zip([*on_desk, Group.WAITING], in_groups, strict=True))
    return Load(overdue, submitted, held_by_them, to_decide, counts)


def next_case(session: Session, actor: Actor) -> Case | None:
    """Hand out the oldest case this person may take and is trained for, and take it for them; None when there is none.

    Cases of their teams come first, then those of no team. Who is away is handed nothing. A supervisor gets the oldest
    recommendation that is not their own instead, since deciding is what waits for them; one that was handed to another
    supervisor is theirs. Two people asking at once get two cases (SKIP LOCKED).
    """
    hand = assignment.hand_of(session, actor)
    if hand.away_until is not None:
        return None
    if actor.role is Role.SUPERVISOR:
        for_them = exists().where(
            Recommendation.case_id == Case.id,
            Recommendation.voided_at.is_(None),
            Recommendation.recommended_by != actor.user_id,
            or_(
                Case.assigned_to.is_(None),
                Case.assigned_to == Recommendation.recommended_by,
                Case.assigned_to == actor.user_id,
            ),
            corrections.open_to(actor.user_id, deciding=True),
        )
        to_decide = (
            select(Case)
            .where(visible(actor), grouping.in_states(State.RECOMMENDED), for_them, assignment.trained_for(hand.skills))
            .order_by(Case.due_at, Case.id)
            .limit(1)
        )
        for turn in teams.turns(hand):
            found = session.scalar(to_decide.where(turn))
            if found is not None:
                return found
    mine = session.scalar(
        select(Case)
        .where(Case.assigned_to == actor.user_id, grouping.in_states(State.IN_REVIEW), visible(actor))
        .order_by(Case.due_at, Case.id)
        .limit(1)
    )
    if mine is not None:
        return mine
    waiting = (
        select(Case)
        .where(visible(actor), grouping.in_states(State.SUBMITTED), assignment.trained_for(hand.skills))
        .where(corrections.open_to(actor.user_id))
        .order_by(Case.submitted_at, Case.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Case)
    )
    for turn in teams.turns(hand):
        oldest = session.scalar(waiting.where(turn))
        if oldest is not None:
            return engine.perform(session, oldest, Action.TAKE, actor, version=oldest.version)
    return None


def choose(session: Session, case: Case, actor: Actor, *, version: int, reason: str = "") -> Case:
    """Take a case out of turn: allowed to who is trained for it, and logged with its reason as the exception it is.

    Raises Invalid (field ``reason``) without one.
    """
    reason = reason.strip()
    if len(reason) < LEAST_REASON:
        raise Invalid(Problem(_("Write why you take this case out of turn."), "reason", "required"))
    assignment.check_trained(assignment.hand_of(session, actor).skills, case)
    taken = engine.perform(session, case, Action.TAKE, actor, version=version, reason=reason)
    entries.record(
        session, actor, "case.chosen", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, detail={"reason": reason},
    )  # fmt: skip
    return taken


def own_cases(session: Session, actor: Actor, *, after: tuple[datetime, int] | None = None) -> Page:
    """The applicant's cases: those of the business they act for, and their own that belong to no business yet."""
    mine = [and_(Case.applicant_id == actor.user_id, Case.business_id.is_(None))]
    if actor.business_id is not None:
        mine.append(Case.business_id == actor.business_id)
    # A page of each, so that neither is read further than the page, however many cases the other has.
    there = or_(Case.disposed_at.is_(None), Case.state != State.DRAFT.value)  # a draft that is gone is forgotten
    pages = [_newest(select(Case).where(each, there), after).limit(PAGE + 1) for each in mine]
    either = aliased(Case, union_all(*pages).subquery())
    statement = select(either).order_by(either.updated_at.desc(), either.id.desc())
    return _cut(list(session.scalars(statement.limit(PAGE + 1))), by_due=False)
