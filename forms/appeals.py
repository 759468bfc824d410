"""An appeal against a decision, and what is decided on it."""

from typing import Any

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import LongTextField, RadioField, TickField
from forms.validators import required

LONGEST = 8000
LONGEST_REASON = 4000  # as of every reason of an official


class AppealForm(BaseForm):
    why = LongTextField(
        _l("Why is the decision wrong?"),
        [required(_l("Say why the decision is wrong."))],
        max_length=LONGEST,
        description=_l("In your own words: which facts were not seen, which document says otherwise."),
    )
    declared = TickField(
        _l("I declare that what I wrote is true, and that I may act for the applicant."),
        [required(_l("Tick the box to declare that what you wrote is true."))],
    )


class JudgeForm(BaseForm):
    outcome = RadioField(_l("Decision on the appeal"), [required(_l("Choose what you decide."))])
    reason = LongTextField(
        _l("Reason"),
        [required(_l("Write the reason. The applicant reads it."))],
        max_length=LONGEST_REASON,
        description=_l("It is printed on the signed decision, which the applicant receives."),
    )

    def __init__(self, formdata: Any = None, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.outcome.offer(
            [
                ("dismissed", _l("Dismiss it: the decision stands")),
                ("allowed", _l("Allow it: the case is decided anew by others")),
                ("inadmissible", _l("It is not admissible: it is not looked into")),
            ]
        )
        self.outcome.hints = {
            "allowed": _("Nobody who had to do with the first decision may act in the new one."),
            "inadmissible": _("For instance: it is about something else, or the same was decided already."),
        }
