"""Units of measure (UN/ECE Recommendation 20), and the conversions between them that are exact."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from app.reference import tables
from app.reference.tables import Term


@dataclass(frozen=True)
class Unit(Term):
    """One of it is ``factor`` of the dimension's base unit; a unit alone in its dimension converts to nothing."""

    symbol: str
    dimension: str
    factor: Decimal


@cache
def _units() -> dict[str, Unit]:
    return {
        row["code"]: Unit(row["code"], tables.names(row), row["symbol"], row["dimension"], Decimal(row["factor"]))
        for row in tables.rows("units")
    }


def find(code: str) -> Unit | None:
    return _units().get(code)


def name(code: str) -> str:
    """The code itself when the list does not have it."""
    unit = find(code)
    return unit.name if unit else code


def convert(quantity: Decimal, source: str, target: str) -> Decimal | None:
    """``quantity`` of ``source`` in ``target``; None when there is no exact conversion (a bag is not a weight)."""
    if source == target:
        return quantity
    one, other = find(source), find(target)
    if one is None or other is None or one.dimension != other.dimension:
        return None
    return quantity * one.factor / other.factor


def choices(codes: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """All units, or those of ``codes``."""
    return [(code, unit.name) for code, unit in _units().items() if not codes or code in codes]
