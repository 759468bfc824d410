"""What auditors write about a case, and what its agency answers. Choices are set by the view."""

from typing import Any

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import IntegerField, LongTextField, MultiCheckboxField, RadioField, SelectField, TextField
from forms.validators import required

LONGEST = 8000


class FindingForm(BaseForm):
    """A draft needs a title and an agency; the rest is asked for when it is sent."""

    title = TextField(_l("Title"), [required(_l("Give the finding a title."))], max_length=200)
    seen = LongTextField(
        _l("What was seen"),
        max_length=LONGEST,
        description=_l("Facts that anyone can check in the case file, before any conclusion."),
    )
    severity = RadioField(_l("Severity"), [required(_l("Choose how serious it is."))])
    legal_basis = TextField(
        _l("Rule or legal basis"), max_length=500, description=_l("The article, order or rule that it rests on.")
    )
    points = MultiCheckboxField(_l("What it points at"))
    agency = SelectField(
        _l("Agency that is to answer"), [required(_l("Choose the agency that is to answer."))], blank=_l("Choose")
    )
    answer_days = IntegerField(
        _l("Days to answer"),
        [required(_l("Say in how many working days the answer is due."))],
        minimum=1,
        maximum=90,
        suffix=_l("working days"),
        description=_l("Counted from the day it is sent."),
    )


class AnswerForm(BaseForm):
    """By a supervisor of the agency."""

    answer = LongTextField(_l("Answer"), [required(_l("Write the answer of your agency."))], max_length=LONGEST)
    done = LongTextField(
        _l("What was done"),
        [required(_l("Say what was done, or that nothing had to be."))],
        max_length=LONGEST,
        description=_l("What was put right in this case, and what will keep it from happening again."),
    )


class ConclusionForm(BaseForm):
    verdict = RadioField(_l("The answer is"), [required(_l("Choose whether you accept the answer."))])
    conclusion = LongTextField(_l("Conclusion"), [required(_l("Write your conclusion."))], max_length=LONGEST)

    def __init__(self, formdata: Any = None, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.verdict.offer([("accepted", _l("Accepted")), ("refused", _l("Not accepted"))])


class WithdrawForm(BaseForm):
    reason = LongTextField(
        _l("Reason"),
        [required(_l("Say why you withdraw the finding."))],
        max_length=LONGEST,
        description=_l("If the agency has received the finding, it reads the reason."),
    )


class MarkForm(BaseForm):
    note = LongTextField(
        _l("What to look at again"),
        [required(_l("Write what you want to look at again."))],
        max_length=2000,
        description=_l("Only auditors see it."),
    )
