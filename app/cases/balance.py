"""How the work of an agency is spread: by colleague, by age, and what nobody has taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, case, func, or_, select, tuple_, union_all
from sqlalchemy.orm import Session

from app.cases.assignment import visible
from app.cases.grouping import in_states
from app.cases.models import Case, Decision, Recommendation
from app.cases.workflow import ON_DESK, State
from app.core import clock
from app.identity import absences
from app.identity.actor import Actor, Role
from app.identity.models import Absence, AgencyMember, User
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack

PAGE = 50
LISTED = 25  # cases of the list below the colleagues
BUCKETS = ((0, 2), (3, 5), (6, 10), (11, None))  # working days since a case was sent, first and last


@dataclass(frozen=True)
class Share:
    """One colleague's work. ``open`` is in review or waits for the applicant; ``done`` since Monday."""

    id: int
    name: str
    role: Role
    open: int
    overdue: int
    oldest: datetime | None
    done: int
    away_until: date | None


@dataclass(frozen=True)
class Shares:
    rows: list[Share]
    following: int | None  # the last row's id, for the next page


def shares(session: Session, actor: Actor, pack: Pack, *, after: int | None = None) -> Shares:
    """The colleagues of the actor's agencies by name, a page of them, in one statement."""
    now, agencies = clock.now(), sorted(actor.agencies)
    held = union_all(
        *(
            select(Case.assigned_to, Case.submitted_at, Case.due_at).where(
                Case.agency.in_(agencies), in_states(state), Case.assigned_to.is_not(None)
            )
            for state in (State.IN_REVIEW, State.RETURNED)
        )
    ).subquery()
    work = (
        select(
            held.c.assigned_to,
            func.count().label("open"),
            func.count().filter(held.c.due_at < now).label("overdue"),
            func.min(held.c.submitted_at).label("oldest"),
        )
        .group_by(held.c.assigned_to)
        .subquery()
    )
    monday = _monday(pack)
    recommended = _count(Recommendation.recommended_by, Recommendation.recommended_at, monday)
    decided = _count(Decision.decided_by, Decision.decided_at, monday)
    away = (
        select(func.max(Absence.last_day))
        .where(Absence.user_id == User.id, absences.running(absences.today()))
        .correlate(User)
        .scalar_subquery()
    )
    member = select(AgencyMember.user_id).where(AgencyMember.agency.in_(agencies))
    statement = (
        select(
            User.id, User.name, User.role, func.coalesce(work.c.open, 0), func.coalesce(work.c.overdue, 0),
            work.c.oldest, recommended + decided, away,
        )
        .outerjoin(work, work.c.assigned_to == User.id)
        .where(User.id.in_(member), User.role.in_(absences.DESK_ROLES))
        # Who has left is shown while cases are in their name.
        .where(or_(User.disabled_at.is_(None), work.c.open > 0))
    )  # fmt: skip
    if after is not None:
        last = select(User.name, User.id).where(User.id == after).subquery()
        statement = statement.where(tuple_(User.name, User.id) > select(last.c.name, last.c.id).scalar_subquery())
    rows = session.execute(statement.order_by(User.name, User.id).limit(PAGE + 1)).all()
    found = [
        Share(user_id, name, Role(role), open_, overdue, oldest, done, until)
        for user_id, name, role, open_, overdue, oldest, done, until in rows[:PAGE]
    ]
    return Shares(found, found[-1].id if len(rows) > PAGE else None)


def _count(who: Any, when: Any, since: datetime) -> ScalarSelect[int]:
    return select(func.count()).where(who == User.id, when >= since).correlate(User).scalar_subquery()


def _monday(pack: Pack) -> datetime:
    today = clock.today(pack.zone)
    return datetime.combine(today - timedelta(days=today.weekday()), time(0), tzinfo=pack.zone)


@dataclass(frozen=True)
class Ageing:
    """Open cases of a service on the desk, by working days since they were sent (in the order of BUCKETS)."""

    service: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


def ageing(session: Session, actor: Actor, pack: Pack) -> list[Ageing]:
    edges = [sent_before(pack, clock.now(), first) for first, _last in BUCKETS[1:]]  # newest edge first
    bucket = case(
        *((Case.submitted_at < edge, len(edges) - place) for place, edge in enumerate(reversed(edges))), else_=0
    )
    rows = session.execute(
        select(Case.service, bucket.label("bucket"), func.count())
        .where(Case.agency.in_(sorted(actor.agencies)), in_states(*ON_DESK))
        .group_by(Case.service, "bucket")
    )
    found: dict[str, list[int]] = {}
    for service, place, count in rows:
        found.setdefault(service, [0] * len(BUCKETS))[place] = count
    return [Ageing(service, tuple(counts)) for service, counts in sorted(found.items())]


def sent_before(pack: Pack, now: datetime, days: int) -> datetime:
    """The moment before which a case must have been sent to be ``days`` working days old or more (days ≥ 1)."""
    day = now.astimezone(pack.zone).date()
    while days:
        if working_days.is_working_day(pack, day):
            days -= 1
        day -= timedelta(days=1)
    # Every day after ``day`` counts fewer; the whole of ``day`` itself counts enough.
    return datetime.combine(day + timedelta(days=1), time(0), tzinfo=pack.zone)


def unassigned(session: Session, actor: Actor) -> list[Case]:
    """The oldest that nobody has."""
    return list(
        session.scalars(
            select(Case)
            .where(visible(actor), in_states(State.SUBMITTED))
            .order_by(Case.submitted_at, Case.id)
            .limit(LISTED)
        )
    )


@dataclass(frozen=True)
class Held:
    cases: Sequence[Case]
    following: int | None


def held_by(session: Session, actor: Actor, user_id: int, *, after: int | None = None) -> Held:
    """A colleague's open cases in the order they came, paged by id; those that wait for the applicant are with them."""
    statement = select(Case).where(
        visible(actor),
        Case.assigned_to == user_id,
        in_states(State.IN_REVIEW, State.RETURNED),
    )
    if after is not None:
        statement = statement.where(Case.id > after)
    rows = list(session.scalars(statement.order_by(Case.id).limit(LISTED + 1)))
    return Held(rows[:LISTED], rows[LISTED - 1].id if len(rows) > LISTED else None)
