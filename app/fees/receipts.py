"""Receipts: one for each settled charge, numbered without gaps in a year."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.i18n import format_datetime
from app.core.i18n import gettext as _
from app.fees import counters, phones
from app.fees.models import Charge, Payment, Receipt
from app.jurisdictions import load

SERIES = "RCT"
KIND = "receipt"
TEMPLATE = "fees/receipt.html"


def issue(session: Session, charge: Charge, payment: Payment) -> Receipt:
    """Number the receipt. Call it last in the settlement: the counter stays locked until the transaction ends."""
    year = clock.today(load.current().zone).year
    number = counters.next_number(session, SERIES, year)
    receipt = Receipt(
        charge_id=charge.id,
        payment_id=payment.id,
        year=year,
        number=number,
        reference=counters.reference(SERIES, year, number),
    )
    session.add(receipt)
    session.flush()
    return receipt


def for_charge(session: Session, charge_id: int) -> Receipt | None:
    return session.scalar(select(Receipt).where(Receipt.charge_id == charge_id))


def facts(charge: Charge, payment: Payment, receipt: Receipt, *, payer: str) -> dict[str, Any]:
    """What the PDF says, in the language in force: JSON kept in the record for ever."""
    return {
        "number": receipt.reference,
        "bill": charge.reference,
        "payer": payer,
        "title": charge.title,
        "lines": [
            {
                "code": line.code,
                "name": line.name,
                "amount": str(line.amount),
                "legal_ref": line.legal_ref,
                "illustrative": line.illustrative,
                "revenue_code": line.revenue_code,
            }
            for line in charge.lines
        ],
        "total": str(charge.total),
        "total_minor": charge.total_minor,
        "currency": charge.currency,
        "method": _("Mobile money, number %(number)s", number=phones.masked(payment.msisdn)),
        "provider": payment.provider,
        "provider_reference": str(payment.provider_reference),
        "paid_at": charge.paid_at.isoformat() if charge.paid_at else None,
        "paid_at_text": format_datetime(charge.paid_at) if charge.paid_at else None,
    }
