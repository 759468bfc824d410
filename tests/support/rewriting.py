"""What a database's superuser does to rewrite the log: with all triggers off, an entry and every hash above it."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.audit import heads, leaves, merkle
from app.audit.logkey import LogKey
from app.audit.models import Entry, Head, Leaf, Node

TABLES = ("audit_entries", "audit_personal", "audit_leaves", "audit_nodes", "audit_heads")


def unguard(session: Session) -> None:
    for table in TABLES:
        session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))


def guard(session: Session) -> None:
    """As it was, so that the portal can go on writing."""
    for table in TABLES:
        session.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))


def recompute(session: Session) -> list[bytes]:
    """Leaves and nodes as they follow from the entries."""
    session.expire_all()
    rows = session.execute(
        sa.select(Leaf.sequence, *leaves.COLUMNS).join(Entry, Entry.id == Leaf.entry_id).order_by(Leaf.sequence)
    ).all()
    hashes = [leaves.leaf(row) for row in rows]
    for row, found in zip(rows, hashes, strict=True):
        session.execute(sa.update(Leaf).where(Leaf.sequence == row.sequence).values(leaf_hash=found))
    for node in session.scalars(sa.select(Node)).all():
        span = 1 << node.level
        found = merkle.root(hashes[node.position * span : (node.position + 1) * span])
        place = sa.and_(Node.level == node.level, Node.position == node.position)
        session.execute(sa.update(Node).where(place).values(hash=found))
    return hashes


def sign_again(session: Session, hashes: list[bytes], key: LogKey) -> None:
    """Every head, as if the log had always been so."""
    for head in session.scalars(sa.select(Head)).all():
        head.root, head.key_id = merkle.root(hashes[: head.size]), key.id
        head.signature = key.sign(heads._signed(head))
    session.flush()
