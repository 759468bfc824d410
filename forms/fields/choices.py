"""Answers chosen from a list."""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from wtforms import fields, widgets
from wtforms.fields import SelectChoice
from wtforms.validators import StopValidation

from app.core.i18n import Text
from app.core.i18n import gettext as _
from forms.fields.typed import Typed, plain

Options = Iterable[Any] | Callable[[], Iterable[Any]]


def options(items: Iterable[Any], blank: Text | None = None) -> list[SelectChoice]:
    """Choices from (value, label) pairs, from rows with ``code`` and ``name``, or from ready ``SelectChoice``s.

    ``blank`` is the words of a first option that answers nothing ("Choose a country").
    """
    chosen = [SelectChoice("", str(blank))] if blank is not None else []
    for item in items:
        if isinstance(item, SelectChoice):
            chosen.append(item)
        elif hasattr(item, "code"):
            chosen.append(SelectChoice(str(item.code), str(item.name)))
        else:
            value, label = item
            chosen.append(SelectChoice(str(value), str(label)))
    return chosen


class Chosen(Typed):
    """What select lists and radio buttons share. ``choices`` may be given late, in the form's ``prepare``."""

    kind = "select"
    choices: Any

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        choices: Options | None = None,
        blank: Text | None = None,
        **extra: Any,
    ) -> None:
        self.blank = blank
        ready: Any = (
            []
            if choices is None
            else ((lambda: options(choices(), blank)) if callable(choices) else options(choices, blank))
        )
        super().__init__(label, validators, choices=ready, **extra)

    def offer(self, items: Iterable[Any]) -> None:
        """Set the choices from pairs or rows, keeping the blank first option."""
        self.choices = options(items, self.blank)

    def pre_validate(self, form: Any) -> None:
        super().pre_validate(form)
        values = self.data if isinstance(self.data, list) else [self.data]
        offered = {choice.value for choice in self._iter_choices_normalized()}  # type: ignore[attr-defined]
        if any(self.as_value(value) not in offered for value in values if value not in (None, "")):
            raise StopValidation(_("Choose one of the answers in the list."))

    def as_value(self, value: Any) -> str:
        return str(value)

    def display(self) -> str:
        values = self.data if isinstance(self.data, list) else [self.data]
        wanted = [self.as_value(value) for value in values if value not in (None, "")]
        labels = {choice.value: str(choice.label) for choice in self._iter_choices_normalized()}  # type: ignore[attr-defined]
        return ", ".join(labels.get(value, value) for value in wanted)


class SelectField(Chosen, fields.SelectField):
    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = plain(valuelist[0]) or None


class RadioField(Chosen, fields.RadioField):
    kind = "radio"

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = plain(valuelist[0]) or None


class YesNoField(RadioField):
    """Two radio buttons. Data is True, False or None (not answered)."""

    kind = "radio"

    def __init__(self, label: Text | None = None, validators: Sequence[Any] | None = None, **extra: Any) -> None:
        super().__init__(
            label, validators, choices=lambda: [("yes", _("Yes")), ("no", _("No"))], coerce=self.as_answer, **extra
        )

    @staticmethod
    def as_answer(value: Any) -> bool | None:
        return {"yes": True, "no": False, True: True, False: False}.get(value)

    def as_value(self, value: Any) -> str:
        return "yes" if value else "no"

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = self.as_answer(valuelist[0])
        if self.data is None and valuelist[0]:
            raise ValueError(_("Choose yes or no."))


class MultiCheckboxField(Chosen, fields.SelectMultipleField):
    """A list of checkboxes. Data is a list of values, in the order of the page."""

    kind = "checkboxes"
    widget = widgets.ListWidget(prefix_label=False)
    option_widget = widgets.CheckboxInput()

    def process_data(self, value: Any) -> None:
        self.data = [str(item) for item in value or []]

    def process_formdata(self, valuelist: list[str]) -> None:
        order = {choice.value: number for number, choice in enumerate(self._iter_choices_normalized())}
        chosen = dict.fromkeys(plain(value) for value in valuelist if value)
        self.data = sorted(chosen, key=lambda value: order.get(value, len(order)))


class TickField(Typed, fields.BooleanField):
    """One checkbox. ``validators.required`` makes it one that must be ticked."""

    kind = "tick"

    def _value(self) -> str:
        return "y"
