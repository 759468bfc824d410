"""The audit verbs of the engine: one for each action, and a few that are not transitions."""

from app.audit.verbs import register, title
from app.cases.models import CaseEvent
from app.cases.workflow import Action, State, Workflow
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l

_ACTIONS: dict[Action, Text] = {
    Action.SUBMIT: _l("Application sent"),
    Action.CONFIRM_PAYMENT: _l("Payment received"),
    Action.TAKE: _l("Taken up for review"),
    Action.RELEASE_CASE: _l("Case put back into the queue"),
    Action.REASSIGN: _l("Handed to a colleague"),
    Action.ASK: _l("Information requested"),
    Action.RECOMMEND: _l("Recommendation made"),
    Action.SEND_BACK: _l("Sent back to the clerk"),
    Action.APPROVE: _l("Approved"),
    Action.REFUSE: _l("Refused"),
    Action.WITHDRAW: _l("Withdrawn"),
    Action.CANCEL: _l("Cancelled"),
    Action.CORRECT: _l("Decision opened again to be corrected"),
    Action.DEEM_APPROVED: _l("Granted by silence of the administration"),
    Action.DEEM_REFUSED: _l("Refused by silence of the administration"),
}

for action in Action:  # an action without a title fails here, at start-up
    register(f"case.{action.value}", _ACTIONS[action])
register("case.started", _l("Application started"))
register("case.noted", _l("Note written"))
register("case.viewed", _l("Case opened"))
register("case.previewed", _l("Draft of the document looked at"))
register("case.chosen", _l("Case chosen out of turn"))
register("case.due_soon", _l("Case is due within a working day"))
register("case.overdue", _l("Case is overdue"))
register("case.routed", _l("Rules changed the team or the flags"))
register("case.flag_cleared", _l("Flag cleared"))
register("case.moved_to_team", _l("Moved to another team"))
register("case.silence_held", _l("Time ran out, but silence could not decide"))


def happened(workflow: Workflow, event: CaseEvent) -> Text:
    """What an event of the history says: sending and approval in the service's own words ("Licence issued")."""
    if event.action == Action.APPROVE:
        return workflow.title(State(event.to_state))
    if event.action == Action.SUBMIT:
        return _("Answer sent") if event.from_state == State.RETURNED else workflow.words.sent
    return title(f"case.{event.action}")
