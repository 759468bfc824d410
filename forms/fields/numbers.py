"""Exact numbers, however they are written."""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from babel import numbers
from wtforms import Field, widgets

from app.core import i18n
from app.core.i18n import Text
from app.core.i18n import gettext as _
from forms.fields.typed import Typed, plain


def parse_decimal(text: str, places: int | None = None) -> Decimal | None:
    """The number typed, or None when it is none or can be read in two ways.

    Reads ``1 234,5``, ``1,234.5`` and ``1.234,5`` whatever the language. One separator before exactly three digits is
    read as the language says; where the language is silent ("10.000" in French), ``places`` decides: with fewer
    than three decimals allowed it must mean thousands, otherwise nobody can know.
    """
    digits = "".join(str(unicodedata.digit(sign)) if sign.isdecimal() else sign for sign in text)
    digits = re.sub(r"[\s\u00a0\u202f'’]", "", digits).replace("−", "-").replace("٫", ".").replace("٬", ",")
    if not re.fullmatch(r"-?[0-9]+([.,][0-9]+)*", digits):
        return None
    locale = i18n.current_locale()
    point, group = numbers.get_decimal_symbol(locale), numbers.get_group_symbol(locale)
    separators = re.findall(r"[.,]", digits)
    whole = r"-?[1-9][0-9]{0,2}"
    if len(separators) == 1:
        separator = separators[0]
        looks_grouped = re.fullmatch(rf"{whole}[.,][0-9]{{3}}", digits) is not None
        if looks_grouped and separator != point:
            if separator != group and (places is None or places >= 3):
                return None
            digits = digits.replace(separator, "")
        elif looks_grouped and places is not None and places < 3:
            digits = digits.replace(separator, "")
        else:
            digits = digits.replace(separator, ".")
    elif separators:
        last = separators[-1]
        grouping = separators[0]
        head, tail = digits.rsplit(last, 1) if last != grouping else (digits, "")
        if not re.fullmatch(rf"{whole}(?:{re.escape(grouping)}[0-9]{{3}})+", head):
            return None
        digits = head.replace(grouping, "") + (f".{tail}" if tail else "")
    try:
        return Decimal(digits)
    except InvalidOperation:
        return None


_BEYOND = 10**20  # no answer is as large, and rounding needs all the digits decimals are given


class DecimalField(Typed, Field):
    """An exact number within ``minimum`` and ``maximum``, with at most ``places`` decimals. Saved as a string."""

    kind = "decimal"
    widget = widgets.TextInput()
    width = "s"

    def __init__(
        self,
        label: Text | None = None,
        validators: Sequence[Any] | None = None,
        *,
        places: int = 3,
        minimum: Decimal | int | None = None,
        maximum: Decimal | int | None = None,
        **options: Any,
    ) -> None:
        mode = "decimal" if places else "numeric"
        options["render_kw"] = {"inputmode": mode, **(options.get("render_kw") or {})}
        options.setdefault("autocomplete", "off")
        super().__init__(label, validators, **options)
        self.places, self.minimum = places, minimum
        self.maximum = 10**12 if maximum is None else maximum  # what the columns can hold

    def process_data(self, value: Any) -> None:
        """A saved answer, or one that came with the address and may be anything."""
        self.data = None
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            return
        if number.is_finite() and abs(number) < _BEYOND:
            self.data = self.convert(number)

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = None
        typed = plain(valuelist[0]).strip()
        if not typed:
            return
        value = parse_decimal(typed, self.places)
        label = self.name_in_message()
        if value is None or len(typed) > 40 or abs(value) >= _BEYOND:
            raise ValueError(_("%(label)s must be a number, like %(example)s.", label=label, example=self.example()))
        if value != round(value, self.places):
            raise ValueError(
                _("%(label)s must be a whole number.", label=label)
                if not self.places
                else _(
                    "%(label)s can have at most %(places)s digits after the decimal sign.",
                    label=label,
                    places=i18n.format_number(self.places),
                )
            )
        if self.minimum is not None and value < self.minimum:
            raise ValueError(
                _(
                    "%(label)s must be %(minimum)s or more.",
                    label=label,
                    minimum=i18n.format_number(Decimal(self.minimum)),
                )
            )
        if value > self.maximum:
            raise ValueError(
                _(
                    "%(label)s must be %(maximum)s or less.",
                    label=label,
                    maximum=i18n.format_number(Decimal(self.maximum)),
                )
            )
        self.data = self.convert(value)

    def convert(self, value: Decimal) -> Any:
        """One value, one form: 0.2000 is 0.2."""
        return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()

    def example(self) -> str:
        return i18n.format_number(Decimal("1200.5") if self.places else 1200)

    def shown(self) -> str:
        if self.data is None:
            return ""
        pattern = "0." + "#" * self.places if self.places else "0"
        return str(numbers.format_decimal(self.data, format=pattern, locale=i18n.current_locale()))

    def display(self) -> str:
        if self.data is None:
            return ""
        number = i18n.format_number(self.data)
        return f"{number}\u00a0{self.suffix}" if self.suffix else number


class IntegerField(DecimalField):
    """A whole number. Saved as a number."""

    def __init__(self, label: Text | None = None, validators: Sequence[Any] | None = None, **options: Any) -> None:
        super().__init__(label, validators, places=0, **options)

    def convert(self, value: Decimal) -> Any:
        return int(value)
