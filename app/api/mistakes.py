"""What the models find wrong with a request, in the reader's language: pydantic itself only speaks English.

The kind of mistake stays pydantic's own word (``missing``, ``string_too_long`` …), which is what programs look at.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from app.core.errors import Invalid, Problem
from app.core.i18n import format_number, ngettext
from app.core.i18n import gettext as _

Details = Mapping[str, Any]


def invalid(error: ValidationError) -> Invalid:
    """Every mistake with its place, names joined by dots."""
    return Invalid(
        *(
            Problem(_sentence(part["type"], part.get("ctx", {})), _place(part["loc"]), part["type"])
            for part in error.errors(include_url=False, include_input=False)
        )
    )


def _place(names: tuple[int | str, ...]) -> str | None:
    return ".".join(str(name) for name in names) or None


def _sentence(kind: str, details: Details) -> str:
    say = _SENTENCES.get(kind)
    return say(details) if say else _("This does not fit. The documentation says what belongs here.")


def _number(value: Any) -> str:
    return format_number(Decimal(str(value)))


def _text(_details: Details) -> str:
    return _("Give a text.")


def _whole_number(_details: Details) -> str:
    return _("Give a whole number.")


def _any_number(_details: Details) -> str:
    return _("Give a number, such as 12000 or 0.5.")


def _object(_details: Details) -> str:
    return _("Give an object with the fields that the documentation shows.")


def _choice(details: Details) -> str:
    choices = ", ".join(re.findall(r"'([^']*)'", str(details["expected"])))
    return _("Give one of these: %(choices)s.", choices=choices)


_SENTENCES: dict[str, Callable[[Details], str]] = {
    "missing": lambda details: _("This field is needed."),
    "extra_forbidden": lambda details: _("There is no field of this name here."),
    "string_type": _text,
    "string_unicode": _text,
    "string_too_short": lambda details: ngettext(
        "Give at least %(num)s character.", "Give at least %(num)s characters.", details["min_length"]
    ),
    "string_too_long": lambda details: ngettext(
        "Give at most %(num)s character.", "Give at most %(num)s characters.", details["max_length"]
    ),
    "int_type": _whole_number,
    "int_parsing": _whole_number,
    "int_parsing_size": _whole_number,
    "int_from_float": _whole_number,
    "decimal_type": _any_number,
    "decimal_parsing": _any_number,
    "finite_number": _any_number,
    "greater_than": lambda details: _("Give a number above %(limit)s.", limit=_number(details["gt"])),
    "greater_than_equal": lambda details: _("Give %(limit)s or more.", limit=_number(details["ge"])),
    "less_than_equal": lambda details: _("Give %(limit)s or less.", limit=_number(details["le"])),
    "decimal_max_digits": lambda details: ngettext(
        "Give at most %(num)s digit.", "Give at most %(num)s digits.", details["max_digits"]
    ),
    "decimal_whole_digits": lambda details: ngettext(
        "Give at most %(num)s digit before the point.",
        "Give at most %(num)s digits before the point.",
        details["whole_digits"],
    ),
    "decimal_max_places": lambda details: ngettext(
        "Give at most %(num)s digit after the point.",
        "Give at most %(num)s digits after the point.",
        details["decimal_places"],
    ),
    "literal_error": _choice,
    "list_type": lambda details: _("Give a list."),
    "too_short": lambda details: ngettext(
        "Give at least %(num)s entry.", "Give at least %(num)s entries.", details["min_length"]
    ),
    "too_long": lambda details: ngettext(
        "Give at most %(num)s entry.", "Give at most %(num)s entries.", details["max_length"]
    ),
    "model_type": _object,
    "model_attributes_type": _object,
}

__all__ = ["invalid"]
