"""Appeals in the morning: those due within a working day or overdue are marked once, and who can act is told."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.verbs import register
from app.cases import appeal_lists, involved
from app.cases.appeal_models import Appeal, AppealState
from app.cases.models import Case
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import SYSTEM, Role
from app.identity.models import AgencyMember, User
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack

BATCH = 500
DUE_SOON = register("appeal.due_soon", _l("Appeal is due within a working day"))
OVERDUE = register("appeal.overdue", _l("Appeal is overdue"))


@dataclass
class Counts:
    """Of one person: appeals they may decide on, those of them that are overdue, and those nobody may decide on."""

    waiting: int = 0
    late: int = 0
    stuck: int = 0


def mark(session: Session, now: datetime, pack: Pack) -> int:
    """Returns how many were marked, at most twice BATCH."""
    soon = working_days.add(pack, now, 1)
    return _mark(session, now, soon, "soon_at", DUE_SOON) + _mark(session, now, now, "overdue_at", OVERDUE)


def _mark(session: Session, now: datetime, before: datetime, column: str, verb: str) -> int:
    known = getattr(Appeal, column)
    found = session.execute(
        select(Appeal.id, Appeal.reference, Appeal.agency, Appeal.case_id, Appeal.due_at, Case.business_id)
        .join(Case, Case.id == Appeal.case_id)
        .where(Appeal.state == AppealState.OPEN.value, Appeal.due_at <= before, known.is_(None))
        .order_by(Appeal.due_at, Appeal.id)
        .limit(BATCH)
        .with_for_update(of=Appeal, skip_locked=True)
    ).all()
    if found:
        session.execute(update(Appeal).where(Appeal.id.in_([row.id for row in found])).values({column: now}))
    for row in found:
        entries.record(
            session, SYSTEM, verb, subject=f"appeal:{row.id}", reference=row.reference, case_id=row.case_id,
            business_id=row.business_id, agency=row.agency, detail={"due_at": row.due_at.isoformat()},
        )  # fmt: skip
    return len(found)


def counts(session: Session, now: datetime) -> dict[int, Counts]:
    """By supervisor; of appeals that nobody may decide on, administrators are told too."""
    rows = session.execute(
        select(User.id, func.count(), func.count().filter(Appeal.due_at < now))
        .select_from(Appeal)
        .join(AgencyMember, AgencyMember.agency == Appeal.agency)
        .join(User, and_(User.id == AgencyMember.user_id, User.role == Role.SUPERVISOR.value))
        .where(
            Appeal.state == AppealState.OPEN.value,
            User.disabled_at.is_(None),
            ~involved.involves(User.id, Appeal.case_id),
        )
        .group_by(User.id)
    )
    found = {user_id: Counts(waiting, late) for user_id, waiting, late in rows}
    stuck = appeal_lists.stuck(session)
    for user_id, agency in _told_of(session, set(stuck)):
        told = found.setdefault(user_id, Counts())
        told.stuck += sum(stuck.values()) if agency is None else stuck[agency]
    return found


def _told_of(session: Session, agencies: set[str]) -> list[tuple[int, str | None]]:
    """The supervisors of the agencies, and the administrators (for all of them)."""
    if not agencies:
        return []
    supervisors = (
        select(User.id, AgencyMember.agency)
        .join(AgencyMember, AgencyMember.user_id == User.id)
        .where(User.role == Role.SUPERVISOR.value, AgencyMember.agency.in_(sorted(agencies)))
    )
    found = [(user_id, agency) for user_id, agency in session.execute(supervisors.where(User.disabled_at.is_(None)))]
    admins = select(User.id).where(User.role == Role.ADMINISTRATOR.value, User.disabled_at.is_(None))
    return [*found, *((user_id, None) for user_id in session.scalars(admins))]
