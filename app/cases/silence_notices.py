"""What officials are told about silence: what it will mean before the time is over, what it decided, or why it could
not. Those with an interest in the case are told nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from app import notifications
from app.cases import registry
from app.cases.models import Case
from app.identity import absences
from app.identity.actor import Role
from app.identity.models import Absence, AgencyMember, Membership, User
from app.jurisdictions.clock_rows import Silence


@dataclass(frozen=True)
class Ground:
    """Why silence could not decide; ``text`` is in the country's first language."""

    code: str
    text: str


@dataclass(frozen=True)
class Coming:
    """One line of a morning's message. ``consent`` false: it will count as refused."""

    reference: str
    at: datetime
    consent: bool


def officials(session: Session, case: Case) -> list[int]:
    """Who has the case (or stands in for who does) and the supervisors of its agency."""
    return sorted(set(session.scalars(_concerned().where(Case.id == case.id))))


def of_cases(session: Session, case_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Case and official, of many cases at once."""
    found = session.execute(_concerned().add_columns(Case.id).where(Case.id.in_(case_ids)))
    return sorted({(case_id, user_id) for user_id, case_id in found})


def _concerned() -> Select[Any]:
    whose = func.coalesce(
        select(Absence.delegate_id)
        .where(Absence.user_id == Case.assigned_to, absences.running(absences.today()))
        .limit(1)
        .scalar_subquery(),
        Case.assigned_to,
    )
    return (
        select(User.id)
        .select_from(Case)
        .join(AgencyMember, AgencyMember.agency == Case.agency)
        .join(User, User.id == AgencyMember.user_id)
        .where(
            or_(
                User.role == Role.SUPERVISOR.value,
                and_(User.role == Role.CLERK.value, User.id == whose, Case.assigned_to.is_not(None)),
            ),
            User.disabled_at.is_(None),
            User.id != Case.applicant_id,
            ~exists().where(Membership.user_id == User.id, Membership.business_id == Case.business_id),
        )
    )


def tell_decided(session: Session, case: Case, rule: Silence) -> None:
    for user_id in officials(session, case):
        notifications.send(
            session,
            user_id=user_id,
            template="silence_decided",
            values={**_about(case), "consent": rule.effect == "consent"},
            case_id=case.id,
        )


def tell_held(session: Session, case: Case, grounds: Sequence[Ground]) -> None:
    for user_id in officials(session, case):
        notifications.send(
            session,
            user_id=user_id,
            template="silence_held",
            values={**_about(case), "grounds": [each.text for each in grounds]},
            case_id=case.id,
        )


def _about(case: Case) -> dict[str, object]:
    return {
        "reference": case.reference,
        "title": case.title,
        "service": registry.service(case.service).noun,
        "path": f"/desk/{case.reference}",
    }
