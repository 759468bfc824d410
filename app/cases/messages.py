"""What the applicant is told when their case moves. Rows of the same transaction; a job sends them."""

from sqlalchemy.orm import Session

from app import notifications
from app.cases.models import Case
from app.cases.registry import ServiceDefinition
from app.cases.workflow import Action, State

_TEMPLATES: dict[Action, str] = {
    Action.ASK: "information_requested",
    Action.APPROVE: "case_approved",
    Action.REFUSE: "case_refused",
}


def tell(
    session: Session, definition: ServiceDefinition, case: Case, action: Action, state: State, reason: str
) -> None:
    template = _TEMPLATES.get(action)
    if action is Action.SUBMIT or (action is Action.CONFIRM_PAYMENT and state is State.SUBMITTED):
        template = "case_submitted"
    if template is None:
        return
    notifications.send(
        session,
        user_id=case.applicant_id,
        template=template,
        values={
            "reference": case.reference,
            "title": case.title,
            "service": definition.noun,
            "reason": reason,
            "deadline": case.due_at,
            "awaiting_payment": state is State.AWAITING_PAYMENT,
            "path": f"/cases/{case.reference}",
        },
        case_id=case.id,
    )
