"""Lists of rows."""

# mypy: disallow-subclassing-any=False
# (WTForms has no types.)

from collections.abc import Iterator
from typing import Any

from wtforms import fields

_LONGEST = 4  # digits of a row's number


class FieldList(fields.FieldList):
    """As WTForms' own, but a row whose number no page of ours would send ("²", a thousand digits) is no row."""

    def _extract_indices(self, prefix: str, formdata: Any) -> Iterator[int]:
        start = f"{prefix}{self._separator}"
        for name in formdata:
            number = name.removeprefix(start).partition(self._field_separator)[0]
            if name.startswith(start) and number.isascii() and number.isdigit() and len(number) <= _LONGEST:
                yield int(number)
