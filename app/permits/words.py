"""Quantities and conditions as people read them."""

from decimal import Decimal

from app.cases import grounds
from app.core.i18n import format_number
from app.permits.models import Permit
from app.reference import units


def amount(quantity: Decimal, unit: str) -> str:
    """``1,200 kg``; a unit the list does not know keeps its Rec 20 code."""
    known = units.find(unit)
    return f"{format_number(quantity)}\u00a0{known.symbol if known else unit}"


def conditions(permit: Permit) -> list[str]:
    """Each in the reader's language, with its legal basis; of a permit issued before they were kept, as on paper."""
    return grounds.lines(permit.said_conditions) if permit.said_conditions else permit.conditions.splitlines()
