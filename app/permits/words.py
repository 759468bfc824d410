"""Quantities as people read them."""

from decimal import Decimal

from app.core.i18n import format_number
from app.reference import units


def amount(quantity: Decimal, unit: str) -> str:
    """``1,200 kg``; a unit the list does not know keeps its Rec 20 code."""
    known = units.find(unit)
    return f"{format_number(quantity)}\u00a0{known.symbol if known else unit}"
