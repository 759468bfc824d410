"""Document kinds (UN/EDIFACT data element 1001; SAD box 44)."""

from functools import cache

from app.reference import tables
from app.reference.tables import Term


@cache
def _terms() -> dict[str, Term]:
    return {row["code"]: Term(row["code"], tables.names(row)) for row in tables.rows("documents")}


def find(code: str) -> Term | None:
    return _terms().get(code)


def name(code: str) -> str:
    """The code itself when the list does not have it."""
    term = find(code)
    return term.name if term else code


def choices() -> list[tuple[str, str]]:
    return tables.choices(_terms())
