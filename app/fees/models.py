"""Charges and what becomes of them: payment attempts, the double-entry ledger, receipts, gap-free counters."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core import clock
from app.core.db import Base, BigId, foreign_key
from app.core.i18n import pick
from app.core.money import Money


class ChargeState(StrEnum):
    DUE = "due"
    PAID = "paid"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"  # paid for something that could not be done: owed back to the payer


class PaymentState(StrEnum):
    """``expired``: no answer in time, or not received in time. The provider may still say otherwise, so it is the one
    end that can change."""

    PENDING = "pending"
    SUCCESSFUL = "successful"
    FAILED = "failed"
    EXPIRED = "expired"


class Destination(StrEnum):
    """Where the money of a successful payment went in the ledger."""

    CHARGE = "charge"  # it settled the charge
    REFUNDS_PAYABLE = "refunds_payable"  # the charge was already paid or cancelled: owed back to the payer
    SUSPENSE = "suspense"  # the provider reports another amount or currency than was asked


class Charge(Base):
    """A bill: what is owed, by whom, for what, until when. Paid exactly once."""

    __tablename__ = "charges"
    __table_args__ = (
        CheckConstraint("total_minor > 0", name="total"),
        CheckConstraint("state IN ('due', 'paid', 'cancelled', 'refunded')", name="state"),
        CheckConstraint("(paid_at IS NOT NULL) = (state IN ('paid', 'refunded'))", name="paid_at"),
        UniqueConstraint("reference"),
        # one open bill a case
        Index("uq_charges_case_id_due", "case_id", unique=True, postgresql_where=text("state = 'due'")),
    )

    id: Mapped[BigId]
    reference: Mapped[str]
    case_id: Mapped[int | None] = foreign_key("cases.id", use_alter=True)
    business_id: Mapped[int | None] = foreign_key("businesses.id", use_alter=True)
    payer_id: Mapped[int] = foreign_key("users.id")
    title: Mapped[str]
    currency: Mapped[str]
    total_minor: Mapped[int]
    state: Mapped[str] = mapped_column(default=ChargeState.DUE.value)
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    paid_at: Mapped[datetime | None]

    lines: Mapped[list["ChargeLine"]] = relationship(order_by="ChargeLine.position", lazy="selectin")

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def settled(self) -> bool:
        return self.state == ChargeState.PAID

    @property
    def expired(self) -> bool:
        """A bill past its day; an attempt started before may still settle it."""
        return self.state == ChargeState.DUE and self.expires_at <= clock.now()


class ChargeLine(Base):
    """One line of the tariff as it was applied: name, amount, legal basis and revenue code are copies."""

    __tablename__ = "charge_lines"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        UniqueConstraint("charge_id", "position"),
    )

    id: Mapped[BigId]
    charge_id: Mapped[int] = foreign_key("charges.id", index=False)
    position: Mapped[int]
    code: Mapped[str]
    names: Mapped[dict[str, Any]]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    legal_ref: Mapped[str]
    revenue_code: Mapped[str]

    @property
    def name(self) -> str:
        return pick(self.names)

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def illustrative(self) -> bool:
        return self.legal_ref.lower() == "illustrative"


class Payment(Base):
    """One attempt to collect a charge. ``checks`` counts enquiries and is what a scheduled enquiry claims."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'successful', 'failed', 'expired')", name="state"),
        CheckConstraint("(destination IS NOT NULL) = (state = 'successful')", name="destination"),
        CheckConstraint("destination IN ('charge', 'refunds_payable', 'suspense')", name="destination_known"),
        CheckConstraint("amount_minor > 0", name="amount"),
        UniqueConstraint("provider_reference"),
        # a double click makes one attempt; a charge is settled by one payment
        Index("uq_payments_charge_id_pending", "charge_id", unique=True, postgresql_where=text("state = 'pending'")),
        Index(
            "uq_payments_charge_id_settling",
            "charge_id",
            unique=True,
            postgresql_where=text("destination = 'charge'"),
        ),
        Index("ix_payments_next_check_at", "next_check_at", postgresql_where=text("next_check_at IS NOT NULL")),
        Index("ix_payments_exceptions", "id", postgresql_where=text("destination IN ('refunds_payable', 'suspense')")),
    )

    id: Mapped[BigId]
    charge_id: Mapped[int] = foreign_key("charges.id")
    provider: Mapped[str]
    provider_reference: Mapped[uuid.UUID] = mapped_column(default=uuid.uuid4)
    msisdn: Mapped[str]  # E.164 with the plus; shown only through ``phones.masked``
    amount_minor: Mapped[int]
    currency: Mapped[str]
    state: Mapped[str] = mapped_column(default=PaymentState.PENDING.value)
    destination: Mapped[str | None]
    reason: Mapped[str] = mapped_column(default="")
    reported: Mapped[str] = mapped_column(default="")  # amount and currency as the provider stated them
    started_by: Mapped[int | None] = foreign_key("users.id")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    requested_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    checks: Mapped[int] = mapped_column(default=0)
    next_check_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    charge: Mapped[Charge] = relationship()

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def pending(self) -> bool:
        return self.state == PaymentState.PENDING


class Receipt(Base):
    """The paper for one settled charge; numbers have no gaps in a year."""

    __tablename__ = "receipts"
    __table_args__ = (
        UniqueConstraint("charge_id"),
        UniqueConstraint("payment_id"),
        UniqueConstraint("year", "number"),
        UniqueConstraint("reference"),
    )

    id: Mapped[BigId]
    charge_id: Mapped[int] = foreign_key("charges.id", index=False)
    payment_id: Mapped[int] = foreign_key("payments.id", index=False)
    year: Mapped[int]
    number: Mapped[int]
    reference: Mapped[str]
    issued_at: Mapped[datetime] = mapped_column(default=clock.now)
    record_code: Mapped[str | None]  # public code of the issued PDF


class Account(Base):
    """A ledger account. Codes: ``receivable``, ``clearing:<provider>``, ``revenue:<GFSM code>``,
    ``refunds_payable``, ``suspense``."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        CheckConstraint("kind IN ('asset', 'liability', 'revenue')", name="kind"),
        UniqueConstraint("code"),
    )

    id: Mapped[BigId]
    code: Mapped[str]
    kind: Mapped[str]


class LedgerEntry(Base):
    """A balanced posting in one currency. Triggers refuse change, imbalance, and lines added later."""

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("kind IN ('assessment', 'settlement', 'surplus', 'suspense', 'cancellation')", name="kind"),
        CheckConstraint("line_count >= 2", name="line_count"),
        UniqueConstraint("payment_id"),
        Index(
            "uq_ledger_entries_charge_id_kind",
            "charge_id",
            "kind",
            unique=True,
            postgresql_where=text("kind IN ('assessment', 'settlement', 'cancellation')"),
        ),
    )

    id: Mapped[BigId]
    kind: Mapped[str]
    charge_id: Mapped[int] = foreign_key("charges.id")
    payment_id: Mapped[int | None] = foreign_key("payments.id", index=False)
    currency: Mapped[str]
    line_count: Mapped[int]
    posted_at: Mapped[datetime] = mapped_column(server_default=func.now())


class LedgerLine(Base):
    """Positive: debit; negative: credit; minor units of the entry's currency."""

    __tablename__ = "ledger_lines"
    __table_args__ = (CheckConstraint("amount_minor <> 0", name="amount"),)

    id: Mapped[BigId]
    entry_id: Mapped[int] = foreign_key("ledger_entries.id")
    account_id: Mapped[int] = foreign_key("ledger_accounts.id")
    amount_minor: Mapped[int]


class Counter(Base):
    """Last number given out in a series and year; the row's lock is held until the transaction ends."""

    __tablename__ = "fee_counters"

    series: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]
