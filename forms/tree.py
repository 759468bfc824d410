"""Walking through a form's fields."""

from collections.abc import Iterator
from typing import Any

from wtforms import Field, FieldList, FormField


def walk(form: Any) -> Iterator[Field]:
    """Every field that holds an answer, lists and inner forms opened."""
    for field in form:
        if isinstance(field, FieldList):
            yield field
            for entry in field.entries:
                if isinstance(entry, FormField):
                    yield from walk(entry.form)
                else:
                    yield entry
        elif isinstance(field, FormField):
            yield from walk(field.form)
        else:
            yield field
