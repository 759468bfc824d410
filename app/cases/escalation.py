"""Each working morning: mark the cases that are due within a working day or overdue, and tell who can act.

A case is marked, and its audit entry written, once for each level. A person gets one message a morning: who holds
cases (or stands in for who does) about theirs, a supervisor about the agency's overdue ones too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from app import notifications
from app.audit import entries
from app.cases import appeal_morning, silence
from app.cases import verbs as _verbs  # noqa: F401  # registers those of the marks
from app.cases.grouping import in_states
from app.cases.models import Case, Escalation, MorningReport
from app.cases.silence_notices import Coming
from app.cases.workflow import ON_DESK, State
from app.core import clock
from app.identity import absences
from app.identity.actor import SYSTEM, Role
from app.identity.models import Absence, AgencyMember, User
from app.jobs import queue
from app.jurisdictions import load, working_days
from app.jurisdictions.model import Pack

MORNING = "cases.morning"
BATCH = 500  # cases marked in one transaction
NAMED = 10  # cases a message names; the work page has them all
KEPT = timedelta(days=30)  # who was told, by day


class Level(StrEnum):
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"


def horizon(pack: Pack, now: datetime) -> datetime:
    """What is due up to here is due within a working day: the close of the next one."""
    return working_days.add(pack, now, 1)


@queue.task(MORNING, queue="bulk")
def morning(session: Session) -> None:
    pack, now = load.current(), clock.now()
    if not working_days.is_working_day(pack, clock.today(pack.zone)):
        return
    marked = sum(mark(session, level, now, pack) for level in Level)
    marked += appeal_morning.mark(session, now, pack)
    if marked >= BATCH:  # the first morning of a busy portal: tell people once all are marked
        queue.enqueue(session, MORNING)
        return
    tell(session, now, pack)
    session.execute(delete(MorningReport).where(MorningReport.day < (now - KEPT).date()))


def mark(session: Session, level: Level, now: datetime, pack: Pack) -> int:
    """Mark what has come to ``level``; returns how many, at most BATCH."""
    late = Case.due_at < now
    known = select(Escalation.case_id).where(Escalation.case_id == Case.id, Escalation.level == level.value).exists()
    statement = select(Case.id, Case.reference, Case.business_id, Case.due_at).where(
        _open(), late if level is Level.OVERDUE else and_(~late, Case.due_at <= horizon(pack, now)), ~known
    )
    found = {row.id: row for row in session.execute(statement.order_by(Case.due_at, Case.id).limit(BATCH))}
    if not found:
        return 0
    rows = [{"case_id": row.id, "level": level.value, "due_at": row.due_at, "marked_at": now} for row in found.values()]
    # Another worker may be at the same: only what this one wrote has its entry from here.
    written = insert(Escalation).values(rows).on_conflict_do_nothing().returning(Escalation.case_id)
    for case_id in session.scalars(written).all():
        row = found[case_id]
        entries.record(
            session, SYSTEM, f"case.{level.value}", subject=f"case:{case_id}", reference=row.reference,
            case_id=case_id, business_id=row.business_id, detail={"due_at": row.due_at.isoformat()},
        )  # fmt: skip
    return len(found)


def _open() -> Any:
    return in_states(*ON_DESK)


def marked(session: Session, case_ids: list[int]) -> set[int]:
    """Which of these cases were marked as overdue: their supervisors know."""
    if not case_ids:
        return set()
    statement = select(Escalation.case_id).where(
        Escalation.case_id.in_(case_ids), Escalation.level == Level.OVERDUE.value
    )
    return set(session.scalars(statement))


@dataclass
class Told:
    """What one person's message says: their own cases, and what is late, or soon too late, where they supervise."""

    late: int = 0
    soon: int = 0
    named: list[str] = field(default_factory=list)
    team_late: int = 0
    team_named: list[str] = field(default_factory=list)
    appeals: int = 0  # they may decide on
    appeals_late: int = 0
    appeals_stuck: int = 0  # nobody may decide on
    silent: list[Coming] = field(default_factory=list)  # the first of what silence will decide within a working day
    silent_in_all: int = 0


def tell(session: Session, now: datetime, pack: Pack) -> None:
    reports: dict[int, Told] = {}
    for user_id, late, soon, named in _of_holders(session, now, pack):
        told = reports.setdefault(user_id, Told())
        told.late, told.soon, told.named = told.late + late, told.soon + soon, [*told.named, *named][:NAMED]
    for user_id, late, named in _of_supervisors(session, now):
        told = reports.setdefault(user_id, Told())
        told.team_late, told.team_named = told.team_late + late, [*told.team_named, *named][:NAMED]
    for user_id, lines in silence.coming(session, now, horizon(pack, now), pack).items():
        told = reports.setdefault(user_id, Told())
        told.silent, told.silent_in_all = lines[:NAMED], len(lines)
    for user_id, count in appeal_morning.counts(session, now).items():
        told = reports.setdefault(user_id, Told())
        told.appeals, told.appeals_late, told.appeals_stuck = count.waiting, count.late, count.stuck
    if not reports:
        return
    day = clock.today(pack.zone)
    new = insert(MorningReport).values([{"user_id": user_id, "day": day} for user_id in sorted(reports)])
    for user_id in session.scalars(new.on_conflict_do_nothing().returning(MorningReport.user_id)).all():
        told = reports[user_id]
        notifications.send(
            session,
            user_id=user_id,
            template="desk_morning",
            values={**vars(told), "path": _path(told)},
        )


def _path(told: Told) -> str:
    """Where most of what is told can be acted on."""
    if told.late or told.soon:
        return "/desk?mine=1"
    if told.team_late:
        return "/desk?group=overdue"
    if told.appeals:
        return "/desk/appeals"
    return "/desk" if told.silent else "/"


def _of_holders(session: Session, now: datetime, pack: Pack) -> Iterable[tuple[int, int, int, list[str]]]:
    """By who is to act: the holder of a case in review, or who stands in for them today."""
    delegate = aliased(User)
    whose = func.coalesce(delegate.id, Case.assigned_to).label("whose")
    ranked = (
        select(
            whose,
            Case.reference,
            (Case.due_at < now).label("late"),
            func.row_number().over(partition_by=whose, order_by=(Case.due_at, Case.id)).label("place"),
        )
        .join(User, User.id == Case.assigned_to)
        .outerjoin(Absence, and_(Absence.user_id == Case.assigned_to, absences.running(absences.today())))
        .outerjoin(delegate, and_(delegate.id == Absence.delegate_id, delegate.disabled_at.is_(None)))
        .where(Case.state == State.IN_REVIEW.value, _open(), Case.due_at <= horizon(pack, now))
        .where(User.disabled_at.is_(None))
        .subquery()
    )
    rows = session.execute(
        select(
            ranked.c.whose,
            func.count().filter(ranked.c.late),
            func.count().filter(~ranked.c.late),
            func.array_agg(ranked.c.reference).filter(ranked.c.place <= NAMED),
        ).group_by(ranked.c.whose)
    )
    return [(user_id, late, soon, list(named or ())) for user_id, late, soon, named in rows]


def _of_supervisors(session: Session, now: datetime) -> Iterable[tuple[int, int, list[str]]]:
    ranked = (
        select(
            Case.agency,
            Case.reference,
            func.row_number().over(partition_by=Case.agency, order_by=(Case.due_at, Case.id)).label("place"),
        )
        .where(_open(), Case.due_at < now)
        .subquery()
    )
    agencies = (
        select(
            ranked.c.agency,
            func.count().label("late"),
            func.array_agg(ranked.c.reference).filter(ranked.c.place <= NAMED).label("named"),
        )
        .group_by(ranked.c.agency)
        .subquery()
    )
    rows = session.execute(
        select(User.id, agencies.c.late, agencies.c.named)
        .join(AgencyMember, AgencyMember.user_id == User.id)
        .join(agencies, agencies.c.agency == AgencyMember.agency)
        .where(User.role == Role.SUPERVISOR.value, User.disabled_at.is_(None))
        .order_by(User.id, AgencyMember.agency)
    )
    return [(user_id, late, list(named or ())) for user_id, late, named in rows]


queue.periodic("0 5 * * 1-5", MORNING)  # seven o'clock in Kigali, six in Brazzaville
