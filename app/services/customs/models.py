"""Declarations as customs counts them: the number of the office and year, the lane, the items with their licences."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.db import Base, BigId, foreign_key


class Declaration(Base):
    """One for each case, from its first submission on. ``value_minor`` is in the national currency."""

    __tablename__ = "declarations"
    __table_args__ = (CheckConstraint("lane IN ('green', 'blue', 'yellow', 'red')", name="lane_known"),)

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id", unique=True)
    business_id: Mapped[int] = foreign_key("businesses.id")
    number: Mapped[str] = mapped_column(unique=True)
    office: Mapped[str]
    procedure_code: Mapped[str]
    destination: Mapped[str]
    lane: Mapped[str]
    lane_rule: Mapped[str]
    value_minor: Mapped[int]
    currency: Mapped[str]
    record_id: Mapped[int | None] = foreign_key("records.id", nullable=True)
    lodged_at: Mapped[datetime]
    released_at: Mapped[datetime | None]
    items: Mapped[list["DeclarationItem"]] = relationship(
        order_by="DeclarationItem.number", cascade="all, delete-orphan", back_populates="declaration"
    )


class DeclarationItem(Base):
    """A goods item (SAD boxes 31–46). ``quantity`` is what it draws from ``permit_line_id``, in that line's unit."""

    __tablename__ = "declaration_items"
    __table_args__ = (
        UniqueConstraint("declaration_id", "number"),
        CheckConstraint("net_mass <= gross_mass", name="net_within_gross"),
        CheckConstraint("(permit_line_id IS NULL) = (quantity IS NULL)", name="draws_a_quantity"),
    )

    id: Mapped[BigId]
    declaration_id: Mapped[int] = foreign_key("declarations.id", ondelete="CASCADE")
    number: Mapped[int]
    hs: Mapped[str]
    description: Mapped[str]
    packages: Mapped[int]
    package_kind: Mapped[str]
    gross_mass: Mapped[Decimal] = mapped_column(Numeric(18, 3))
    net_mass: Mapped[Decimal] = mapped_column(Numeric(18, 3))
    value_minor: Mapped[int]
    currency: Mapped[str]
    permit_line_id: Mapped[int | None] = foreign_key("permit_lines.id", nullable=True)
    quantity: Mapped[Decimal | None] = mapped_column(Numeric(18, 3))
    declaration: Mapped[Declaration] = relationship(back_populates="items")
