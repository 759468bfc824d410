"""Telephone numbers of people, the codes that confirm them, and text messages."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.dialects.postgresql import UUID as UUIDColumn
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Base, BigId, foreign_key

TRIES = 5
_E164 = r"number ~ '^\+[1-9][0-9]{6,14}$'"


class TextState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"  # handed to the provider, its answer not known: never handed over a second time by itself
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class PhoneNumber(Base):
    """A number its person has confirmed. Several people may share one, as a family or an office does."""

    __tablename__ = "phone_numbers"
    __table_args__ = (
        CheckConstraint(_E164, name="e164"),
        CheckConstraint("(stopped_at IS NULL) = (stopped_reason = '')", name="stopped_for_a_reason"),
    )

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[str] = mapped_column(index=True)
    confirmed_at: Mapped[datetime]
    wanted: Mapped[bool] = mapped_column(default=False, server_default=false())
    # Nothing is written to the number any more: its owner or its network refused, or it does not exist.
    stopped_at: Mapped[datetime | None]
    stopped_reason: Mapped[str] = mapped_column(default="", server_default="")


class PhoneCode(Base):
    """The code under way to a number that is not confirmed yet; of one person the latest only."""

    __tablename__ = "phone_codes"
    __table_args__ = (
        CheckConstraint(_E164, name="e164"),
        CheckConstraint(f"tries BETWEEN 0 AND {TRIES}", name="tries"),
    )

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[str]
    digest: Mapped[str]
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class TextMessage(Base):
    """``message_id``: the message it is the short form of; a code has none. ``secret`` bodies are emptied once sent.

    ``reference`` is ours, ``provider_id`` the provider's. ``reason`` says why it failed; ``given_up``: somebody who
    runs the portal can do something about it.
    """

    __tablename__ = "text_messages"
    __table_args__ = (
        UniqueConstraint("message_id"),
        UniqueConstraint("reference"),
        CheckConstraint(_E164, name="e164"),
        CheckConstraint("state IN ('queued', 'sending', 'sent', 'delivered', 'failed')", name="state"),
        CheckConstraint("segments >= 1", name="segments"),
        CheckConstraint("(state IN ('delivered', 'failed')) = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("state NOT IN ('sent', 'delivered') OR sent_at IS NOT NULL", name="sent"),
        CheckConstraint("NOT given_up OR state = 'failed'", name="given_up"),
        CheckConstraint("state <> 'sending' OR handed_over_at IS NOT NULL", name="handed_over"),
        Index(
            "uq_text_messages_provider_id",
            "provider",
            "provider_id",
            unique=True,
            postgresql_where=text("provider_id IS NOT NULL"),
        ),
        Index("ix_text_messages_given_up", "id", postgresql_where=text("given_up")),
        Index("ix_text_messages_sending", "handed_over_at", postgresql_where=text("state = 'sending'")),
    )

    id: Mapped[BigId]
    user_id: Mapped[int] = foreign_key("users.id", ondelete="CASCADE")
    message_id: Mapped[int | None] = foreign_key("messages.id", ondelete="CASCADE", index=False)
    number: Mapped[str]
    locale: Mapped[str]
    template: Mapped[str]
    body: Mapped[str]
    segments: Mapped[int]
    secret: Mapped[bool] = mapped_column(default=False, server_default=false())
    reference: Mapped[UUID] = mapped_column(UUIDColumn(as_uuid=True), default=uuid4)
    provider: Mapped[str] = mapped_column(default="", server_default="")
    provider_id: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=TextState.QUEUED.value, server_default="queued")
    reason: Mapped[str] = mapped_column(default="", server_default="")
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    given_up: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    valid_until: Mapped[datetime]
    handed_over_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
