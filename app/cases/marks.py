"""What a list of cases shows beside each: late, flagged, blocked, unanswered. One statement, however long the list."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, literal, select, true, union_all
from sqlalchemy.orm import Session

from app.cases.escalation import Level
from app.cases.flags_models import CaseFlag
from app.cases.models import Case, Escalation, InformationRequest
from app.cases.workflow import State
from app.core import clock


@dataclass(frozen=True)
class Marks:
    """By case id. ``flagged`` cases have a flag that stands; of those, ``blocked`` ones cannot be approved.

    Of ``unanswered`` ones the day of a question has passed and nothing came.
    """

    late: frozenset[int] = frozenset()
    flagged: frozenset[int] = frozenset()
    blocked: frozenset[int] = frozenset()
    unanswered: frozenset[int] = frozenset()


def of(session: Session, case_ids: Sequence[int]) -> Marks:
    if not case_ids:
        return Marks()
    late = select(Escalation.case_id, literal("late"), true()).where(
        Escalation.case_id.in_(case_ids), Escalation.level == Level.OVERDUE.value
    )
    flagged = (
        select(CaseFlag.case_id, literal("flag"), func.bool_or(CaseFlag.blocks))
        .where(CaseFlag.case_id.in_(case_ids), CaseFlag.lapsed_at.is_(None), CaseFlag.cleared_at.is_(None))
        .group_by(CaseFlag.case_id)
    )
    waiting = (
        select(InformationRequest.case_id, literal("answer"), true())
        .join(Case, Case.id == InformationRequest.case_id)
        .where(
            InformationRequest.case_id.in_(case_ids),
            InformationRequest.answered_at.is_(None),
            InformationRequest.due_at < clock.now(),
            Case.state == State.RETURNED.value,
        )
    )
    rows = [tuple(row) for row in session.execute(union_all(late, flagged, waiting))]
    return Marks(
        frozenset(case_id for case_id, kind, _value in rows if kind == "late"),
        frozenset(case_id for case_id, kind, _value in rows if kind == "flag"),
        frozenset(case_id for case_id, kind, blocks in rows if kind == "flag" and blocks),
        frozenset(case_id for case_id, kind, _value in rows if kind == "answer"),
    )
