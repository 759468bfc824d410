"""The appeals an official may decide on, and those nobody may: all who could had to do with the case."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, func, select, tuple_
from sqlalchemy.orm import Session

from app.cases import involved
from app.cases.appeal_models import Appeal, AppealState
from app.cases.models import Case
from app.identity.actor import Actor, Role
from app.identity.models import AgencyMember, User

PAGE = 25
Key = tuple[datetime, int]


@dataclass(frozen=True)
class Listed:
    rows: list[tuple[Appeal, Case]]
    following: Key | None


def to_judge(session: Session, actor: Actor, after: Key | None = None) -> Listed:
    """Open ones of the actor's agencies with which they had nothing to do, the oldest first; for supervisors."""
    if actor.role is not Role.SUPERVISOR:
        return Listed([], None)
    statement = (
        select(Appeal, Case)
        .join(Case, Case.id == Appeal.case_id)
        .where(
            Appeal.state == AppealState.OPEN.value,
            Appeal.agency.in_(sorted(actor.agencies)),
            ~involved.involves(actor.user_id, Appeal.case_id),
        )
        .order_by(Appeal.appealed_at, Appeal.id)
    )
    if after is not None:
        statement = statement.where(tuple_(Appeal.appealed_at, Appeal.id) > after)
    rows = [(appeal, case) for appeal, case in session.execute(statement.limit(PAGE + 1))]
    last = rows[PAGE - 1][0] if len(rows) > PAGE else None
    return Listed(rows[:PAGE], (last.appealed_at, last.id) if last is not None else None)


def judged_by(session: Session, actor: Actor, after: Key | None = None) -> Listed:
    """Those the actor decided on, the latest first."""
    statement = (
        select(Appeal, Case)
        .join(Case, Case.id == Appeal.case_id)
        .where(Appeal.judged_by == actor.user_id)
        .order_by(Appeal.judged_at.desc(), Appeal.id.desc())
    )
    if after is not None:
        statement = statement.where(tuple_(Appeal.judged_at, Appeal.id) < after)
    rows = [(appeal, case) for appeal, case in session.execute(statement.limit(PAGE + 1))]
    last = rows[PAGE - 1][0] if len(rows) > PAGE else None
    following = (last.judged_at, last.id) if last is not None and last.judged_at is not None else None
    return Listed(rows[:PAGE], following)


def has_judge() -> ColumnElement[bool]:
    """Of appeals: whether a supervisor at work for the agency had nothing to do with the case."""
    return exists().where(
        AgencyMember.agency == Appeal.agency,
        User.id == AgencyMember.user_id,
        User.role == Role.SUPERVISOR.value,
        User.disabled_at.is_(None),
        ~func.case_involves(Appeal.case_id, User.id),  # of each pair by itself; spelt out, whole tables are hashed
    )


def without_judge(session: Session, agencies: Collection[str] | None = None) -> list[tuple[str, str]]:
    """Reference and agency of the oldest open appeals that nobody may decide on; ``agencies`` None: of all."""
    statement = (
        select(Appeal.reference, Appeal.agency)
        .where(Appeal.state == AppealState.OPEN.value, ~has_judge())
        .order_by(Appeal.appealed_at, Appeal.id)
        .limit(PAGE)
    )
    if agencies is not None:
        statement = statement.where(Appeal.agency.in_(sorted(agencies)))
    return [(reference, agency) for reference, agency in session.execute(statement)]


def stuck(session: Session) -> dict[str, int]:
    """By agency, how many open appeals nobody may decide on."""
    number = func.count().label("number")
    counted = select(Appeal.agency, number).where(Appeal.state == AppealState.OPEN.value, ~has_judge())
    return {row.agency: row.number for row in session.execute(counted.group_by(Appeal.agency))}
