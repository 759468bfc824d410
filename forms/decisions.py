"""The reviewer's forms: the decision panel, a note."""

from typing import Any

from wtforms.fields import SelectChoice

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import LongTextField, RadioField
from forms.validators import length, required


class DecisionForm(BaseForm):
    """``choices`` are the decisions open to this person now, as (value, title) pairs."""

    decision = RadioField(_l("Decision"), [required(_l("Choose what to do with the case."))])
    reason = LongTextField(
        _l("Reason or question"),
        [length(maximum=4000)],
    )

    def __init__(self, formdata: Any = None, *, choices: list[tuple[str, str]] | None = None, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.decision.choices = [SelectChoice(value, title) for value, title in choices or []]
        if any(value == "ask" for value, _name in choices or []):
            self.reason.description = _("The applicant reads a question; your supervisor reads a recommendation.")
        else:
            self.reason.description = _("The applicant reads it with the decision. An approval needs none.")


class NoteForm(BaseForm):
    body = LongTextField(
        _l("Note for colleagues"),
        [required(_l("Write the note.")), length(maximum=4000)],
        description=_l("Officials see it; the applicant does not."),
    )
