"""Listings and what happened to each."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l


class ListingState(StrEnum):
    DRAFT = "draft"  # the owner has not said that it may be sold, or not again after it was frozen
    READY = "ready"  # everything it needs is held
    FROZEN = "frozen"  # it was ready, and something it needs is gone
    DELISTED = "delisted"  # ended by the owner


STATE_TITLES: dict[ListingState, Text] = {
    ListingState.DRAFT: _l("Not ready"),
    ListingState.READY: _l("Ready to sell"),
    ListingState.FROZEN: _l("Frozen"),
    ListingState.DELISTED: _l("Taken down"),
}
STATE_KINDS: dict[ListingState, str] = {
    ListingState.DRAFT: "new",
    ListingState.READY: "ok",
    ListingState.FROZEN: "late",
    ListingState.DELISTED: "none",
}


class ListingAction(StrEnum):
    """What an entry of a listing's history is about."""

    CREATED = "created"
    READY = "ready"
    FROZEN = "frozen"
    THAWED = "thawed"
    CHANGED = "changed"
    DELISTED = "delisted"


class Listing(Base):
    """One product a business wants to sell on a channel to a destination.

    ``reason_code`` and ``reason_subject`` say why it is frozen: a word platforms may hear, and the permit kind,
    control or channel it is about. ``complete_at`` is since when a draft has everything and waits for its owner.
    """

    __tablename__ = "listings"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'ready', 'frozen', 'delisted')", name="state"),
        CheckConstraint("(quantity IS NULL) = (unit IS NULL)", name="quantity_has_unit"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("state <> 'ready' OR ready_at IS NOT NULL", name="ready_since"),
        CheckConstraint("state <> 'frozen' OR (frozen_at IS NOT NULL AND reason_code <> '')", name="frozen_reason"),
        CheckConstraint("state = 'draft' OR complete_at IS NULL", name="complete_draft"),
        UniqueConstraint("business_id", "idempotency_key"),
        Index("uq_listings_sku", "business_id", "sku", unique=True, postgresql_where=text("sku <> ''")),
        Index("ix_listings_business_id_id", "business_id", "id"),
        Index("ix_listings_channel_id", "channel", "id", postgresql_where=text("ready_at IS NOT NULL")),
        Index("ix_listings_open", "business_id", postgresql_where=text("state <> 'delisted'")),
    )

    id: Mapped[BigId]
    reference: Mapped[str] = mapped_column(unique=True)
    business_id: Mapped[int] = foreign_key("businesses.id", index=False)
    sku: Mapped[str]  # the business's own reference; empty when it gave none
    title: Mapped[str]
    hs: Mapped[str]  # six digits; empty for a service
    destination: Mapped[str]  # ISO 3166-1 alpha-2
    channel: Mapped[str]
    quantity: Mapped[Decimal | None] = mapped_column(Numeric(18, 3))
    unit: Mapped[str | None]  # UN/ECE Rec 20
    state: Mapped[str]
    reason_code: Mapped[str]
    reason_subject: Mapped[str]
    ready_at: Mapped[datetime | None]  # the last time it became ready
    frozen_at: Mapped[datetime | None]
    complete_at: Mapped[datetime | None]
    idempotency_key: Mapped[str]
    version: Mapped[int]
    created_by: Mapped[int | None] = foreign_key("users.id")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    @property
    def stored_state(self) -> ListingState:
        return ListingState(self.state)


class ListingEvent(Base):
    """A change of a listing, with who and why. Append-only by trigger."""

    __tablename__ = "listing_events"
    __table_args__ = (Index("ix_listing_events_listing_id_id", "listing_id", "id"),)

    id: Mapped[BigId]
    listing_id: Mapped[int] = foreign_key("listings.id", index=False)
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = foreign_key("users.id")
    actor_name: Mapped[str]
    reason_code: Mapped[str]
    reason_subject: Mapped[str]


__all__ = ["STATE_KINDS", "STATE_TITLES", "Listing", "ListingAction", "ListingEvent", "ListingState"]
