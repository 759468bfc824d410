"""The desk: the fair queue, lists paged by key, and "next case".

Every list costs the same at a thousand cases as at a million: one indexed statement, paged by (due, id), never by
OFFSET.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select, tuple_, union_all
from sqlalchemy.orm import Session, aliased

from app.audit import entries
from app.cases import engine
from app.cases.models import Case, Recommendation
from app.cases.workflow import ON_DESK, Action, State
from app.core import clock
from app.identity.actor import Actor, Role
from app.identity.models import Membership

PAGE = 25


@dataclass(frozen=True)
class Filters:
    """What a queue address holds. Empty parts mean "all"; ``states`` empty means "on the desk"."""

    query: str = ""
    service: str = ""
    states: tuple[str, ...] = ()
    mine: bool = False
    overdue: bool = False
    after: tuple[datetime, int] | None = None  # the last row of the page before


@dataclass(frozen=True)
class Page:
    cases: list[Case]
    following: tuple[datetime, int] | None


def _visible(actor: Actor) -> Any:
    """Cases of the actor's agencies, without those of a business they have an interest in."""
    interest = exists().where(Membership.user_id == actor.user_id, Membership.business_id == Case.business_id)
    return and_(
        Case.agency.in_(sorted(actor.agencies)),
        Case.applicant_id != actor.user_id,
        or_(Case.business_id.is_(None), ~interest),
    )


def _in(*states: State) -> ColumnElement[bool]:
    """Written into the statement as constants: only then is a plan that is used again known to fit a partial index."""
    values = sorted(state.value for state in states)
    return Case.state.in_(bindparam("states", values, expanding=True, literal_execute=True, unique=True))


def queue(session: Session, actor: Actor, filters: Filters) -> Page:
    """One page of the desk, the most urgent first; cases that are not on the desk come newest first."""
    statement = select(Case).where(_visible(actor))
    known = {state.value for state in State}
    states = {State(state) for state in filters.states if state in known} or set(ON_DESK)
    on_desk = states <= ON_DESK
    statement = statement.where(_in(*states))
    if filters.service:
        statement = statement.where(Case.service == filters.service)
    if filters.mine:
        statement = statement.where(Case.assigned_to == actor.user_id)
    if filters.overdue:
        statement = statement.where(Case.due_at < clock.now())
    if filters.query.strip():
        statement = statement.where(Case.search.contains(filters.query.strip().upper(), autoescape=True))
    return _page(session, statement, by_due=on_desk, after=filters.after)


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
    """The numbers at the head of the desk."""

    overdue: int
    waiting: int
    mine: int
    to_decide: int


def load_of(session: Session, actor: Actor) -> Load:
    """Counts over the open cases the actor may see (a partial index holds just those rows)."""
    now = clock.now()
    row = session.execute(
        select(
            func.count().filter(Case.due_at < now),
            func.count().filter(Case.state == State.SUBMITTED.value),
            func.count().filter(and_(Case.assigned_to == actor.user_id, Case.state == State.IN_REVIEW.value)),
            func.count().filter(Case.state == State.RECOMMENDED.value),
        ).where(_in(*ON_DESK), _visible(actor))
    ).one()
    return Load(*row)


def next_case(session: Session, actor: Actor) -> Case | None:
    """Hand out the oldest case this person may take, and take it for them; None when there is none.

    A supervisor gets the oldest recommendation that is not their own instead, since deciding is what waits for them.
    Two people asking at once get two cases (SKIP LOCKED).
    """
    if actor.role is Role.SUPERVISOR:
        own = exists().where(
            Recommendation.case_id == Case.id,
            Recommendation.voided_at.is_(None),
            Recommendation.recommended_by == actor.user_id,
        )
        found = session.scalar(
            select(Case).where(_visible(actor), _in(State.RECOMMENDED), ~own).order_by(Case.due_at, Case.id).limit(1)
        )
        if found is not None:
            return found
    mine = session.scalar(
        select(Case)
        .where(Case.assigned_to == actor.user_id, _in(State.IN_REVIEW), _visible(actor))
        .order_by(Case.due_at, Case.id)
        .limit(1)
    )
    if mine is not None:
        return mine
    oldest = session.scalar(
        select(Case)
        .where(_visible(actor), _in(State.SUBMITTED))
        .order_by(Case.submitted_at, Case.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Case)
    )
    if oldest is None:
        return None
    return engine.perform(session, oldest, Action.TAKE, actor, version=oldest.version)


def choose(session: Session, case: Case, actor: Actor, *, version: int) -> Case:
    """Take a case out of turn: allowed, and logged as the exception it is."""
    taken = engine.perform(session, case, Action.TAKE, actor, version=version)
    entries.record(
        session, actor, "case.chosen", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id,
    )  # fmt: skip
    return taken


def own_cases(session: Session, actor: Actor, *, after: tuple[datetime, int] | None = None) -> Page:
    """The applicant's cases: those of the business they act for, and their own that belong to no business yet."""
    mine = [and_(Case.applicant_id == actor.user_id, Case.business_id.is_(None))]
    if actor.business_id is not None:
        mine.append(Case.business_id == actor.business_id)
    # A page of each, so that neither is read further than the page, however many cases the other has.
    pages = [_newest(select(Case).where(each), after).limit(PAGE + 1) for each in mine]
    either = aliased(Case, union_all(*pages).subquery())
    statement = select(either).order_by(either.updated_at.desc(), either.id.desc())
    return _cut(list(session.scalars(statement.limit(PAGE + 1))), by_due=False)
