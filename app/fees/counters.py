"""Gap-free numbers: a counter row locked by the transaction that uses the number."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import identifiers
from app.fees.models import Counter


def next_number(session: Session, series: str, year: int) -> int:
    """The next number. Others of the series wait until this transaction ends; a rollback gives the number back."""
    statement = insert(Counter).values(series=series, year=year, last=1)
    taken = statement.on_conflict_do_update(
        index_elements=[Counter.series, Counter.year], set_={"last": Counter.last + 1}
    ).returning(Counter.last)
    return int(session.execute(taken).scalar_one())


def reference(series: str, year: int, number: int) -> str:
    """``BILL-2026-00042-K``: the last sign catches a slip in the others."""
    plain = f"{series}-{year}-{number:05d}"
    return f"{plain}-{identifiers.check_letter(plain)}"
