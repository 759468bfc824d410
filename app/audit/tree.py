"""The stored tree: leaves and the roots of complete subtrees, so that a proof reads O(log n) rows and a batch of new
leaves only the right edge."""

from collections.abc import Iterable, Sequence

from sqlalchemy import LargeBinary, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.audit import merkle

Place = tuple[int, int]  # level and position of a complete subtree; level 0 are leaves


class NodeMissing(Exception):
    """The stored tree has a hole: rows were deleted from it."""


def cover(start: int, end: int) -> list[Place]:
    """The complete subtrees that make up the leaves from ``start`` to ``end``, from the left.

    ``start`` is where RFC 9162 begins a subtree, so it is a multiple of the largest of them.
    """
    places: list[Place] = []
    while start < end:
        level = (end - start).bit_length() - 1
        places.append((level, start >> level))
        start += 1 << level
    return places


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over neighbouring complete subtrees, the largest first."""
    found = hashes[-1]
    for left in reversed(hashes[:-1]):
        found = merkle.node_hash(left, found)
    return found


_READ = text(
    "SELECT 0 AS level, sequence, leaf_hash FROM audit_leaves WHERE sequence = ANY(CAST(:leaves AS bigint[]))"
    " UNION ALL SELECT level, position, hash FROM audit_nodes"
    " JOIN unnest(CAST(:levels AS bigint[]), CAST(:places AS bigint[])) AS asked (level, position)"
    " USING (level, position)"
)


def read(session: Session, wanted: Iterable[Place]) -> dict[Place, bytes]:
    """Their hashes, in one statement. Raises NodeMissing."""
    places = sorted(set(wanted))
    if not places:
        return {}
    leaves = [position for level, position in places if level == 0]
    inner = [place for place in places if place[0] > 0]
    values = {"leaves": leaves, "levels": [level for level, _ in inner], "places": [place for _, place in inner]}
    found = {(level, position): bytes(hash_) for level, position, hash_ in session.execute(_READ, values)}
    if len(found) != len(places):
        level, position = next(place for place in places if place not in found)
        raise NodeMissing(f"level {level}, position {position}")
    return found


def root(session: Session, size: int) -> bytes:
    """Of the first ``size`` leaves, from what is stored."""
    if size == 0:
        return merkle.EMPTY
    places = cover(0, size)
    found = read(session, places)
    return fold([found[place] for place in places])


def grow(session: Session, size: int, entry_ids: Sequence[int], hashes: Sequence[bytes]) -> bytes:
    """Add leaves after the first ``size``, and the subtrees they complete; the new root."""
    edge = cover(0, size)
    known = read(session, edge)
    stack: list[tuple[int, bytes]] = [(level, known[level, position]) for level, position in edge]
    completed: list[tuple[int, int, bytes]] = []
    for number, leaf in enumerate(hashes, size):
        level, found = 0, leaf
        while stack and stack[-1][0] == level:
            found = merkle.node_hash(stack.pop()[1], found)
            level += 1
            completed.append((level, number >> level, found))
        stack.append((level, found))
    _add_leaves(session, range(size, size + len(hashes)), entry_ids, hashes)
    _add_nodes(session, completed)
    return fold([found for _, found in stack]) if stack else merkle.EMPTY


_BYTES = bindparam("hashes", type_=ARRAY(LargeBinary))
_LEAVES = text(
    "INSERT INTO audit_leaves (sequence, entry_id, leaf_hash)"
    " SELECT * FROM unnest(CAST(:places AS bigint[]), CAST(:ids AS bigint[]), CAST(:hashes AS bytea[]))"
).bindparams(_BYTES)
_NODES = text(
    "INSERT INTO audit_nodes (level, position, hash)"
    " SELECT * FROM unnest(CAST(:levels AS bigint[]), CAST(:places AS bigint[]), CAST(:hashes AS bytea[]))"
).bindparams(_BYTES)


def _add_leaves(session: Session, numbers: Sequence[int], entry_ids: Sequence[int], hashes: Sequence[bytes]) -> None:
    session.execute(_LEAVES, {"places": list(numbers), "ids": list(entry_ids), "hashes": list(hashes)})


def _add_nodes(session: Session, nodes: Sequence[tuple[int, int, bytes]]) -> None:
    if nodes:
        levels, places, hashes = (list(column) for column in zip(*nodes, strict=True))
        session.execute(_NODES, {"levels": levels, "places": places, "hashes": hashes})


__all__ = ["NodeMissing", "Place", "cover", "fold", "grow", "read", "root"]
