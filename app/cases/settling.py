"""What is still under way beside a case when it is decided: advice that was asked for, visits that are planned."""

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.verbs import register
from app.cases import advice, inspections
from app.cases.advice_models import Advice
from app.cases.inspection_models import Inspection
from app.cases.models import Case
from app.cases.work import Work
from app.cases.workflow import TERMINAL, Action, State
from app.core.errors import Invalid, Problem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l

DECIDING = frozenset({Action.APPROVE, Action.REFUSE})
UNSETTLED = register("case.decided_without_waiting", _l("Decided without waiting for advice or a visit"))
FIELD = "without_waiting"


def under_way(session: Session, case: Case) -> list[str]:
    """References of what is not answered or held yet, in one statement."""
    rows = union_all(
        select(Advice.reference).where(Advice.case_id == case.id, Advice.ended_at.is_(None)),
        select(Inspection.reference).where(Inspection.case_id == case.id, Inspection.ended_at.is_(None)),
    ).subquery()
    return list(session.scalars(select(rows.c.reference).order_by(func.length(rows.c.reference), rows.c.reference)))


def check(work: Work) -> None:
    """A person who decides while something is under way says why they do not wait; it is in the log. Raises Invalid."""
    if work.transition.action not in DECIDING or work.actor.kind != "user":
        return
    waiting = under_way(work.session, work.case)
    if not waiting:
        return
    reason = work.payload.without_waiting.strip()
    if len(reason) < 3:
        message = _("Say why you do not wait for %(what)s.", what=", ".join(waiting))
        raise Invalid(Problem(message, FIELD, "required"))
    entries.record(
        work.session, work.actor, UNSETTLED, subject=f"case:{work.case.id}", reference=work.case.reference,
        case_id=work.case.id, business_id=work.case.business_id, detail={"under_way": waiting, "reason": reason},
    )  # fmt: skip


def close(work: Work) -> None:
    """After the case has come to its end: nobody works on for nothing, and nobody stands before a closed door."""
    if State(work.case.state) in TERMINAL:
        advice.close(work.session, work.pack, work.actor, work.case)
        inspections.close(work.session, work.pack, work.actor, work.case)
