"""Whose case it is, who is away, what officials are trained for. Choices come from the view."""

from typing import Any

from app.core.i18n import lazy_gettext as _l
from forms.base import BaseForm
from forms.fields import DateField, LongTextField, MultiCheckboxField, SelectField, options
from forms.validators import length, required

Pairs = list[tuple[str, str]]


class HandOverForm(BaseForm):
    """To a colleague, with a reason."""

    to = SelectField(_l("Colleague"), [required(_l("Choose a colleague."))])
    reason = LongTextField(
        _l("Reason"),
        [required(_l("Write the reason.")), length(minimum=3, maximum=1000)],
        description=_l("It is kept with the case, and the colleague reads it."),
    )

    def __init__(self, formdata: Any = None, *, colleagues: Pairs | None = None, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.to.choices = options(colleagues or [], _l("Choose a colleague"))


class ChooseForm(BaseForm):
    """Taking a case out of turn."""

    reason = LongTextField(
        _l("Why do you take this case out of turn?"),
        [required(_l("Write why you take this case out of turn.")), length(minimum=3, maximum=1000)],
        description=_l("It is kept with the case."),
    )


class AbsenceForm(BaseForm):
    """``person`` is offered to supervisors; anyone else enters their own."""

    person = SelectField(_l("Who is away?"), [required(_l("Choose who is away."))])
    first_day = DateField(_l("First day away"), [required(_l("Enter the first day."))])
    last_day = DateField(_l("Last day away"), [required(_l("Enter the last day."))])
    delegate = SelectField(
        _l("Who stands in?"),
        description=_l("They see the open cases and act on them in their own name."),
    )

    def __init__(self, formdata: Any = None, *, people: Pairs, delegates: Pairs, **extra: Any) -> None:
        super().__init__(formdata, **extra)
        self.person.choices = options(people)
        self.delegate.choices = options(delegates, _l("Nobody"))


class SkillsForm(BaseForm):
    """Nothing ticked in a list means everything."""

    services = MultiCheckboxField(_l("Services"))
    permit_kinds = MultiCheckboxField(_l("Permit kinds"))
    offices = MultiCheckboxField(_l("Customs offices"))
