"""Uploads and records. The bytes are in the store, under their SHA-256."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key


class RecordState(StrEnum):
    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"
    DISPOSED = "disposed"  # its period ended: number and code stay, the paper does not


class Upload(Base):
    """A paper the applicant attached: ``code`` names the requirement it answers, in that case."""

    __tablename__ = "uploads"

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id", use_alter=True)
    code: Mapped[str]
    filename: Mapped[str]  # cleaned, for showing; never a path
    media_type: Mapped[str]
    size: Mapped[int]
    pages: Mapped[int | None]
    sha256: Mapped[str]
    uploaded_by: Mapped[int] = foreign_key("users.id")
    uploaded_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]  # replaced or taken back: kept, since a submission may name it

    __table_args__ = (
        CheckConstraint("media_type IN ('application/pdf', 'image/jpeg', 'image/png')", name="media_type"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("size > 0", name="size"),
    )


class Record(Base):
    """An issued PDF. Once ``sha256`` is set the database lets nobody change what it says nor delete it."""

    __tablename__ = "records"

    id: Mapped[BigId]
    kind: Mapped[str]
    code: Mapped[str]  # public, 130 random bits: the address of /verify/<code>
    number: Mapped[str]  # the number people quote, of the permit, business, receipt …
    title: Mapped[str]
    template: Mapped[str]
    locale: Mapped[str]
    data: Mapped[dict[str, Any]]
    subject: Mapped[str]  # "permit:12": what the record is about
    issuer: Mapped[str]
    case_id: Mapped[int | None] = foreign_key("cases.id", use_alter=True)
    business_id: Mapped[int | None] = foreign_key("businesses.id", use_alter=True)
    issued_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(server_default=RecordState.PENDING)
    sha256: Mapped[str | None]
    size: Mapped[int | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    last_error: Mapped[str] = mapped_column(server_default="")
    seal: Mapped[str] = mapped_column(server_default="PORTAL")  # the agency whose key signs it
    schema_version: Mapped[int | None]  # of its kind's schema, which ``data`` fits; none before there were schemas
    schema_fault: Mapped[str | None]  # where ``data`` does not fit: such a record names no schema
    # What the signature in the PDF says, or nothing: it has none.
    signature_level: Mapped[str | None]
    signed_by: Mapped[str | None]
    certificate_fingerprint: Mapped[str | None]
    signed_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("code"),
        Index("uq_records_id_kind", "id", "kind", unique=True),  # what a certified copy points to
        Index("ix_records_number", "number"),
        Index("ix_records_number_trgm", "number", postgresql_using="gin", postgresql_ops={"number": "gin_trgm_ops"}),
        Index("ix_records_subject", "subject"),
        Index("ix_records_failed", "id", postgresql_where=text("state = 'failed'")),
        Index("ix_records_schema_fault", "id", postgresql_where=text("schema_fault IS NOT NULL")),
        CheckConstraint("schema_version > 0", name="schema_version"),
        CheckConstraint("schema_fault IS NULL OR schema_version IS NULL", name="schema_fault"),
        CheckConstraint("state IN ('pending', 'ready', 'failed', 'disposed')", name="state"),
        CheckConstraint("(state = 'ready') = (sha256 IS NOT NULL AND size IS NOT NULL)", name="ready"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("length(code) >= 26", name="code"),
        CheckConstraint("signature_level IN ('B-B', 'B-T', 'B-LT')", name="signature_level"),
        CheckConstraint(
            "num_nonnulls(signature_level, signed_by, signed_at, certificate_fingerprint) IN (0, 4)", name="signature"
        ),
        CheckConstraint("signature_level IS NULL OR sha256 IS NOT NULL", name="signed_bytes"),
        CheckConstraint("certificate_fingerprint ~ '^[0-9a-f]{64}$'", name="certificate_fingerprint"),
    )

    @property
    def ready(self) -> bool:
        return self.state == RecordState.READY
