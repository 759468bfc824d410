"""Checks of one field. All but ``required`` leave an empty field alone; messages are whole sentences that name it."""

from collections.abc import Callable
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
