"""The register's tables: the entry as it is now, every version of it, its people, its history, and claimed names."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.identity.history import StateChange


class BusinessState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DISSOLVED = "dissolved"
    STRUCK_OFF = "struck_off"


LIVE = (BusinessState.ACTIVE, BusinessState.SUSPENDED)  # the states that keep a name taken

STATE_TITLES: dict[BusinessState, Text] = {
    BusinessState.ACTIVE: _l("Active"),
    BusinessState.SUSPENDED: _l("Suspended"),
    BusinessState.DISSOLVED: _l("Dissolved"),
    BusinessState.STRUCK_OFF: _l("Struck off"),
}
STATE_KINDS: dict[BusinessState, str] = {
    BusinessState.ACTIVE: "ok",
    BusinessState.SUSPENDED: "late",
    BusinessState.DISSOLVED: "none",
    BusinessState.STRUCK_OFF: "bad",
}


class Business(Base):
    """One entry. Facts are never edited in place: a change makes a new ``BusinessVersion`` first."""

    __tablename__ = "businesses"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'suspended', 'dissolved', 'struck_off')", name="state"),
        CheckConstraint("capital_minor >= 0", name="capital"),
        CheckConstraint("shares_issued >= 0", name="shares"),
        CheckConstraint("name_key <> ''", name="name_key"),
        Index(
            "uq_businesses_live_name_key",
            "name_key",
            unique=True,
            postgresql_where=text("state IN ('active', 'suspended')"),
        ),
        Index(
            "uq_businesses_live_tax_number",
            "tax_number",
            unique=True,
            postgresql_where=text("state IN ('active', 'suspended')"),
        ),
        Index(
            "ix_businesses_search_key_trgm",
            "search_key",
            postgresql_using="gin",
            postgresql_ops={"search_key": "gin_trgm_ops"},
        ),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(unique=True)
    tax_number: Mapped[str | None]
    name: Mapped[str]
    trade_name: Mapped[str | None]
    name_key: Mapped[str]  # names.key: what makes two names the same
    search_key: Mapped[str]  # names.search_key: what similar names are looked for in
    entity_type: Mapped[str]
    state: Mapped[str]
    unit_code: Mapped[str]  # the administrative unit of the seat
    street: Mapped[str]
    activities: Mapped[list[Any]]  # ISIC Rev. 4 classes, the principal one first
    capital_minor: Mapped[int | None]
    currency: Mapped[str | None]
    shares_issued: Mapped[int | None]
    phone: Mapped[str]
    email: Mapped[str]
    registered_at: Mapped[datetime]
    case_id: Mapped[int | None] = foreign_key("cases.id")
    record_id: Mapped[int | None] = foreign_key("records.id")

    people: Mapped[list["BusinessPerson"]] = relationship(order_by="BusinessPerson.id", back_populates="business")

    @property
    def standing(self) -> BusinessState:
        return BusinessState(self.state)

    @property
    def active(self) -> bool:
        return self.standing is BusinessState.ACTIVE

    @property
    def capital(self) -> Money | None:
        if self.capital_minor is None or self.currency is None:
            return None
        return Money(self.capital_minor, self.currency)


class BusinessVersion(Base):
    """An immutable snapshot: what the register said from ``valid_from`` until the next one. A trigger keeps it so."""

    __tablename__ = "business_versions"
    __table_args__ = (UniqueConstraint("business_id", "number"),)

    id: Mapped[BigId]
    business_id: Mapped[int] = foreign_key("businesses.id", index=False)
    number: Mapped[int]
    data: Mapped[dict[str, Any]]
    case_id: Mapped[int | None] = foreign_key("cases.id")
    valid_from: Mapped[datetime]


class BusinessPerson(Base):
    """A person in a role, from a day to a day. One person with two roles has two rows."""

    __tablename__ = "business_people"
    __table_args__ = (
        CheckConstraint("shares IS NULL OR shares > 0", name="shares"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="period"),
    )

    id: Mapped[BigId]
    business_id: Mapped[int] = foreign_key("businesses.id")
    name: Mapped[str]
    role: Mapped[str]
    document_kind: Mapped[str]
    document_number: Mapped[str]
    document_country: Mapped[str]
    nationality: Mapped[str]
    shares: Mapped[int | None]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]

    business: Mapped[Business] = relationship(back_populates="people")


class BusinessEvent(StateChange, Base):
    __tablename__ = "business_events"

    business_id: Mapped[int] = foreign_key("businesses.id")


class NameClaim(Base):
    """A name held for one case until a day, so that two applications for one name cannot both be approved."""

    __tablename__ = "name_claims"
    __table_args__ = (
        Index(
            "ix_name_claims_name_key_trgm",
            "name_key",
            postgresql_using="gin",
            postgresql_ops={"name_key": "gin_trgm_ops"},
        ),
    )

    name_key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    case_id: Mapped[int] = foreign_key("cases.id", unique=True, index=False)
    expires_at: Mapped[datetime]
