"""Numbers people see. Gap-free: the counter row stays locked until the transaction that took the number ends."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.core.identifiers import check_letter

_NEXT = text(
    "INSERT INTO case_counters (series, year, value) VALUES (:series, :year, 1) "
    "ON CONFLICT (series, year) DO UPDATE SET value = case_counters.value + 1 RETURNING value"
)


def next_number(session: Session, series: str, year: int) -> int:
    """The next whole number of ``series`` in ``year``, from 1. A rolled-back transaction gives its number back."""
    return int(session.execute(_NEXT, {"series": series, "year": year}).scalar_one())


def reference(prefix: str, year: int, number: int) -> str:
    """``BR-2026-00042-K``: the last sign catches a misread or swapped digit."""
    body = f"{prefix}-{year}-{number:05d}"
    return f"{body}-{check_letter(body)}"
