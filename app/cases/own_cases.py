"""What the copy of a person's own data says of their cases, with everybody else made unknown."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.cases.appeal_models import Appeal, Correction
from app.cases.inspection_models import Inspection
from app.cases.models import Case, CaseEvent, Decision, InformationRequest, Submission
from app.documents.models import Record
from app.identity.actor import Role
from app.identity.models import User

OTHER = "[another person]"
OFFICIAL = "[an official]"
AT_ONCE = 1000
_ABOUT_A_PERSON = frozenset(
    {"name", "document_number", "nationality", "document_country", "birth_date", "phone", "email", "address"}
)
_ROW = re.compile(r"(.+-\d+-)(.+)")


class Unnamed:
    """Takes the names of the officials who had to do with these cases out of a text."""

    def __init__(self, session: Session, cases: Sequence[Case], user: User) -> None:
        names: set[str] = set()
        ids = [case.id for case in cases]
        for first in range(0, len(ids), AT_ONCE):
            acted = (
                select(CaseEvent.actor_name, User.name)
                .outerjoin(User, User.id == CaseEvent.actor_id)
                .where(
                    CaseEvent.case_id.in_(ids[first : first + AT_ONCE]),
                    CaseEvent.actor_role.in_([role.value for role in Role if role.official]),
                )
                .distinct()
            )
            for row in session.execute(acted):
                names |= {name for name in row if name and name != user.name}
        longest_first = sorted(names, key=lambda name: (-len(name), name))
        self._names = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in longest_first)) if names else None

    def __call__(self, text: str) -> str:
        return self._names.sub(OFFICIAL, text) if self._names is not None else text


def of(user: User) -> Any:
    """Those they applied for or sent something in."""
    sent = select(Submission.case_id).where(Submission.submitted_by == user.id)
    return select(Case).where(or_(Case.applicant_id == user.id, Case.id.in_(sent))).order_by(Case.id)


def told(session: Session, case: Case, user: User, unnamed: Unnamed) -> dict[str, Any]:
    def rows(model: Any) -> Any:
        return session.scalars(select(model).where(model.case_id == case.id).order_by(model.id))

    mine = case.applicant_id == user.id
    return {
        "reference": case.reference,
        "service": case.service,
        "title": case.title,
        "state": case.state,
        "begun": at(case.created_at),
        "draft": masked(case.draft, user.name) if mine else {},
        "submissions": [
            {"number": each.number, "at": at(each.submitted_at), "sha256": each.sha256,
             "answers": masked(each.data, user.name)}
            for each in rows(Submission)
            if mine or each.submitted_by == user.id
        ],
        "questions": [{"at": at(each.asked_at), "text": unnamed(each.message)} for each in rows(InformationRequest)],
        "visits": [
            {"reference": each.reference, "from": at(each.starts_at), "to": at(each.ends_at), "place": each.place,
             "about": unnamed(each.about), "state": each.state}
            for each in rows(Inspection)
        ],
        "decisions": [
            {"at": at(each.decided_at), "outcome": each.outcome, "reason": unnamed(each.reason)}
            for each in rows(Decision)
        ],
        "appeals": [
            {"reference": each.reference, "at": at(each.appealed_at), "why": each.why, "state": each.state,
             "judged_at": at(each.judged_at), "reason": unnamed(each.reason)}
            for each in rows(Appeal)
        ],
        "corrections": [{"at": at(each.opened_at), "reason": unnamed(each.reason)} for each in rows(Correction)],
        "documents": [
            {"number": each.number, "title": each.title, "at": at(each.issued_at)}
            for each in rows(Record)
        ],
    }  # fmt: skip


def masked(value: Any, name: str) -> Any:
    """What somebody sent, with every person but ``name`` made unknown."""
    if isinstance(value, list):
        return [masked(each, name) for each in value]
    if not isinstance(value, dict):
        return value
    others = {prefix for prefix, said in _people(value).items() if _plain(said) != _plain(name)}
    return {
        key: OTHER if _parted(key)[0] in others and _parted(key)[1] in _ABOUT_A_PERSON and each else masked(each, name)
        for key, each in value.items()
    }


def _people(value: dict[str, Any]) -> dict[str, Any]:
    """Names of the people a form's answers describe, by the row: ``people-0-name`` as posted, ``name`` when clean."""
    rows = {_parted(key)[0] for key in value if _parted(key)[1] == "document_number"}
    return {row: value.get(f"{row}name") for row in rows}


def _parted(key: str) -> tuple[str, str]:
    found = _ROW.fullmatch(key)
    return (found[1], found[2]) if found else ("", key)


def _plain(name: Any) -> str:
    if isinstance(name, list):  # as it was posted
        name = " ".join(map(str, name))
    return " ".join(str(name or "").split()).casefold()


def at(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment is not None else None
