"""Deciding a case anew: a decision that was wrong is corrected by a new one that is linked to it.

The old decision and what it issued are never altered. While the correction is under way ``cases.correction_id`` points
to it and no decision is in force; what the old one issued is the service's to hold up (its effect of ``CORRECT``), and
to give back, replace or end (its effects of ``APPROVE`` and ``REFUSE``, which find the old decision in
``CaseContext.anew``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.orm import Session

from app.cases import access, four_eyes
from app.cases.appeal_models import Appeal, AppealState, Correction, CorrectionBar, Scope
from app.cases.models import Case, Decision, Escalation
from app.cases.workflow import Action, State
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Problem, Stale
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor

if TYPE_CHECKING:
    from app.cases.work import Work

Bars = Mapping[int, str]
"""User → ``Scope``."""

DECIDING = frozenset({Action.APPROVE, Action.REFUSE})
HANDLING = frozenset({Action.TAKE, Action.ASK, Action.RECOMMEND, Action.SEND_BACK})


@dataclass(frozen=True)
class Anew:
    """A correction that is under way, and the decision it is of."""

    correction: Correction
    earlier: Decision

    def confirms(self, outcome: str, conditions: Sequence[Any], submission_id: int | None) -> bool:
        """Whether deciding so changes nothing: the same outcome, on the same conditions, about the same submission."""
        before = self.earlier
        return (before.outcome, list(before.conditions), before.submission_id) == (
            outcome,
            list(conditions),
            submission_id,
        )


def under_way(session: Session, case: Case) -> Anew | None:
    if case.correction_id is None:
        return None
    correction = session.get_one(Correction, case.correction_id)
    return Anew(correction, session.get_one(Decision, correction.decision_id))


def bars_of(session: Session, case: Case) -> Bars:
    if case.correction_id is None:
        return {}
    found = session.scalars(select(CorrectionBar).where(CorrectionBar.correction_id == case.correction_id))
    return {bar.user_id: bar.scope for bar in found}


def open_to(user_id: int | None, *, deciding: bool = False) -> ColumnElement[bool]:
    """Cases in which the user may act: all but those decided anew without them."""
    barred = exists().where(CorrectionBar.correction_id == Case.correction_id, CorrectionBar.user_id == user_id)
    return ~(barred if deciding else barred.where(CorrectionBar.scope == Scope.CASE.value))


def barred(bars: Bars, user_id: int | None, *, deciding: bool) -> bool:
    scope = bars.get(user_id) if user_id is not None else None
    return scope == Scope.CASE or (deciding and scope is not None)


def check(action: Action, actor: Actor, bars: Bars) -> None:
    """Raise NotAllowed for who had to do with the decision that is being corrected."""
    deciding = action in DECIDING
    if not (deciding or action in HANDLING) or not barred(bars, actor.user_id, deciding=deciding):
        return
    if bars[actor.user_id or 0] == Scope.CASE:
        message = _l("An appeal was allowed: the case goes to people who had nothing to do with the first decision.")
    else:
        message = _l("You made the decision that is being corrected, so another person must decide.")
    raise NotAllowed(message, code="barred")


def check_not_under_way(session: Session, case_id: int | None) -> None:
    """Before what a decision of the case issued is given back by hand: who decides anew gives it back, or not.

    Locks the case, before whatever was issued as everywhere. Raises Invalid while its decision is corrected.
    """
    if case_id is not None and access.lock(session, case_id).correction_id is not None:
        message = _l("The decision behind it is being corrected. The new decision says whether it is given back.")
        raise Invalid(Problem(message, None, "being_corrected"))


def latest(session: Session, case: Case) -> Decision | None:
    """The decision in force, or the one that is being corrected."""
    return session.scalar(select(Decision).where(Decision.case_id == case.id).order_by(Decision.id.desc()).limit(1))


def open_again(work: "Work") -> State | None:
    """The rows of ``CORRECT``: the correction, who is kept out of it, and a case that is reviewed from its start."""
    session, case = work.session, work.case
    decision = latest(session, case)
    if decision is None:
        raise Stale
    allowed = _appeal(session, decision, work.payload.appeal)
    now = clock.now()
    correction = Correction(
        case_id=case.id,
        decision_id=decision.id,
        appeal_id=allowed.id if allowed is not None else None,
        opened_by=work.actor.user_id,
        opened_at=now,
        reason=work.reason,
        reasons=work.reasons,
        pack_version=work.pack.version,
    )
    session.add(correction)
    session.flush()
    kept_out = _kept_out(session, case, decision, after_appeal=allowed is not None, judge=work.actor.user_id)
    for user_id, scope in sorted(kept_out.items()):
        session.add(CorrectionBar(correction_id=correction.id, case_id=case.id, user_id=user_id, scope=scope.value))
    four_eyes.void(session, case)
    session.execute(delete(Escalation).where(Escalation.case_id == case.id))  # the clock begins again
    session.flush()
    case.assigned_to = case.decided_at = case.clock_days_left = case.clock_minutes_left = None
    work.anew = Anew(correction, decision)
    case.correction_id = correction.id  # last: until its state is set, the row may not be written
    return None


def _appeal(session: Session, decision: Decision, appeal_id: int | None) -> Appeal | None:
    """The appeal that was allowed. While one is open, the decision is nobody's to reopen but its judge's."""
    found = session.scalar(select(Appeal).where(Appeal.decision_id == decision.id))
    if found is not None and found.state == AppealState.OPEN:
        raise NotAllowed(_l("An appeal against this decision is open. It must be decided first."), code="appeal_open")
    if appeal_id is None:
        return None
    if found is None or found.id != appeal_id or found.state != AppealState.ALLOWED:
        raise Stale
    return found


def _kept_out(
    session: Session, case: Case, decision: Decision, *, after_appeal: bool, judge: int | None
) -> dict[int, Scope]:
    """After an appeal everybody who had to do with the case, but for who allowed it; else who decided.

    Whoever an earlier appeal keeps out stays out.
    """
    from app.cases import involved  # it names every table of the package

    earlier = select(CorrectionBar.user_id).where(
        CorrectionBar.case_id == case.id, CorrectionBar.scope == Scope.CASE.value
    )
    found = {} if decision.decided_by is None else {decision.decided_by: Scope.DECISION}
    found |= dict.fromkeys(session.scalars(earlier), Scope.CASE)
    if after_appeal:
        found |= dict.fromkeys(involved.of_case(session, case) - {judge or 0}, Scope.CASE)
    return found
