"""How a mistake in a pack is told: file, row, field, and one readable sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.jurisdictions.model import Row


@dataclass(frozen=True)
class Place:
    """Where in a pack's folder: ``row`` is "fees row 3" or "line 17"; ``code`` the row's own."""

    file: str
    row: str = ""
    code: str = ""

    def __str__(self) -> str:
        where = self.file
        if self.row:
            where += f", {self.row}"
        if self.code:
            where += f" ({self.code})"
        return where


@dataclass(frozen=True)
class Mistake:
    place: Place
    field: str
    message: str

    def __str__(self) -> str:
        field = f", field {self.field}" if self.field else ""
        return f"{self.place}{field}: {self.message}."


Rows = dict[str, list[tuple[Place, Row]]]
"""The validated rows of each table with the place they came from."""


class PackError(Exception):
    """A pack is wrong; ``mistakes`` has all that was found."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def sentence(detail: Mapping[str, Any]) -> tuple[str, str]:
    """Field path and message of one pydantic error; list positions count from 1."""
    parts = [str(part + 1) if isinstance(part, int) else str(part) for part in detail["loc"]]
    kind = detail["type"]
    if kind == "missing":
        message = "is missing"
    elif kind == "extra_forbidden":
        message = "is not a field of this table"
    elif kind == "literal_error":
        message = f"is {detail['input']!r}; it must be {detail['ctx']['expected']}"
    elif kind == "value_error":
        message = str(detail["ctx"]["error"])
    else:
        text = str(detail["msg"])
        message = f"{text[0].lower()}{text[1:]}, but it is {detail['input']!r}"
    return ".".join(parts), message
