"""Incoterms 2020 (SAD box 20)."""

from dataclasses import dataclass
from functools import cache

from app.reference import tables
from app.reference.tables import Term

WATER = frozenset({"1", "8"})  # modes of transport: sea, inland water


@dataclass(frozen=True)
class Incoterm(Term):
    """``sea_only``: for sea and inland water transport; ``freight`` and ``insurance``: in the price to destination."""

    sea_only: bool
    freight: bool
    insurance: bool
    instead: str  # the term to use when the goods do not travel by water; empty if it fits any mode


@cache
def _terms() -> dict[str, Incoterm]:
    return {
        row["code"]: Incoterm(
            row["code"],
            tables.names(row),
            row["sea_only"] == "yes",
            row["freight"] == "yes",
            row["insurance"] == "yes",
            row["instead"],
        )
        for row in tables.rows("incoterms")
    }


def find(code: str) -> Incoterm | None:
    return _terms().get(code)


def name(code: str) -> str:
    """The code itself when the list does not have it."""
    term = find(code)
    return term.name if term else code


def fits(code: str, mode: str) -> bool:
    """Whether a term is meant for a mode of transport: FOB from an airport is not."""
    term = find(code)
    return term is not None and (not term.sea_only or mode in WATER)


def choices() -> list[tuple[str, str]]:
    return [(code, f"{code} – {term.name}") for code, term in _terms().items()]
