"""The base of every form: our languages, exact keeping of what was typed, and answers as JSON and as people read them.

Drafts and submissions share one class. A draft keeps ``raw()`` as typed even when it is wrong; a submission takes
``clean()``, which is JSON (decimals and dates as strings) and can be given back as ``data``.
"""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from werkzeug.datastructures import MultiDict
from wtforms import Field, FieldList, FileField, Form, FormField

from app.core import i18n
from app.core.errors import Problem
from forms.repeat import Buttons
from forms.tree import walk


class Translations:
    """WTForms' own messages through our catalogues."""

    def gettext(self, message: str) -> str:
        return i18n.gettext(message)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return i18n.ngettext(singular, plural, n)


class BaseForm(Buttons, Form):
    """A form outside the case engine (sign-in, decisions, filters)."""

    class Meta(Form.Meta):
        def get_translations(self, form: Any) -> Translations:
            return Translations()

    def problems(self) -> list[Problem]:
        """Every error with the path of its field (``people-0-name``), in the order of the page."""
        found = [Problem(str(message)) for message in self.form_errors]
        return found + [Problem(message, path) for path, message in _errors(self)]

    def refuse(self, problems: tuple[Problem, ...] | list[Problem]) -> None:
        """Show a domain error at its field, or above the form when it has none here."""
        for problem in problems:
            field = self.find(problem.field) if problem.field else None
            if field is None:
                self.form_errors.append(str(problem.message))
            else:
                field.errors = [*field.errors, str(problem.message)]

    def find(self, path: str) -> Field | None:
        return next((field for field in walk(self) if field.name == path), None)


def _errors(form: Any) -> Iterator[tuple[str, str]]:
    for field in walk(form):
        if isinstance(field, FieldList):
            yield from ((field.name, str(error)) for error in field.errors if isinstance(error, str))
        else:
            yield from ((field.name, str(error)) for error in field.errors)


class SummaryRow:
    """One answer as a person reads it; ``path`` is the field's name."""

    __slots__ = ("label", "path", "value")

    def __init__(self, path: str, label: str, value: str) -> None:
        self.path, self.label, self.value = path, label, value


class StepForm(BaseForm):
    """One page of an application. Subclasses set choices from ``self.context`` in ``prepare``."""

    def __init__(
        self, formdata: Any = None, *, data: Mapping[str, Any] | None = None, context: Any = None, **extra: Any
    ) -> None:
        self.context = context
        if isinstance(formdata, dict) and not isinstance(formdata, MultiDict):
            formdata = MultiDict([(key, value) for key, values in formdata.items() for value in values])
        super().__init__(formdata=formdata, data=dict(data or {}), **extra)
        self.prepare()

    def raw(self) -> dict[str, list[str]]:
        """Exactly what was typed, by field name (passwords and files never)."""
        kept: dict[str, list[str]] = {}
        for field in walk(self):
            if field.raw_data and not getattr(field, "secret", False):
                # PostgreSQL's JSON cannot hold a NUL.
                kept[field.name] = [value.replace("\0", "") for value in field.raw_data if isinstance(value, str)]
        return kept

    def clean(self) -> dict[str, Any]:
        """The answers as JSON. Meaningful after ``validate()`` returned True; partial before."""
        return {name: jsonable(value) for name, value in self.data.items() if not isinstance(self[name], FileField)}

    def summary(self) -> list[SummaryRow]:
        return list(_rows(self, ""))


def _rows(form: Any, prefix: str) -> Iterator[SummaryRow]:
    for field in form:
        if isinstance(field, FieldList):
            for number, entry in enumerate(field.entries, start=1):
                name = f"{field.label.text} {number}"
                if isinstance(entry, FormField):
                    yield from _rows(entry.form, f"{prefix}{name}: ")
                else:
                    yield SummaryRow(entry.name, prefix + name, display(entry))
        elif isinstance(field, FormField):
            yield from _rows(field.form, prefix)
        elif field.type != "HiddenField":
            yield SummaryRow(field.name, f"{prefix}{field.label.text}", display(field))


def display(field: Field) -> str:
    """The answer in words and in the reader's form; empty when nothing was answered."""
    if hasattr(field, "display"):
        return str(field.display())
    value = field.data
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return i18n.gettext("Yes") if value else i18n.gettext("No")
    if hasattr(field, "iter_choices"):
        chosen = [str(choice[1]) for choice in field.iter_choices() if choice[2]]
        return ", ".join(chosen)
    if isinstance(value, Decimal | int):
        return i18n.format_number(value)
    if isinstance(value, date):
        return i18n.format_date(value)
    return str(value)


def jsonable(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value.normalize() if value == value.to_integral_value() else value, "f")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value
