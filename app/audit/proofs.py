"""Proofs from the stored tree (RFC 9162 §2.1.3 and §2.1.4): which rows they need is known before any is read, so a
proof is two statements at any size of the log, and so are the proofs of thousands of entries together."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import BigInteger, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.audit import merkle, tree
from app.audit.models import Head, Leaf
from app.core.errors import NotFound

T = TypeVar("T")


def inclusion(session: Session, entry_ids: Sequence[int], head: Head) -> list[dict[str, Any]]:
    """``{"sequence": n, "path": [hex …]}`` for each entry, in the order asked.

    Raises NotFound when one of them is not among the entries of ``head``.
    """
    asked = Leaf.entry_id == func.any(literal(list(entry_ids), ARRAY(BigInteger)))
    rows = session.execute(select(Leaf.entry_id, Leaf.sequence).where(asked, Leaf.sequence < head.size))
    numbers = {row.entry_id: row.sequence for row in rows}
    if any(entry_id not in numbers for entry_id in entry_ids):
        raise NotFound

    def paths(subtree: merkle.Subtree) -> list[list[bytes]]:
        return [merkle.inclusion_path(numbers[entry_id], head.size, subtree) for entry_id in entry_ids]

    return [
        {"sequence": numbers[entry_id], "path": [each.hex() for each in path]}
        for entry_id, path in zip(entry_ids, _with_stored(session, paths), strict=True)
    ]


def consistency(session: Session, first: int, second: int) -> list[str]:
    """In hex. Both sizes are of heads of this log; ValueError when ``first`` is the larger."""

    def path(subtree: merkle.Subtree) -> list[bytes]:
        return merkle.consistency_path(first, second, subtree)

    return [each.hex() for each in _with_stored(session, path)]


def _with_stored(session: Session, prove: Callable[[merkle.Subtree], T]) -> T:
    """Ask ``prove`` what it needs, read all of it, and let it prove."""
    needed: set[tree.Place] = set()

    def note(start: int, end: int) -> bytes:
        needed.update(tree.cover(start, end))
        return b""

    prove(note)
    stored = tree.read(session, needed)
    return prove(lambda start, end: tree.fold([stored[place] for place in tree.cover(start, end)]))


__all__ = ["consistency", "inclusion"]
