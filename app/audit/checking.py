"""The whole log against itself, each night: every entry against its leaf, every leaf against the tree, every head and
every exported head against the root at its size.

This finds what was changed where it was changed. It cannot find a log that was rewritten whole together with the
heads outside; who keeps a head of their own can.
"""

import logging
from collections.abc import Iterator

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import Session

from app.audit import canonical, heads, leaves, merkle
from app.audit.models import Entry, Head, Key, Leaf, Node
from app.jobs import queue

CHECK = "audit.check"
PIECE = 5_000  # rows at a time
log = logging.getLogger(__name__)


class EntryChanged(Exception):
    """An entry is not what was put into the log; the message names the first one."""


class EntryMissing(Exception):
    """A leaf's entry is gone, or a leaf is."""


class TreeChanged(Exception):
    """A stored node or head is not what the leaves make."""


@queue.task(CHECK, queue="bulk", retry=queue.NEVER)
def check(session: Session) -> None:
    """Each night. Raises EntryChanged, EntryMissing or TreeChanged, naming the first wrong place."""
    try:
        whole(session)
    except (EntryChanged, EntryMissing, TreeChanged) as error:
        log.error("the audit log was changed", extra={"place": str(error)})  # the queue keeps no messages
        raise


queue.periodic("15 3 * * *", CHECK)


def whole(session: Session) -> int:
    """How many leaves were checked. Reads everything once, in bounded memory, as of one moment.

    Only what the latest head covers: what is being added meanwhile is checked the next night.
    """
    head = heads.latest(session)
    if head is None:
        if session.scalar(select(exists().where(Leaf.sequence >= 0))):
            raise TreeChanged("there are leaves and no head")
        return 0
    roots = _heads(session, head.size)
    keys = {key.key_id: key.public for key in session.scalars(select(Key))}
    outside = dict(heads.exported())
    if any(size > head.size for size in outside):
        raise TreeChanged(f"head {max(outside)} was exported and is not here")
    stack: list[tuple[int, bytes]] = []
    nodes = _Nodes(session)
    for number, leaf in enumerate(_leaves(session, head.size)):
        level, found = 0, leaf
        while stack and stack[-1][0] == level:
            found = merkle.node_hash(stack.pop()[1], found)
            level += 1
            nodes.add(level, number >> level, found)
        stack.append((level, found))
        size = number + 1
        signed = roots.get(size)
        if signed is None and size not in outside:
            continue
        root = _fold(stack)
        if signed is not None and (
            signed.root != root or signed.key_id not in keys or not heads.authentic(signed, keys[signed.key_id])
        ):
            raise TreeChanged(f"head {size}")
        if outside.get(size, root.hex()) != root.hex():
            raise TreeChanged(f"exported head {size}")
    return head.size


def _fold(stack: list[tuple[int, bytes]]) -> bytes:
    found = stack[-1][1]
    for _level, left in reversed(stack[:-1]):
        found = merkle.node_hash(left, found)
    return found


def _heads(session: Session, size: int) -> dict[int, Head]:
    return {head.size: head for head in session.scalars(select(Head).where(Head.size <= size))}


def _leaves(session: Session, size: int) -> Iterator[bytes]:
    """The leaf hashes in order, each checked against its entry."""
    expected = 0
    while expected < size:
        rows = _rows(session, expected, min(PIECE, size - expected))
        if not rows:
            raise EntryMissing(f"leaf {expected}")
        for row in rows:
            if row.sequence != expected:
                raise EntryMissing(f"leaf {expected}")
            if row.id is None:
                raise EntryMissing(f"entry {row.entry_id} of leaf {expected}")
            try:
                now = leaves.leaf(row)
            except canonical.NotCanonical:
                now = b""
            if now != row.leaf_hash:
                raise EntryChanged(f"entry {row.id} of leaf {expected}")
            yield row.leaf_hash
            expected += 1


def _rows(session: Session, first: int, count: int) -> list[Row[tuple[int, int, bytes]]]:
    statement = (
        select(Leaf.sequence, Leaf.entry_id, Leaf.leaf_hash, *leaves.COLUMNS)
        .outerjoin(Entry, Entry.id == Leaf.entry_id)
        .where(Leaf.sequence >= first)
        .order_by(Leaf.sequence)
        .limit(count)
    )
    return list(session.execute(statement))


class _Nodes:
    """Compares the stored nodes with those computed, level by level, in order of their positions."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.stored: dict[int, Iterator[tuple[int, bytes]]] = {}

    def add(self, level: int, position: int, computed: bytes) -> None:
        stored = self.stored.get(level)
        if stored is None:
            stored = self.stored[level] = self._level(level)
        if next(stored, None) != (position, computed):
            raise TreeChanged(f"node {position} of level {level}")

    def _level(self, level: int) -> Iterator[tuple[int, bytes]]:
        after = -1
        while True:
            statement = select(Node.position, Node.hash).where(Node.level == level, Node.position > after)
            rows = self.session.execute(statement.order_by(Node.position).limit(PIECE)).all()
            yield from ((position, bytes(found)) for position, found in rows)
            if len(rows) < PIECE:
                return
            after = rows[-1][0]


__all__ = ["CHECK", "EntryChanged", "EntryMissing", "TreeChanged", "whole"]
