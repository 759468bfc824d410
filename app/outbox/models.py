"""Tables: what happened (events), who wants to hear it (endpoints), and each telling of it (deliveries)."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, BigId, foreign_key
from app.identity.models import ApiClient


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


class Event(Base):
    """``uid`` is the ``webhook-id`` a receiver sees, the same in every attempt. ``business_id`` carries no foreign key:
    an event is a fact of the past and locks nothing."""

    __tablename__ = "outbox_events"

    id: Mapped[BigId]
    uid: Mapped[str]
    type: Mapped[str]
    subject: Mapped[str]
    data: Mapped[dict[str, Any]]
    business_id: Mapped[int | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("uid"),
        Index(None, "subject", "id"),
        Index(None, "business_id", "id", postgresql_where=text("business_id IS NOT NULL")),
    )


class Endpoint(Base):
    """An address of an API client. ``secret`` is stored encrypted; ``event_types`` is a list of event types."""

    __tablename__ = "outbox_endpoints"

    id: Mapped[BigId]
    uid: Mapped[str]
    client_id: Mapped[int] = foreign_key("api_clients.id", ondelete="CASCADE")
    url: Mapped[str]
    secret: Mapped[str]
    event_types: Mapped[list[Any]]
    description: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]

    client: Mapped[ApiClient] = relationship()

    __table_args__ = (UniqueConstraint("uid"),)


class Delivery(Base):
    """One event for one endpoint. ``claimed_until`` is set while a worker is sending; past it, another may."""

    __tablename__ = "outbox_deliveries"

    id: Mapped[BigId]
    event_id: Mapped[int] = foreign_key("outbox_events.id", ondelete="CASCADE", index=False)
    endpoint_id: Mapped[int] = foreign_key("outbox_endpoints.id", ondelete="CASCADE")
    state: Mapped[str] = mapped_column(default=DeliveryState.PENDING.value)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    claimed_until: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]

    event: Mapped[Event] = relationship()
    endpoint: Mapped[Endpoint] = relationship()

    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        CheckConstraint("state IN ('pending', 'delivered', 'failed', 'disabled')", name="state"),
        CheckConstraint("(state = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_at"),
        Index("ix_outbox_deliveries_due", "next_attempt_at", postgresql_where=text("state = 'pending'")),
        Index("ix_outbox_deliveries_failed", "id", postgresql_where=text("state = 'failed'")),
    )


__all__ = ["Delivery", "DeliveryState", "Endpoint", "Event"]
