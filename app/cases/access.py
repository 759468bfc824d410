"""Finding a case for someone. What they may not see looks exactly like what does not exist."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.models import Case
from app.core.errors import DomainError, NotFound
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor
from app.identity.policy import Permission, Subject, allows


class Disposed(DomainError):
    """The case was there; what it said was destroyed when its period had ended. ``reference`` is the case's."""

    code = "disposed"
    status = 410
    default_message = _l(
        "What this file said was destroyed when the time for which it is kept had ended. Its reference, its dates and "
        "the certificate of its disposal remain."
    )

    def __init__(self, reference: str) -> None:
        super().__init__()
        self.reference = reference


def subject(case: Case) -> Subject:
    return Subject(applicant_id=case.applicant_id, business_id=case.business_id, agency=case.agency)


def may(actor: Actor | None, case: Case, permission: Permission) -> bool:
    """As ``policy.allows``; an official never meets a draft, which no agency has received."""
    if permission in {Permission.DESK, Permission.CASE_REVIEW, Permission.CASE_DECIDE} and case.agency is None:
        return False
    return allows(actor, permission, subject(case))


def load(session: Session, actor: Actor | None, reference: str, permission: Permission) -> Case:
    """The case with this reference, or NotFound."""
    case = session.scalar(select(Case).where(Case.reference == reference.strip().upper()))
    return _seen(case, actor, permission)


def load_by_id(session: Session, actor: Actor | None, case_id: int, permission: Permission) -> Case:
    return _seen(session.get(Case, case_id), actor, permission)


def _seen(case: Case | None, actor: Actor | None, permission: Permission) -> Case:
    if case is None or not may(actor, case, permission):
        raise NotFound
    if case.disposed_at is not None:
        raise Disposed(case.reference)
    return case


def lock(session: Session, case_id: int) -> Case:
    """The case's row, locked until the transaction ends, with the values it has now."""
    return session.scalars(
        select(Case).where(Case.id == case_id).with_for_update().execution_options(populate_existing=True)
    ).one()
