"""What the applicant's side is told when a case moves. Rows of the same transaction; a job sends them."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app import notifications
from app.cases import grounds
from app.cases.colleagues import Colleague
from app.cases.models import Case, Outcome, Submission
from app.cases.work import Work, open_requests
from app.cases.workflow import Action, State
from app.identity import memberships
from app.identity.actor import Actor, MembershipRole

_TEMPLATES: dict[Action, str] = {
    Action.ASK: "information_requested",
    Action.APPROVE: "case_approved",
    Action.REFUSE: "case_refused",
    Action.CANCEL: "case_cancelled",
    Action.CORRECT: "correction_opened",
    Action.DEEM_APPROVED: "case_deemed_approved",
    Action.DEEM_REFUSED: "case_deemed_refused",
}


def tell(work: Work, state: State) -> None:
    """``state`` is the one the action led to."""
    session, case, action = work.session, work.case, work.transition.action
    template = _TEMPLATES.get(action)
    if action is Action.SUBMIT or (action is Action.CONFIRM_PAYMENT and state is State.SUBMITTED):
        template = "case_submitted"
    anew = work.anew
    if anew is not None and template in {"case_approved", "case_refused"}:
        template = "decision_corrected"
    if template is None or work.payload.appeal is not None:  # who appealed is told by ``appeals``
        return
    answer_by = open_requests(session, case)[-1].due_at if action is Action.ASK else None
    for user_id in readers(session, case):
        notifications.send(
            session,
            user_id=user_id,
            template=template,
            values={
                "reference": case.reference,
                "title": case.title,
                "service": work.definition.noun,
                "reason": grounds.telling(work.reasons, work.reason),
                "conditions": grounds.telling(work.conditions, "") if action is Action.APPROVE else "",
                "answer_by": answer_by,
                "deadline": case.due_at,
                "approved": state is State.APPROVED,
                "confirmed": anew is not None and work.confirms,
                "issued": anew is not None and anew.earlier.outcome == Outcome.APPROVE,
                "awaiting_payment": state is State.AWAITING_PAYMENT,
                "path": f"/cases/{case.reference}",
            },
            case_id=case.id,
        )


def mention(session: Session, case: Case, actor: Actor, tell: Sequence[Colleague]) -> None:
    """The note itself stays in the portal: mail is read in many places."""
    for colleague in tell:
        notifications.send(
            session,
            user_id=colleague.user_id,
            template="mentioned",
            values={
                "reference": case.reference,
                "title": case.title,
                "name": actor.name,
                "path": f"/desk/{case.reference}",
            },
            case_id=case.id,
        )


def readers(session: Session, case: Case) -> list[int]:
    """Users: who began the case and who sent it last, while they act for its business; else those who answer for it."""
    if case.business_id is None:
        return [case.applicant_id]
    submission = session.get(Submission, case.current_submission_id) if case.current_submission_id else None
    members = memberships.members_of(session, case.business_id)
    theirs = {case.applicant_id, submission.submitted_by if submission else None}
    at_work = [member.user_id for member in members if member.user_id in theirs]
    return at_work or [member.user_id for member in members if member.role is not MembershipRole.AGENT]
