"""Giving every entry its place in the tree, a minute at most after it was written.

Writers take no lock and wait for nobody: they know nothing of the tree. A job looks for entries without a leaf, in
order of their ids, and signs a head for each batch. Ids are given out before transactions commit, so an entry may
appear below those that have a leaf already; it gets the next place then. How far back each batch looks is in
``_settled``; every night the whole table is looked through.
"""

import logging
from datetime import timedelta

from sqlalchemy import exists, func, select, text
from sqlalchemy.orm import Session

from app.audit import canonical, heads, leaves, tree
from app.audit.models import Entry, Head, Key, Leaf
from app.core import clock
from app.jobs import queue

SEQUENCE = "audit.sequence"
SEQUENCE_MORE = "audit.sequence_more"
EXPORT = "audit.export_head"
STRAGGLERS = "audit.sequence_stragglers"

BATCH = 10_000
# No transaction of the portal lasts that long; should one, its entries wait for the night.
LONGEST_TRANSACTION = timedelta(hours=1)
# Any number, the same in every process: who holds it is the sequencer.
_TURN = text("SELECT pg_try_advisory_xact_lock(7240016)")
log = logging.getLogger(__name__)


class HeadDisagrees(Exception):
    """The stored tree is not the one the last head was signed for, or the head not what the portal signed."""


class RolledBack(Exception):
    """A head was exported that this database does not have, or has otherwise."""


@queue.task(SEQUENCE, queue="log", retry=queue.NEVER)
def sequence(session: Session) -> None:
    """Each minute."""
    _step(session)


@queue.task(SEQUENCE_MORE, queue="log")
def sequence_more(session: Session, after: int) -> None:
    """The next batch, when one was not enough."""
    _step(session, after=after)


@queue.task(STRAGGLERS, queue="bulk", retry=queue.NEVER)
def stragglers(session: Session) -> None:
    """Each night: entries that any batch could have missed."""
    _step(session, after=0)


@queue.task(EXPORT, queue="log")
def export_head(session: Session, size: int) -> None:
    """Also those before it whose job was lost. Raises heads.Forked."""
    largest = heads.last_exported()
    missing = Head.size > largest[0] if largest else Head.size > 0
    for head in session.scalars(select(Head).where((Head.size == size) | (missing & (Head.size < size)))):
        heads.export(head)


queue.periodic("* * * * *", SEQUENCE)
queue.periodic("45 2 * * *", STRAGGLERS)


def _step(session: Session, *, after: int | None = None) -> None:
    added = batch(session, after=after)
    if len(added) == BATCH:
        queue.enqueue(session, SEQUENCE_MORE, after=added[-1])


def batch(session: Session, *, limit: int = BATCH, after: int | None = None) -> list[int]:
    """Give up to ``limit`` entries with larger ids than ``after`` their leaves and sign the new head; their ids.

    None also when another sequencer is at work. Raises HeadDisagrees or RolledBack before anything is added or signed.
    """
    if not session.scalar(_TURN):
        return []
    head = heads.latest(session)
    check(session, head)
    size = head.size if head else 0
    after = _settled(session) if after is None else after
    rows = session.execute(
        select(*leaves.COLUMNS)
        .where(Entry.id > after, ~exists().where(Leaf.entry_id == Entry.id))
        .order_by(Entry.id)
        .limit(limit)
    ).all()
    if not rows:
        return []
    hashes = []
    for row in rows:
        try:
            hashes.append(leaves.leaf(row))
        except canonical.NotCanonical:
            log.error("audit entry has no canonical form", extra={"entry": row.id})
            raise
    ids = [row.id for row in rows]
    root = tree.grow(session, size, ids, hashes)
    signed = heads.sign(session, size + len(rows), root, max(ids[-1], head.last_entry if head else 0))
    queue.enqueue(session, EXPORT, size=signed.size)
    return ids


def check(session: Session, head: Head | None) -> None:
    """Whether the last head stands: signed by a key of ours, over the tree as it is stored, and as exported.

    Raises HeadDisagrees or RolledBack. What is inside the tree is checked at night (``audit.check``).
    """
    if head is None:
        if session.scalar(select(func.max(Leaf.sequence))) is not None:
            raise HeadDisagrees("there are leaves and no head")
    else:
        public = session.scalar(select(Key.public).where(Key.key_id == head.key_id))
        if public is None or not heads.authentic(head, public):
            raise HeadDisagrees(f"the signature of head {head.size} is wrong")
        if session.scalar(select(func.max(Leaf.sequence))) != head.size - 1:
            raise HeadDisagrees(f"the leaves do not end where head {head.size} does")
        try:
            stored = tree.root(session, head.size)
        except tree.NodeMissing as error:
            raise HeadDisagrees(f"the tree of head {head.size} has a hole") from error
        if stored != head.root:
            raise HeadDisagrees(f"the tree of head {head.size} has another root")
    outside = heads.last_exported()
    if outside is None:
        return
    size, root = outside
    if head is None or size > head.size:
        raise RolledBack(f"head {size} was exported and is not here")
    if tree.root(session, size).hex() != root:
        raise RolledBack(f"head {size} was exported with another root")


def _settled(session: Session) -> int:
    """An id below which every entry has its leaf, or its transaction has ended without one.

    An id that was passed an hour ago was given out more than an hour ago, and its transaction is over.
    """
    then = clock.now() - LONGEST_TRANSACTION
    return session.scalar(select(Head.last_entry).where(Head.at < then).order_by(Head.at.desc()).limit(1)) or 0


def waiting(session: Session, *, most: int) -> int:
    """How many entries have no leaf yet, counted to ``most`` and no further."""
    found = select(Entry.id).where(Entry.id > _settled(session), ~exists().where(Leaf.entry_id == Entry.id))
    return session.scalar(select(func.count()).select_from(found.limit(most).subquery())) or 0


__all__ = [
    "BATCH", "EXPORT", "SEQUENCE", "SEQUENCE_MORE", "STRAGGLERS", "HeadDisagrees", "RolledBack", "batch", "check",
    "waiting",
]  # fmt: skip
