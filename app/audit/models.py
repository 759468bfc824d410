"""The table of audit entries. Triggers in migration 0003 refuse UPDATE, DELETE and TRUNCATE, whoever asks."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, Computed, Index, SQLColumnExpression, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId

# Kept beside the entry and folded (case, the accents of French), so that one box searches all of it by trigram.
# Capitals are listed too: lower() leaves them alone in a database whose locale is C.
ACCENTED = "àâäáãçéèêëíîïñóôöõúùûüÿÀÂÄÁÃÇÉÈÊËÍÎÏÑÓÔÖÕÚÙÛÜŸ"
PLAIN = "aaaaaceeeeiiinoooouuuuy" * 2
SEARCHED = (
    f"translate(lower(reference || ' ' || subject || ' ' || actor_name || ' ' || authority), '{ACCENTED}', '{PLAIN}')"
)


def folded(value: str | SQLColumnExpression[str]) -> ColumnElement[str]:
    """``value`` as the search text writes it."""
    return func.translate(func.lower(value), ACCENTED, PLAIN)


class Entry(Base):
    """One act. Plain ids and no foreign keys: an entry must outlive, and never lock, what it speaks of."""

    __tablename__ = "audit_entries"

    id: Mapped[BigId]
    at: Mapped[datetime]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None]
    actor_name: Mapped[str]
    actor_role: Mapped[str]
    agency: Mapped[str]
    verb: Mapped[str]
    subject: Mapped[str]
    reference: Mapped[str]
    case_id: Mapped[int | None]
    business_id: Mapped[int | None]
    authority: Mapped[str]
    ip: Mapped[str | None]
    session_id: Mapped[int | None]
    detail: Mapped[dict[str, Any]]
    searched: Mapped[str] = mapped_column(Computed(SEARCHED, persisted=True), deferred=True)

    __table_args__ = (
        CheckConstraint("actor_kind IN ('user', 'client', 'system')", name="actor_kind"),
        Index(None, "at", "id"),
        Index(None, "verb", "at", "id"),
        Index(None, "reference", "at", "id", postgresql_where=text("reference <> ''")),
        Index(None, "case_id", "at", "id", postgresql_where=text("case_id IS NOT NULL")),
        Index(None, "business_id", "at", "id", postgresql_where=text("business_id IS NOT NULL")),
        Index(None, "actor_kind", "actor_id", "at", "id", postgresql_where=text("actor_id IS NOT NULL")),
        Index(None, "searched", postgresql_using="gin", postgresql_ops={"searched": "gin_trgm_ops"}),
    )


__all__ = ["Entry", "folded"]
