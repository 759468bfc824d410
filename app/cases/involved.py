"""Who had to do with a case: whoever did something in it, applied for it, or belongs to its business.

An appeal goes to somebody else. A module whose people count too names the two columns with ``register``, or finds them
with ``register_found``; the database's own function ``case_involves``, which guards ``appeals``, knows the same tables.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, or_, select, union
from sqlalchemy.orm import Session, aliased

from app.cases.appeal_models import Appeal, Correction
from app.cases.models import Case, CaseEvent, Decision, InformationRequest, Note, Recommendation, Submission
from app.identity.models import Membership

_COLUMNS: list[tuple[Any, Any]] = [  # the person, the case
    (Case.applicant_id, Case.id),
    (Case.assigned_to, Case.id),
    (CaseEvent.actor_id, CaseEvent.case_id),
    (Submission.submitted_by, Submission.case_id),
    (InformationRequest.asked_by, InformationRequest.case_id),
    (Recommendation.recommended_by, Recommendation.case_id),
    (Decision.recommended_by, Decision.case_id),
    (Decision.decided_by, Decision.case_id),
    (Note.author_id, Note.case_id),
    (Correction.opened_by, Correction.case_id),
    (Appeal.appealed_by, Appeal.case_id),
    (Appeal.judged_by, Appeal.case_id),
    (Appeal.withdrawn_by, Appeal.case_id),
]
_FOUND: list[Callable[[Any], Select[Any]]] = []


def register(person: Any, case: Any) -> None:
    """At import: rows with the user in column ``person`` and the case in ``case`` involve that user."""
    if not any(person is known for known, _case in _COLUMNS):
        _COLUMNS.append((person, case))


def register_found(people: Callable[[Any], Select[Any]]) -> None:
    """At import: ``people(case_id)`` selects the users a case involves, from tables under names of their own."""
    if people not in _FOUND:
        _FOUND.append(people)


def involves(user_id: Any, case_id: Any) -> ColumnElement[bool]:
    """Whether the user had to do with the case; both may be columns of the statement this stands in."""
    found: list[ColumnElement[bool]] = []
    for person, case in _COLUMNS:
        theirs = aliased(person.class_)
        found.append(exists().where(getattr(theirs, case.key) == case_id, getattr(theirs, person.key) == user_id))
    for people in _FOUND:
        others = people(case_id)
        found.append(others.where(others.selected_columns[0] == user_id).exists())
    member, owned = aliased(Membership), aliased(Case)
    of_business = exists().where(owned.id == case_id, member.business_id == owned.business_id)
    return or_(*found, of_business.where(member.user_id == user_id))


def of_case(session: Session, case: Case) -> frozenset[int]:
    """All of them, members of the business as they are now included."""
    parts = [select(person).where(column == case.id, person.is_not(None)) for person, column in _COLUMNS]
    parts += [people(case.id) for people in _FOUND]
    if case.business_id is not None:
        parts.append(select(Membership.user_id).where(Membership.business_id == case.business_id))
    return frozenset(session.scalars(union(*parts)))
