"""Bills: assessing what is owed by the tariff, finding it again, cancelling and renewing it."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.fees import counters, hooks, ledger, tariff
from app.fees.models import Charge, ChargeLine, ChargeState, Destination, Payment, PaymentState
from app.identity.actor import Actor
from app.identity.policy import Permission, Subject, allows
from app.jurisdictions import load, lookup
from app.jurisdictions.model import FeeRule, Pack

SERIES = "BILL"


def assess(
    session: Session,
    *,
    pack: Pack,
    rules: tuple[FeeRule, ...],
    base: Money | None,
    title: str,
    case_id: int | None,
    business_id: int | None,
    payer_id: int,
) -> Charge | None:
    """Bill ``payer_id`` by ``rules``; None when there is nothing to pay.

    ``base`` is the declared value percentages are taken of; it is converted at the pack's rate of the day. A case
    has one bill: assessing it again gives the same one while the lines are the same, replaces an unpaid one when they
    differ, and leaves a paid one alone (the fee is that of the first submission). Raises Invalid without a rate.
    """
    lines = _lines(pack, rules, base)
    existing = for_case(session, case_id) if case_id is not None else None
    if existing is not None:
        if existing.settled or (not existing.expired and _same(existing, lines)):
            return existing
        cancel(session, existing)
    owed = tariff.total(lines)
    if owed is None:
        return None
    charge = Charge(
        case_id=case_id,
        business_id=business_id,
        payer_id=payer_id,
        title=str(title),
        currency=owed.currency,
        total_minor=owed.minor,
        lines=[
            ChargeLine(
                position=position,
                code=line.code,
                names=line.names,
                amount_minor=line.amount.minor,
                currency=line.amount.currency,
                legal_ref=line.legal_ref,
                revenue_code=line.revenue_code,
            )
            for position, line in enumerate(lines, start=1)
        ],
    )
    return _issue(session, charge, pack)


def total(pack: Pack, rules: tuple[FeeRule, ...], base: Money | None) -> Money | None:
    """What ``assess`` would bill today, without doing it; None when there is nothing to pay."""
    return tariff.total(_lines(pack, rules, base))


def _lines(pack: Pack, rules: tuple[FeeRule, ...], base: Money | None) -> tuple[tariff.TariffLine, ...]:
    if base is not None and rules and base.currency != rules[0].currency:
        rate = lookup.rate(pack, base.currency, clock.today(pack.zone))
        base = tariff.convert(base, rate, rules[0].currency)
    return tariff.apply(rules, base)


def _same(charge: Charge, lines: Iterable[tariff.TariffLine]) -> bool:
    return [(line.code, line.amount) for line in charge.lines] == [(line.code, line.amount) for line in lines]


def _issue(session: Session, charge: Charge, pack: Pack) -> Charge:
    now = clock.now()
    today = clock.today(pack.zone)
    charge.reference = counters.reference(SERIES, today.year, counters.next_number(session, SERIES, today.year))
    charge.created_at = now
    charge.expires_at = datetime.combine(today + timedelta(days=pack.bills.days_to_pay), time(23, 59), pack.zone)
    session.add(charge)
    session.flush()
    ledger.assessed(session, charge)
    return charge


def for_case(session: Session, case_id: int) -> Charge | None:
    """The bill of a case: the newest that was not cancelled."""
    return session.scalar(
        select(Charge)
        .where(Charge.case_id == case_id, Charge.state != ChargeState.CANCELLED.value)
        .order_by(Charge.id.desc())
        .limit(1)
    )


def get(session: Session, charge_id: int) -> Charge:
    """Raises NotFound."""
    found = session.get(Charge, charge_id)
    if found is None:
        raise NotFound
    return found


def load_for(session: Session, actor: Actor, reference: str) -> Charge:
    """The bill with this number, if ``actor`` may pay it; NotFound otherwise, as for one that does not exist."""
    found = session.scalar(select(Charge).where(Charge.reference == reference.strip().upper()))
    if found is None or not may_pay(actor, found):
        raise NotFound
    return found


def may_pay(actor: Actor, charge: Charge) -> bool:
    return allows(actor, Permission.PAY, Subject(applicant_id=charge.payer_id, business_id=charge.business_id))


def for_payer(session: Session, actor: Actor, *, before: int | None = None, limit: int = 25) -> Sequence[Charge]:
    """The bills ``actor`` may pay or has paid, newest first; ``before`` is the id of the last one seen."""
    own = Charge.business_id.is_(None) & (Charge.payer_id == actor.user_id)
    statement = select(Charge).where(own | Charge.business_id.in_(list(actor.memberships)))
    if before is not None:
        statement = statement.where(Charge.id < before)
    return session.scalars(statement.order_by(Charge.id.desc()).limit(limit)).all()


def lock(session: Session, charge_id: int) -> Charge:
    """The charge as it is now, held until the transaction ends. Everything that changes one starts here."""
    statement = select(Charge).where(Charge.id == charge_id).with_for_update()
    return session.execute(statement, execution_options={"populate_existing": True}).scalar_one()


def lock_with_case(session: Session, charge: Charge) -> Charge:
    """As ``lock``, for who does not hold the charge's case yet: that is locked first, as the case engine does."""
    hooks.locking(session, charge)
    return lock(session, charge.id)


def cancel(session: Session, charge: Charge) -> None:
    """Take an unpaid bill back (a withdrawn case, a changed tariff); nothing happens to any other.

    An attempt that is on its way may still succeed: its money is then owed back to the payer.
    """
    current = lock(session, charge.id)
    if current.state != ChargeState.DUE:
        return
    current.state = ChargeState.CANCELLED.value
    session.flush()
    ledger.cancelled(session, current)


def owe_back(session: Session, charge: Charge) -> bool:
    """What was paid for cannot be done: the money is owed to the payer, and stands with what a person must clear.

    False when nothing was paid.
    """
    current = lock(session, charge.id)
    if current.state != ChargeState.PAID:
        return False
    settling = (Payment.charge_id == current.id) & (Payment.destination == Destination.CHARGE.value)
    payment = session.scalars(select(Payment).where(settling).with_for_update()).one()
    payment.destination = Destination.REFUNDS_PAYABLE.value
    current.state = ChargeState.REFUNDED.value
    session.flush()
    ledger.cancelled(session, current)
    ledger.owed_back(session, current)
    return True


def renew(session: Session, charge: Charge) -> Charge:
    """A new bill with the same lines in place of one whose days have run out; asked again, the same new one.

    Raises Invalid for a bill that is still open or was settled, and while an attempt to pay it is on its way.
    """
    current = lock_with_case(session, charge)
    renewed = successor(session, current)
    if renewed is not None:
        return renewed
    if not current.expired:
        raise Invalid(Problem(_l("This bill does not need to be renewed."), None, "not_expired"))
    under_way = select(Payment.id).where(Payment.charge_id == current.id, Payment.state == PaymentState.PENDING.value)
    if session.scalar(under_way) is not None:
        raise Invalid(
            Problem(_l("A payment of this bill is on its way. Wait a few minutes, then look again."), None, "under_way")
        )
    cancel(session, current)
    renewed = Charge(
        case_id=current.case_id,
        business_id=current.business_id,
        payer_id=current.payer_id,
        title=current.title,
        currency=current.currency,
        total_minor=current.total_minor,
        lines=[
            ChargeLine(
                position=line.position,
                code=line.code,
                names=line.names,
                amount_minor=line.amount_minor,
                currency=line.currency,
                legal_ref=line.legal_ref,
                revenue_code=line.revenue_code,
            )
            for line in current.lines
        ],
    )
    _issue(session, renewed, load.current())
    hooks.renewed(session, current, renewed)
    return renewed


def successor(session: Session, charge: Charge) -> Charge | None:
    """The bill that took the place of a cancelled one of a case, if any."""
    if charge.case_id is None or charge.state != ChargeState.CANCELLED:
        return None
    standing = for_case(session, charge.case_id)
    return standing if standing is not None and standing.id > charge.id else None
