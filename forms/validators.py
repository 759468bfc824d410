"""Checks of one field. All but ``required`` leave an empty field alone; messages are whole sentences that name it."""

import re
from collections.abc import Callable, Container
from datetime import date
from decimal import Decimal
from typing import Any

from wtforms.validators import StopValidation, ValidationError

from app.core import clock, i18n
from app.core.i18n import Text, zone
from app.core.i18n import gettext as _

Validator = Callable[[Any, Any], None]


def blank(value: Any) -> bool:
    return value is None or value is False or value == [] or (isinstance(value, str) and not value.strip())


def _answered_no(field: Any) -> bool:
    return field.data is False and getattr(field, "kind", "") == "radio"


class required:
    """The question must be answered; ``message`` says what to do: "Enter the name of the business."."""

    def __init__(self, message: Text | None = None) -> None:
        self.message = message

    def __call__(self, form: Any, field: Any) -> None:
        if not blank(field.data) or _answered_no(field):
            return
        field.errors = []
        raise StopValidation(str(self.message) if self.message else self.default(field))

    @staticmethod
    def default(field: Any) -> str:
        label = str(field.label.text)
        kind = getattr(field, "kind", "text")
        if kind in {"select", "radio", "checkboxes"}:
            return _("Choose an answer: %(label)s", label=label)
        if kind == "tick":
            return _("Tick the box: %(label)s", label=label)
        if kind == "file":
            return _("Choose a file: %(label)s", label=label)
        return _("Enter an answer: %(label)s", label=label)


class required_if(required):
    """Required when ``condition(form)`` is true; otherwise an empty answer is fine."""

    def __init__(self, condition: Callable[[Any], bool], message: Text | None = None) -> None:
        super().__init__(message)
        self.condition = condition

    def __call__(self, form: Any, field: Any) -> None:
        if self.condition(form):
            super().__call__(form, field)


def _check(test: Callable[[Any, Any], bool], words: Callable[[Any], str], message: Text | None) -> Validator:
    def validate(form: Any, field: Any) -> None:
        if not blank(field.data) and not test(form, field.data):
            raise ValidationError(str(message) if message else words(field))

    return validate


def length(minimum: int = 0, maximum: int | None = None, message: Text | None = None) -> Validator:
    """Of text in characters, of a list in entries."""

    def words(field: Any) -> str:
        label = str(field.label.text)
        if maximum is None:
            return _("%(label)s must be %(minimum)s characters or more.", label=label, minimum=minimum)
        return _(
            "%(label)s must be between %(minimum)s and %(maximum)s characters.",
            label=label,
            minimum=minimum,
            maximum=maximum,
        )

    return _check(
        lambda form, value: minimum <= len(value) and (maximum is None or len(value) <= maximum), words, message
    )


def pattern(expression: str, message: Text) -> Validator:
    """The whole text matches the regular expression."""
    compiled = re.compile(expression)
    return _check(lambda form, value: compiled.fullmatch(str(value)) is not None, lambda field: "", message)


def one_of(values: Container[Any] | Callable[[Any], Container[Any]], message: Text | None = None) -> Validator:
    """``values`` may depend on the form."""
    return _check(
        lambda form, value: value in (values(form) if callable(values) else values),
        lambda field: _("Choose one of the answers in the list."),
        message,
    )


def min_value(minimum: Decimal | int, message: Text | None = None) -> Validator:
    return _check(
        lambda form, value: value >= minimum,
        lambda field: _(
            "%(label)s must be %(minimum)s or more.",
            label=str(field.label.text),
            minimum=i18n.format_number(Decimal(minimum)),
        ),
        message,
    )


def max_value(maximum: Decimal | int, message: Text | None = None) -> Validator:
    return _check(
        lambda form, value: value <= maximum,
        lambda field: _(
            "%(label)s must be %(maximum)s or less.",
            label=str(field.label.text),
            maximum=i18n.format_number(Decimal(maximum)),
        ),
        message,
    )


def above(limit: Decimal | int, message: Text | None = None) -> Validator:
    return _check(
        lambda form, value: value > limit,
        lambda field: _(
            "%(label)s must be more than %(limit)s.",
            label=str(field.label.text),
            limit=i18n.format_number(Decimal(limit)),
        ),
        message,
    )


def _today() -> date:
    return clock.today(zone())


def not_future(message: Text | None = None) -> Validator:
    return _check(
        lambda form, value: value <= _today(),
        lambda field: _("%(label)s must be today or in the past.", label=str(field.label.text)),
        message,
    )


def not_past(message: Text | None = None) -> Validator:
    return _check(
        lambda form, value: value >= _today(),
        lambda field: _("%(label)s must be today or in the future.", label=str(field.label.text)),
        message,
    )


def adult(years: int = 18, message: Text | None = None) -> Validator:
    """A date of birth at least ``years`` ago."""

    def test(form: Any, born: date) -> bool:
        today = _today()
        return today.year - born.year - ((today.month, today.day) < (born.month, born.day)) >= years

    return _check(test, lambda field: _("The person must be at least %(years)s years old.", years=years), message)


def same_as(other: str, message: Text) -> Validator:
    """Equal to another field of the form."""
    return _check(lambda form, value: value == form[other].data, lambda field: "", message)
