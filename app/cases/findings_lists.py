"""Lists of findings and marks, paged by key, and what there is of one case."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, or_, select, tuple_, union
from sqlalchemy.orm import Session

from app.cases.findings_models import CaseMark, Finding, FindingEvent, FindingState
from app.cases.models import Case
from app.core import clock
from app.core.together import Statement
from app.identity.actor import Actor
from app.identity.models import Membership, User

PAGE = 25
Key = tuple[datetime, int]


class Show(StrEnum):
    """One list of findings."""

    DUE = "due"  # sent and not answered, the most overdue first
    ANSWERED = "answered"
    DRAFTS = "drafts"
    CLOSED = "closed"  # and withdrawn


@dataclass(frozen=True)
class Row:
    finding: Finding
    reference: str  # the case's
    title: str

    @property
    def overdue(self) -> bool:
        return overdue(self.finding)


@dataclass(frozen=True)
class Listed:
    rows: list[Row]
    following: Key | None


@dataclass(frozen=True)
class Counts:
    overdue: int
    due: int  # the overdue ones among them
    answered: int
    drafts: int


@dataclass(frozen=True)
class Marked:
    mark: CaseMark
    reference: str
    title: str


@dataclass(frozen=True)
class OfCase:
    """``marks`` are those that stand; ``names`` of who wrote either."""

    findings: list[Finding]
    marks: list[CaseMark]
    names: dict[int, str]

    def mine(self, user_id: int | None) -> CaseMark | None:
        return next((mark for mark in self.marks if mark.auditor_id == user_id), None)


def overdue(finding: Finding) -> bool:
    return finding.state == FindingState.SENT and finding.due_at is not None and finding.due_at < clock.now()


_STATES = {
    Show.DUE: (FindingState.SENT,),
    Show.ANSWERED: (FindingState.ANSWERED,),
    Show.DRAFTS: (FindingState.DRAFT,),
    Show.CLOSED: (FindingState.CLOSED, FindingState.WITHDRAWN),
}


def _in(*states: FindingState) -> ColumnElement[bool]:
    """As constants, so that the partial indexes are used."""
    values = sorted(state.value for state in states)
    return Finding.state.in_(bindparam("states", values, expanding=True, literal_execute=True, unique=True))


def _read(actor: Actor) -> ColumnElement[bool]:
    """What an auditor may see: nobody's drafts but their own."""
    return or_(Finding.sent_at.is_not(None), Finding.author_id == actor.user_id)


def _addressed(actor: Actor) -> ColumnElement[bool]:
    """What a supervisor may see: sent to their agencies, and not of a case they have a part in."""
    interest = exists().where(Membership.user_id == actor.user_id, Membership.business_id == Case.business_id)
    return and_(
        Finding.agency.in_(sorted(actor.agencies)),
        Finding.sent_at.is_not(None),
        Case.applicant_id != actor.user_id,
        or_(Case.business_id.is_(None), ~interest),
    )


def for_auditor(session: Session, actor: Actor, show: Show, after: Key | None = None) -> Listed:
    return _listed(session, _read(actor), show, after)


def for_agency(session: Session, actor: Actor, show: Show, after: Key | None = None) -> Listed:
    return _listed(session, _addressed(actor), show, after)


def _listed(session: Session, seen: ColumnElement[bool], show: Show, after: Key | None) -> Listed:
    wanted: Select[*tuple[Any, ...]] = (
        select(Finding, Case.reference, Case.title)
        .join(Case, Case.id == Finding.case_id)
        .where(seen, _in(*_STATES[show]))
    )
    # What waits for somebody: the longest wait first; the rest: the latest first.
    moment = Finding.due_at if show is Show.DUE else Finding.updated_at
    key = tuple_(moment, Finding.id)
    if show in (Show.DUE, Show.ANSWERED):
        wanted = wanted.where(key > after) if after is not None else wanted
        wanted = wanted.order_by(moment, Finding.id)
    else:
        wanted = wanted.where(key < after) if after is not None else wanted
        wanted = wanted.order_by(moment.desc(), Finding.id.desc())
    rows = [Row(*found) for found in session.execute(wanted.limit(PAGE + 1))]
    shown = rows[:PAGE]
    following = None
    if len(rows) > PAGE:
        last = shown[-1].finding
        at = last.due_at if show is Show.DUE else last.updated_at
        following = (at, last.id) if at is not None else None
    return Listed(shown, following)


def counts(session: Session, actor: Actor, *, agency: bool) -> Counts:
    """Of the open findings; ``agency``: those sent to the actor's agencies, else those an auditor sees."""
    late = and_(Finding.state == FindingState.SENT.value, Finding.due_at < clock.now())
    row = session.execute(
        select(
            func.count().filter(late),
            func.count().filter(Finding.state == FindingState.SENT.value),
            func.count().filter(Finding.state == FindingState.ANSWERED.value),
            func.count().filter(Finding.state == FindingState.DRAFT.value),
        )
        .select_from(Finding)
        .join(Case, Case.id == Finding.case_id)
        .where(_in(*_OPEN), _addressed(actor) if agency else _read(actor))
    ).one()
    return Counts(*row)


_OPEN = (FindingState.SENT, FindingState.ANSWERED, FindingState.DRAFT)


def marked(session: Session, actor: Actor, after: Key | None = None) -> tuple[list[Marked], Key | None]:
    """The auditor's own marks, the latest first."""
    wanted = (
        select(CaseMark, Case.reference, Case.title)
        .join(Case, Case.id == CaseMark.case_id)
        .where(CaseMark.auditor_id == actor.user_id, CaseMark.removed_at.is_(None))
    )
    if after is not None:
        wanted = wanted.where(tuple_(CaseMark.made_at, CaseMark.id) < after)
    rows = session.execute(wanted.order_by(CaseMark.made_at.desc(), CaseMark.id.desc()).limit(PAGE + 1)).all()
    found = [Marked(*row) for row in rows]
    last = found[PAGE - 1].mark if len(found) > PAGE else None
    return found[:PAGE], (last.made_at, last.id) if last else None


_OF_CASE = and_(
    Finding.case_id == bindparam("case"), or_(Finding.sent_at.is_not(None), Finding.author_id == bindparam("reader"))
)
_MARKS = and_(CaseMark.case_id == bindparam("case"), CaseMark.removed_at.is_(None))
# For auditors, of the bound ``case``, as the bound ``reader`` may see it.
PARTS: tuple[Statement, ...] = (
    select(Finding).where(_OF_CASE),
    select(CaseMark).where(_MARKS),
    select(User.id, User.name).where(
        User.id.in_(union(select(Finding.author_id).where(_OF_CASE), select(CaseMark.auditor_id).where(_MARKS)))
    ),
)


def of_parts(read: Sequence[list[Any]]) -> OfCase:
    """``read`` is what ``Together`` reads for ``PARTS``."""
    found, marks, names = read
    return OfCase(found, marks, dict(tuple(each) for each in names))


def mark_of(session: Session, actor: Actor, case_id: int) -> CaseMark | None:
    """The auditor's own mark on a case."""
    return session.scalar(select(CaseMark).where(_MARKS, CaseMark.auditor_id == actor.user_id).params(case=case_id))


def history(session: Session, finding: Finding) -> Sequence[FindingEvent]:
    """Every step, oldest first."""
    wanted = select(FindingEvent).where(FindingEvent.finding_id == finding.id)
    return session.scalars(wanted.order_by(FindingEvent.id)).all()


def sent_of_case(session: Session, case_id: int) -> list[tuple[Finding, list[FindingEvent]]]:
    """What was sent, with the steps since, for the auditors' copies of the case file; oldest first."""
    wanted = (
        select(Finding, FindingEvent)
        .join(FindingEvent, FindingEvent.finding_id == Finding.id)
        .where(Finding.case_id == case_id, Finding.sent_at.is_not(None))
        .order_by(Finding.id, FindingEvent.id)
    )
    found: dict[int, tuple[Finding, list[FindingEvent]]] = {}
    for finding, event in session.execute(wanted):
        found.setdefault(finding.id, (finding, []))[1].append(event)
    return list(found.values())
