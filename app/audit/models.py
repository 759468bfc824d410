"""The tables of the log. Triggers (migrations 0003 and 0015) refuse UPDATE, DELETE and TRUNCATE, whoever asks; of a
personal part they let the contents be blanked, once and whole.

An entry arrives in one statement with its personal part in ``handed_over``; a trigger puts that away in
``audit_personal`` before the row is stored, so the column is always empty.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Computed,
    Identity,
    Index,
    LargeBinary,
    SQLColumnExpression,
    UniqueConstraint,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, column_property, mapped_column

from app.core.db import Base
from app.core.i18n import gettext as _

# Kept beside the entry and folded (case, the accents of French), so that one box searches all of it by trigram.
# Capitals are listed too: lower() leaves them alone in a database whose locale is C.
ACCENTED = "àâäáãçéèêëíîïñóôöõúùûüÿÀÂÄÁÃÇÉÈÊËÍÎÏÑÓÔÖÕÚÙÛÜŸ"
PLAIN = "aaaaaceeeeiiinoooouuuuy" * 2
SEARCHED = (
    f"translate(lower(about || ' ' || coalesce(name, '') || ' ' || coalesce(reference, '')), '{ACCENTED}', '{PLAIN}')"
)


def folded(value: str | SQLColumnExpression[str] | SQLColumnExpression[str | None]) -> ColumnElement[str]:
    """``value`` as the search text writes it."""
    return func.translate(func.lower(value), ACCENTED, PLAIN)


class Personal(Base):
    """What an entry says about people, bound to it by ``Entry.personal_sha256`` and gone when it is erased.

    ``reference`` is what people call the subject where that is personal (an e-mail address), ``detail`` what else is.
    ``at`` and ``about`` repeat the entry's own words for searching; they say nothing about people and stay.
    """

    __tablename__ = "audit_personal"

    entry_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    about: Mapped[str]
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    name: Mapped[str | None]
    ip: Mapped[str | None]
    reference: Mapped[str | None]
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    erased_at: Mapped[datetime | None]
    searched: Mapped[str] = mapped_column(Computed(SEARCHED, persisted=True), deferred=True)

    __table_args__ = (
        CheckConstraint(
            "CASE WHEN erased_at IS NULL THEN octet_length(salt) >= 16 AND name IS NOT NULL AND reference IS NOT NULL"
            " AND detail IS NOT NULL ELSE num_nonnulls(salt, name, ip, reference, detail) = 0 END",
            name="whole_or_erased",
        ),
        Index(None, "at", "entry_id"),
        Index(None, "searched", postgresql_using="gin", postgresql_ops={"searched": "gin_trgm_ops"}),
    )


class Entry(Base):
    """One act. Plain ids and no foreign keys: an entry must outlive, and never lock, what it speaks of."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None]
    actor_role: Mapped[str]
    agency: Mapped[str]
    verb: Mapped[str]
    subject: Mapped[str]
    reference: Mapped[str]
    case_id: Mapped[int | None]
    business_id: Mapped[int | None]
    authority: Mapped[str]
    session_id: Mapped[int | None]
    detail: Mapped[dict[str, Any]]
    personal_sha256: Mapped[str]
    handed_over: Mapped[dict[str, Any] | None] = mapped_column("personal", JSONB(none_as_null=True), deferred=True)

    # Read in the same statement as the entry, a row of the other table at a time by its key.
    kept_name: Mapped[str | None] = column_property(
        select(Personal.name).where(Personal.entry_id == id).correlate_except(Personal).scalar_subquery()
    )
    kept_reference: Mapped[str | None] = column_property(
        select(Personal.reference).where(Personal.entry_id == id).correlate_except(Personal).scalar_subquery()
    )

    __table_args__ = (
        CheckConstraint("actor_kind IN ('user', 'client', 'system', 'expert')", name="actor_kind"),
        CheckConstraint("personal IS NULL AND personal_sha256 ~ '^[0-9a-f]{64}$'", name="personal_put_away"),
        Index(None, "at", "id"),
        Index(None, "verb", "at", "id"),
        Index(None, "reference", "at", "id", postgresql_where=text("reference <> ''")),
        Index(None, "case_id", "at", "id", postgresql_where=text("case_id IS NOT NULL")),
        Index(None, "business_id", "at", "id", postgresql_where=text("business_id IS NOT NULL")),
        Index(None, "actor_kind", "actor_id", "at", "id", postgresql_where=text("actor_id IS NOT NULL")),
    )

    @property
    def actor_name(self) -> str:
        """As it was at the time; for a person whose part was erased, words that say so in the reader's language."""
        return self.kept_name if self.kept_name is not None else _("name erased")

    @property
    def called(self) -> str:
        """What people call the subject."""
        return self.reference or self.kept_reference or self.subject


class Leaf(Base):
    """The place of an entry in the tree, counted from 0, and its hash (RFC 9162 §2.1.1) as it was at that moment."""

    __tablename__ = "audit_leaves"

    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry_id: Mapped[int]
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (UniqueConstraint("entry_id"), CheckConstraint("sequence >= 0", name="from_zero"))


class Node(Base):
    """The root of a complete subtree: at ``level`` it covers 2^level leaves, the first of them position·2^level.

    Level 0 are the leaves themselves and not here.
    """

    __tablename__ = "audit_nodes"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (CheckConstraint("level > 0 AND position >= 0", name="above_leaves"),)


class Head(Base):
    """A signed tree head. ``last_entry`` is the greatest id among its entries; it is not signed."""

    __tablename__ = "audit_heads"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    log: Mapped[str]
    root: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime]
    key_id: Mapped[str]
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    last_entry: Mapped[int]

    __table_args__ = (Index(None, "at"), CheckConstraint("size > 0", name="not_empty"))


class Key(Base):
    """A public key that signed heads: the raw 32 bytes of Ed25519."""

    __tablename__ = "audit_keys"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    public: Mapped[bytes] = mapped_column(LargeBinary)
    since: Mapped[datetime]


__all__ = ["Entry", "Head", "Key", "Leaf", "Node", "Personal", "folded"]
