"""A declaration is released by one officer, but in the red lane by two. Only customs cancels a released one."""

from typing import Any

from app.cases.workflow import Action, Clock, Guard, State, Transition, Words, standard_workflow
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.policy import Permission
from app.services.customs import declarations

RELEASE = _l("Release the goods")


def _red_needs_two(context: Any) -> Text | None:
    if context.anew is not None:
        return _l("A decision that corrects another needs two people: recommend, then a supervisor decides.")
    declaration = declarations.of_case(context.session, context.case.id)
    if declaration is not None and declaration.lane == "red":
        return _l("The red lane needs an inspection and a second officer: recommend, then a supervisor releases.")
    return None


WORKFLOW = standard_workflow(
    extra=(
        Transition(
            Action.APPROVE,
            frozenset({State.IN_REVIEW}),
            State.APPROVED,
            Permission.CASE_REVIEW,
            RELEASE,
            (Guard.ASSIGNED, Guard.PAID),
            Clock.STOP,
            _red_needs_two,
        ),
        Transition(
            Action.CANCEL,
            frozenset({State.APPROVED}),
            State.CANCELLED,
            Permission.CASE_DECIDE,  # the goods may have left: the exporter asks, customs looks
            _l("Cancel the declaration"),
            (Guard.REASON,),
        ),
    ),
    correctable=(State.REFUSED,),  # released goods are on their way: their declaration is cancelled, not corrected
    state_titles={State.APPROVED: _l("Released"), State.SUBMITTED: _l("Lodged")},
    words=Words(
        sent=_l("Declaration sent"),
        already_sent=_l("This declaration has already been sent. You can change it only if you are asked to."),
        follow=_l("Follow this declaration"),
        withdraw=_l("Withdraw this declaration"),
        undo=_l(
            "Did the goods not leave? Ask the customs office with this reference. When customs cancels the "
            "declaration, the quantity comes back to your licence."
        ),
    ),
)
