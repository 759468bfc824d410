"""The double-entry ledger: who owes, what came in, and whose it is.

An entry's lines add up to zero in one currency; the database refuses anything else, and any later change
(migration 0005). Debits are positive. A bill is revenue when it is assessed; the payer's debt is the counterpart.
"""

from collections.abc import Mapping

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core.money import Money
from app.fees.models import Account, Charge, LedgerEntry, LedgerLine, Payment

RECEIVABLE = "receivable"
REFUNDS_PAYABLE = "refunds_payable"
SUSPENSE = "suspense"


def clearing(provider: str) -> str:
    """Money a payment provider holds for the treasury."""
    return f"clearing:{provider}"


def revenue(code: str) -> str:
    """By GFSM 2014 code."""
    return f"revenue:{code}"


def _kind(code: str) -> str:
    if code == RECEIVABLE or code.startswith("clearing:"):
        return "asset"
    return "revenue" if code.startswith("revenue:") else "liability"


def post(
    session: Session,
    kind: str,
    charge: Charge,
    amounts: Mapping[str, int],
    *,
    currency: str,
    payment: Payment | None = None,
) -> LedgerEntry:
    """Add one entry; ``amounts`` are minor units by account code. Raises ValueError when they do not balance."""
    lines = {code: amount for code, amount in amounts.items() if amount}
    if sum(lines.values()) != 0 or len(lines) < 2:
        raise ValueError(f"a ledger entry must balance: {dict(amounts)}")
    accounts = _accounts(session, lines)
    entry = LedgerEntry(
        kind=kind,
        charge_id=charge.id,
        payment_id=payment.id if payment is not None else None,
        currency=currency,
        line_count=len(lines),
    )
    session.add(entry)
    session.flush()
    session.add_all(
        LedgerLine(entry_id=entry.id, account_id=accounts[code], amount_minor=amount) for code, amount in lines.items()
    )
    session.flush()
    return entry


def _accounts(session: Session, codes: Mapping[str, int]) -> dict[str, int]:
    """Ids by code. Accounts open themselves: a new revenue code is a change to a pack and nothing else."""
    wanted = sorted(codes)  # one order for everyone, so that two writers never wait for each other in a circle
    found = select(Account.code, Account.id).where(Account.code.in_(wanted))
    ids = {row.code: row.id for row in session.execute(found)}
    missing = [{"code": code, "kind": _kind(code)} for code in wanted if code not in ids]
    if missing:
        session.execute(insert(Account).values(missing).on_conflict_do_nothing(index_elements=[Account.code]))
        ids = {row.code: row.id for row in session.execute(found)}
    return ids


def assessed(session: Session, charge: Charge) -> None:
    """The payer owes the charge; each line is revenue of its code."""
    amounts = {RECEIVABLE: charge.total_minor, **_by_revenue(charge)}
    post(session, "assessment", charge, amounts, currency=charge.currency)


def cancelled(session: Session, charge: Charge) -> None:
    """The reversal of the assessment."""
    back = {code: -amount for code, amount in _by_revenue(charge).items()}
    post(session, "cancellation", charge, {RECEIVABLE: -charge.total_minor, **back}, currency=charge.currency)


def settled(session: Session, charge: Charge, payment: Payment) -> None:
    """The provider holds the money; the payer owes nothing more."""
    _received(session, "settlement", charge, payment, RECEIVABLE)


def surplus(session: Session, charge: Charge, payment: Payment) -> None:
    """Money for a charge that was already settled or cancelled: owed back to the payer."""
    _received(session, "surplus", charge, payment, REFUNDS_PAYABLE)


def owed_back(session: Session, charge: Charge) -> None:
    """A paid charge whose assessment was reversed: what the payer is ahead is owed back."""
    amounts = {RECEIVABLE: charge.total_minor, REFUNDS_PAYABLE: -charge.total_minor}
    post(session, "surplus", charge, amounts, currency=charge.currency)


def unclear(session: Session, charge: Charge, payment: Payment) -> None:
    """The provider reports something else than was asked: held until a person has cleared it."""
    _received(session, "suspense", charge, payment, SUSPENSE)


def _received(session: Session, kind: str, charge: Charge, payment: Payment, counterpart: str) -> None:
    amounts = {clearing(payment.provider): payment.amount_minor, counterpart: -payment.amount_minor}
    post(session, kind, charge, amounts, currency=payment.currency, payment=payment)


def _by_revenue(charge: Charge) -> dict[str, int]:
    amounts: dict[str, int] = {}
    for line in charge.lines:
        code = revenue(line.revenue_code)
        amounts[code] = amounts.get(code, 0) - line.amount_minor
    return amounts


def balance(session: Session, code: str, currency: str) -> Money:
    """What stands on an account; a credit balance is negative."""
    found = session.scalar(
        select(func.coalesce(func.sum(LedgerLine.amount_minor), 0))
        .join(LedgerEntry, LedgerEntry.id == LedgerLine.entry_id)
        .join(Account, Account.id == LedgerLine.account_id)
        .where(Account.code == code, LedgerEntry.currency == currency)
    )
    return Money(int(found or 0), currency)
