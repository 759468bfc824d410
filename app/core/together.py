"""Reading several tables in one statement."""

from functools import cached_property
from typing import Any

from sqlalchemy import Row, Select, false, inspect, select
from sqlalchemy.orm import Bundle, Session, aliased, lazyload, outerjoin

Statement = Select[*tuple[Any, ...]]


class Together:
    """Several selects sent as one statement, so that a page about one thing asks once and not a dozen times.

    Each select is of one mapped class, or of columns of which the first is unique and never null. They share their
    ``bindparam``s. They are joined on a condition that never holds: every row that comes back is a row of exactly one
    of them. Meant for what belongs to one case or business; for lists it is not, since PostgreSQL compares the parts
    with each other row by row.
    """

    def __init__(self, *statements: Statement) -> None:
        self._statements = statements

    @cached_property
    def _whole(self) -> Statement:
        chosen: list[Any] = []
        joined: Any = None
        for statement in self._statements:
            described = statement.column_descriptions[0]
            part: Any = statement.subquery()
            if described["expr"] is described["entity"]:
                part = aliased(described["entity"], part)
                chosen.append(part)
            else:
                chosen.append(Bundle("columns", *part.c))
            joined = part if joined is None else outerjoin(joined, part, false(), full=True)
        return select(*chosen).select_from(joined).options(lazyload("*"))

    def read(self, session: Session, **values: Any) -> list[list[Any]]:
        """The rows of each select, in the order of the selects; each list by primary key, or by the first column.

        Relations are not loaded.
        """
        found: list[list[Any]] = [[] for _each in self._statements]
        for row in session.execute(self._whole, values):
            for part, each in zip(found, row, strict=True):
                if each is not None and not (isinstance(each, Row) and each[0] is None):
                    part.append(each)
        for part in found:
            part.sort(key=_key)
        return found


def _key(each: Any) -> Any:
    return each[0] if isinstance(each, Row) else inspect(each).identity
