"""Requests for certified copies, and what became of them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core import i18n
from app.core.db import Base, BigId, foreign_key

KIND = "certified_copy"


class CopyState(StrEnum):
    UNPAID = "unpaid"
    PREPARING = "preparing"  # paid or free; the original is looked at once more
    MADE = "made"  # it has a number and a record; the row can no longer change
    REFUSED = "refused"  # the original no longer is what was issued


class CertifiedCopy(Base):
    """A copy of one record, for one purpose. A copy is never copied: ``original_kind`` is the original's, by the key.

    ``purpose_names`` is the wording of the pack when it was asked for, ``original_sha256`` that of the bytes inside.
    ``official``: asked for by an official or an auditor in the course of their work, at no fee.
    """

    __tablename__ = "certified_copies"
    __table_args__ = (
        UniqueConstraint("requested_by", "idempotency_key"),
        UniqueConstraint("charge_id"),
        UniqueConstraint("record_id"),
        UniqueConstraint("number"),
        ForeignKeyConstraint(
            ["original_id", "original_kind"], ["records.id", "records.kind"], name="fk_certified_copies_original"
        ),
        CheckConstraint("original_kind <> 'certified_copy'", name="no_copy_of_a_copy"),
        CheckConstraint("state IN ('unpaid', 'preparing', 'made', 'refused')", name="state"),
        CheckConstraint(
            "num_nonnulls(record_id, number, original_sha256) = CASE WHEN state = 'made' THEN 3 ELSE 0 END", name="made"
        ),
        CheckConstraint("(state IN ('made', 'refused')) = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint("(state = 'refused') = (refusal <> '')", name="refusal"),
        CheckConstraint("state <> 'unpaid' OR charge_id IS NOT NULL", name="unpaid"),
        CheckConstraint("NOT official OR charge_id IS NULL", name="official_free"),
        CheckConstraint("original_sha256 ~ '^[0-9a-f]{64}$'", name="original_sha256"),
        Index("ix_certified_copies_original", "original_id", "original_kind"),
        Index("ix_certified_copies_refused", "id", postgresql_where=text("state = 'refused'")),
    )

    id: Mapped[BigId]
    original_id: Mapped[int]
    original_kind: Mapped[str]
    requested_by: Mapped[int] = foreign_key("users.id", index=False)
    official: Mapped[bool]
    purpose: Mapped[str]
    purpose_names: Mapped[dict[str, Any]]
    purpose_text: Mapped[str]
    locale: Mapped[str]
    idempotency_key: Mapped[str]
    state: Mapped[str] = mapped_column(default=CopyState.PREPARING.value)
    charge_id: Mapped[int | None] = foreign_key("charges.id", index=False)
    requested_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    refusal: Mapped[str] = mapped_column(default="")
    number: Mapped[str | None]
    original_sha256: Mapped[str | None]
    record_id: Mapped[int | None] = foreign_key("records.id", index=False)

    @property
    def purpose_name(self) -> str:
        """In the reader's language, with what was written beside it."""
        name = i18n.pick(self.purpose_names)
        return (
            i18n.gettext("%(purpose)s: %(text)s", purpose=name, text=self.purpose_text) if self.purpose_text else name
        )
