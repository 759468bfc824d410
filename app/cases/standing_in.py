"""Acting on the case of a colleague who is away, in one's own name: who was named for it and is trained for it."""

from sqlalchemy.orm import Session

from app.cases.models import Case
from app.identity import absences, skills


def may(session: Session, case: Case, user_id: int | None) -> bool:
    """Whether this person acts for who has the case today."""
    return named(session, case, user_id) and trained(session, case, user_id)


def named(session: Session, case: Case, user_id: int | None) -> bool:
    holder = case.assigned_to
    return None not in {holder, user_id} and holder != user_id and absences.delegate_of(session, holder) == user_id


def trained(session: Session, case: Case, user_id: int | None) -> bool:
    return skills.of_user(session, user_id).fit(case.service, case.permit_kind, case.office)
