"""Permits, their lines, the append-only movements on a line, and the history of each permit's state."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, Numeric, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.identity.history import StateChange
from app.jurisdictions import load
from app.jurisdictions.lookup import permit_kind

Quantity = Numeric(18, 3)


class PermitState(StrEnum):
    """What is stored, and ``NOT_YET_VALID``, which is only ever computed (``verification.state``)."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"
    USED_UP = "used_up"
    NOT_YET_VALID = "not_yet_valid"


STATE_TITLES: dict[PermitState, Text] = {
    PermitState.ACTIVE: _l("Valid"),
    PermitState.SUSPENDED: _l("Suspended"),
    PermitState.REVOKED: _l("Revoked"),
    PermitState.EXPIRED: _l("Expired"),
    PermitState.USED_UP: _l("Used up"),
    PermitState.NOT_YET_VALID: _l("Not valid yet"),
}
STATE_KINDS: dict[PermitState, str] = {
    PermitState.ACTIVE: "ok",
    PermitState.SUSPENDED: "late",
    PermitState.REVOKED: "bad",
    PermitState.EXPIRED: "none",
    PermitState.USED_UP: "none",
    PermitState.NOT_YET_VALID: "wait",
}


class Movement(StrEnum):
    RESERVED = "reserved"
    CONSUMED = "consumed"
    RELEASED = "released"


MOVEMENT_TITLES: dict[Movement, Text] = {
    Movement.RESERVED: _l("Reserved"),
    Movement.CONSUMED: _l("Used"),
    Movement.RELEASED: _l("Given back"),
}


class Permit(Base):
    """One issued right. ``starts_at`` and ``expires_at`` are ``valid_from`` and the end of ``valid_to`` as instants."""

    __tablename__ = "permits"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'suspended', 'revoked', 'expired', 'used_up')", name="state"),
        CheckConstraint("valid_to >= valid_from", name="validity"),
        CheckConstraint("expires_at > starts_at", name="instants"),
        CheckConstraint("state NOT IN ('suspended', 'revoked') OR state_reason <> ''", name="state_reason"),
        Index("ix_permits_number_trgm", "number", postgresql_using="gin", postgresql_ops={"number": "gin_trgm_ops"}),
        Index("ix_permits_business_id_id", "business_id", "id"),
        Index("uq_permits_replaces_id", "replaces_id", unique=True),
        Index("ix_permits_agency_id", "agency", "id"),
        Index(
            "ix_permits_expires_at_open",
            "expires_at",
            postgresql_where=text("state IN ('active', 'suspended')"),
        ),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    agency: Mapped[str]
    business_id: Mapped[int] = foreign_key("businesses.id", index=False)
    case_id: Mapped[int | None] = foreign_key("cases.id")
    record_id: Mapped[int | None] = foreign_key("records.id")
    replaces_id: Mapped[int | None] = foreign_key("permits.id", index=False)  # issued by a decision it corrected
    state: Mapped[str]
    state_reason: Mapped[str]  # why it is suspended or revoked; empty otherwise
    destination: Mapped[str | None]  # ISO 3166-1 alpha-2; None: every destination
    valid_from: Mapped[date]
    valid_to: Mapped[date]
    starts_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    conditions: Mapped[str]  # one a line, as the paper says them
    # The same as ``cases.grounds`` keeps them, to be said in any language; none of permits issued before.
    said_conditions: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    issued_at: Mapped[datetime]
    reminded_days: Mapped[int | None]  # the shortest notice of its end the holder was given, in days

    lines: Mapped[list["PermitLine"]] = relationship(order_by="PermitLine.id", back_populates="permit")

    @property
    def title(self) -> str:
        """The kind's name in the reader's language."""
        return permit_kind(load.current(), self.kind).name

    @property
    def stored_state(self) -> PermitState:
        return PermitState(self.state)


class PermitLine(Base):
    """Goods a permit allows. The database itself refuses more than ``quantity``, reserved and used together."""

    __tablename__ = "permit_lines"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("reserved >= 0 AND consumed >= 0 AND reserved + consumed <= quantity", name="balance"),
    )

    id: Mapped[BigId]
    permit_id: Mapped[int] = foreign_key("permits.id")
    hs: Mapped[str]
    description: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    unit: Mapped[str]  # UN/ECE Rec 20
    value_minor: Mapped[int]
    currency: Mapped[str]
    reserved: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(0), server_default="0")
    consumed: Mapped[Decimal] = mapped_column(Quantity, default=Decimal(0), server_default="0")

    permit: Mapped[Permit] = relationship(back_populates="lines")

    @property
    def available(self) -> Decimal:
        return self.quantity - self.reserved - self.consumed

    @property
    def value(self) -> Money:
        return Money(self.value_minor, self.currency)


class Allocation(Base):
    """One movement on a line; a trigger refuses UPDATE, DELETE and TRUNCATE.

    ``reserved_change`` and ``consumed_change`` are what the movement did to the line's balances, so that the sum of
    all movements of a line always equals what the line says.
    """

    __tablename__ = "allocations"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint(
            "(state = 'reserved' AND reserved_change = quantity AND consumed_change = 0)"
            " OR (state = 'consumed' AND reserved_change = -quantity AND consumed_change = quantity)"
            " OR (state = 'released' AND reserved_change = -quantity AND consumed_change = 0)"
            " OR (state = 'released' AND reserved_change = 0 AND consumed_change = -quantity)",
            name="movement",
        ),
        Index("ix_allocations_line_id_declaration_item_id", "line_id", "declaration_item", "id"),
        Index("ix_allocations_declaration_item", "declaration_item"),
    )

    id: Mapped[BigId]
    line_id: Mapped[int] = foreign_key("permit_lines.id", index=False)
    declaration_item: Mapped[str]  # the declaration's reference and item number: "CD-2026-00012-K/1"
    state: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Quantity)
    value_minor: Mapped[int]
    currency: Mapped[str]
    reserved_change: Mapped[Decimal] = mapped_column(Quantity)
    consumed_change: Mapped[Decimal] = mapped_column(Quantity)
    at: Mapped[datetime]

    @property
    def movement(self) -> Movement:
        return Movement(self.state)

    @property
    def value(self) -> Money:
        return Money(self.value_minor, self.currency)


class PermitEvent(StateChange, Base):
    __tablename__ = "permit_events"

    permit_id: Mapped[int] = foreign_key("permits.id")
    reason_code: Mapped[str]  # lifecycle.ReasonCode: the one word that platforms hear
