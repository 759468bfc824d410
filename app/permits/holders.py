"""Who holds a permit, read straight from the register's table: permits and businesses are neighbours and may not
import each other, and a permit only ever needs these two columns.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Text, column, select, table
from sqlalchemy.orm import Session

businesses = table("businesses", column("id", BigInteger), column("number", Text), column("name", Text))


@dataclass(frozen=True)
class Holder:
    id: int
    number: str
    name: str


def holder(session: Session, business_id: int) -> Holder:
    return several(session, {business_id})[business_id]


def several(session: Session, ids: set[int]) -> dict[int, Holder]:
    """By business id, in one statement."""
    if not ids:
        return {}
    rows = session.execute(
        select(businesses.c.id, businesses.c.number, businesses.c.name).where(businesses.c.id.in_(ids))
    )
    return {row.id: Holder(row.id, row.number, row.name) for row in rows}
