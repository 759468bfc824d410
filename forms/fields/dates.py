"""Days."""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from wtforms import Field, widgets

from app.core import i18n
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from forms.fields.typed import Typed, plain


@dataclass(frozen=True)
class DatePart:
    id: str
    label: Text
    value: str
    width: str
    autocomplete: str


class DateField(Typed, Field):
    """A day in three inputs of one name (day, month, year), so that what was typed is kept in order.

    One value such as ``21/11/2026`` or ``2026-11-21`` is understood too. Saved as ISO 8601.
    """

    kind = "date"
    widget = widgets.TextInput()
    birthday = False

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        birthday: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(label, validators, **options)
        self.birthday = birthday

    def process_data(self, value: Any) -> None:
        self.data = None
        if isinstance(value, date):
            self.data = value
        elif value:
            self.data = date.fromisoformat(str(value))

    def _typed_parts(self) -> list[str]:
        values = [plain(value).strip() for value in self.raw_data or [] if isinstance(value, str)]
        if len(values) == 1:
            pieces = re.split(r"[-/.\s]+", values[0])
            values = pieces[::-1] if len(pieces) == 3 and len(pieces[0]) == 4 else pieces
        return [*values, "", "", ""][:3]

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = None
        typed = self._typed_parts()
        if not any(typed):
            return
        label = self.name_in_message()
        if not all(typed):
            raise ValueError(_("%(label)s must have a day, a month and a year.", label=label))
        if not all(re.fullmatch(r"[0-9]{1,4}", part) for part in typed) or len(typed[2]) != 4:
            raise ValueError(
                _("%(label)s must be written in numbers, with four for the year, like 21 11 2026.", label=label)
            )
        day, month, year = (int(part) for part in typed)
        try:
            self.data = date(year, month, day)
        except ValueError:
            raise ValueError(_("%(label)s must be a day that exists.", label=label)) from None

    def typed(self) -> str:
        return " ".join(part for part in self._typed_parts() if part)

    def parts(self) -> list[DatePart]:
        if self.raw_data:
            values = self._typed_parts()
        elif self.data:
            values = [str(self.data.day), str(self.data.month), str(self.data.year)]
        else:
            values = ["", "", ""]
        labels = ((_l("Day"), "xs", "bday-day"), (_l("Month"), "xs", "bday-month"), (_l("Year"), "year", "bday-year"))
        return [
            DatePart(f"{self.id}-{number}", label, values[number], width, complete if self.birthday else "off")
            for number, (label, width, complete) in enumerate(labels)
        ]

    def display(self) -> str:
        return i18n.format_date(self.data) if self.data else ""
