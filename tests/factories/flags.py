"""Flags without their rules, as a careless program would write them: without locking the case first."""

from typing import Any

from sqlalchemy.orm import Session

from app.cases.flags_models import CaseFlag
from app.cases.models import Case
from app.core import clock


def make_flag(session: Session, case: Case, **changes: Any) -> CaseFlag:
    """A blocking flag that a clerk may clear."""
    values: dict[str, Any] = {
        "case_id": case.id, "submission_id": case.current_submission_id, "code": "later",
        "names": {"en": "Later", "fr": "Après"}, "explanation": {"en": "x", "fr": "x"}, "legal_ref": "illustrative",
        "basis": {}, "rules_version": "x", "blocks": True, "clearable_by": "clerk", "raised_at": clock.now(),
    }  # fmt: skip
    flag = CaseFlag(**(values | changes))
    session.add(flag)
    session.flush()
    return flag
