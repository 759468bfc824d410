"""Planning a visit, asking for another day, and the inspector's report. Choices are set by the view."""

from collections.abc import Sequence
from typing import Any

from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import (
    DateField,
    IntegerField,
    LongTextField,
    MultiCheckboxField,
    RadioField,
    SelectField,
    TextField,
)
from forms.validators import required

Choices = Sequence[tuple[str, str]]


class PlanForm(BaseForm):
    place = TextField(_l("Place"), [required(_l("Write where the visit takes place."))], max_length=300)
    day = DateField(_l("Day"), [required(_l("Enter the day of the visit."))])
    hour = SelectField(_l("Time"), [required(_l("Choose the time."))], blank=_l("Choose the time"))
    minutes = IntegerField(
        _l("How long"), [required(_l("Say how long it lasts."))], minimum=15, maximum=480, suffix=_l("minutes")
    )
    officials = MultiCheckboxField(_l("Who goes"), [required(_l("Choose who goes."))])
    about = LongTextField(
        _l("What will be looked at"),
        [required(_l("Write what will be looked at."))],
        max_length=2000,
        description=_l("The applicant reads it, so that all is ready."),
    )

    def __init__(self, formdata: Any = None, *, hours: Choices = (), officials: Choices = (), **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.hour.offer(hours)
        self.officials.offer(officials)


class AnotherDayForm(BaseForm):
    day = DateField(_l("A day that suits you"))
    reason = LongTextField(
        _l("Why the day does not suit you"),
        [required(_l("Say why the day does not suit you."))],
        max_length=2000,
        rows=3,
    )


class ReportForm(BaseForm):
    """Beside it stands an ``ItemForm`` for each line of the checklist."""

    result = RadioField(_l("Result"), [required(_l("Choose the result."))])
    present = LongTextField(
        _l("Who was present"), max_length=2000, rows=2, description=_l("Names and functions, one a line.")
    )
    account = LongTextField(
        _l("What was seen"),
        [required(_l("Write what was seen."))],
        max_length=4000,
        description=_l("The applicant reads the whole report."),
    )
    correction_reason = LongTextField(_l("What is corrected, and why"), max_length=2000, rows=2)

    def __init__(self, formdata: Any = None, *, results: Choices = (), correction: bool = False, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.result.offer(results)
        if not correction:
            del self.correction_reason


class ItemForm(BaseForm):
    """One line of the checklist."""

    found = RadioField("")
    remark = TextField(_l("Remark"), max_length=500)

    def __init__(
        self, formdata: Any = None, *, title: str = "", found: Choices = (), data: Any = None, **extra: Any
    ) -> None:
        super().__init__(formdata, data=dict(data or {}), **extra)
        self.found.label.text = title
        self.found.offer(found)
        self.remark.label.text = _("Remark on: %(item)s", item=title)
