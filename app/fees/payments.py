"""Payment attempts: starting one, learning how it ended, and settling the charge exactly once.

An attempt is asked for by a job and enquired after by jobs, so no request of a person waits for the provider. A
scheduled enquiry carries the count of enquiries it knew of; when another came before it, it does nothing, so
callbacks and impatient clicks never multiply the chain.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from app.core import clock
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.fees import charges, hooks, ledger, phones, providers, reasons, receipts
from app.fees.models import Charge, ChargeState, Destination, Payment, PaymentState
from app.fees.providers import Outcome, Status
from app.identity.actor import Actor
from app.jobs import queue
from app.jurisdictions import load

log = logging.getLogger(__name__)

REQUEST = "fees.request_payment"
CHECK = "fees.check_payment"
SWEPT = 200  # lost enquiries taken up at a time
PAYER_HAS = timedelta(minutes=5)  # to approve on the phone; MTN's own limit is about the same
UNHEARD = timedelta(minutes=2)  # for so long a request is sent again; then one nobody knows never reached the provider
_WAITS = (2, 2, 3, 5, 5, 10, 15, 20)  # seconds before each enquiry, the last one repeated
# An attempt without an answer may have succeeded all the same; it is asked about for a day.
_LATE = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


def start(session: Session, charge: Charge, msisdn: str, actor: Actor) -> Payment:
    """Begin to collect ``charge`` from a mobile-money number; while an attempt is on its way, that one is returned.

    Raises Invalid when the number is not one of the provider's or the bill is not open.
    """
    number = phones.normal(msisdn, load.current())
    current = charges.lock_with_case(session, charge)
    under_way = pending(session, current)
    if under_way is not None:
        return under_way
    _check_open(current)
    payment = Payment(
        charge_id=current.id,
        provider=providers.current().code,
        msisdn=number,
        amount_minor=current.total_minor,
        currency=current.currency,
        started_by=actor.user_id,
        next_check_at=clock.now() + timedelta(seconds=_WAITS[0]),
    )
    try:
        with session.begin_nested():
            session.add(payment)
            session.flush()
    except IntegrityError:  # the lock makes this a second line of defence
        under_way = pending(session, current)
        if under_way is None:
            raise
        return under_way
    queue.enqueue(session, REQUEST, lock=_lock(payment.id), payment_id=payment.id)
    hooks.started(session, current, payment)
    return payment


def _check_open(charge: Charge) -> None:
    if charge.state == ChargeState.PAID:
        raise Invalid(Problem(_l("This bill is already paid."), None, "paid"))
    if charge.state != ChargeState.DUE:
        raise Invalid(Problem(_l("This bill was cancelled. There is nothing to pay."), None, "cancelled"))
    if charge.expired:
        raise Invalid(Problem(_l("This bill has run out. Ask for a new one, then pay."), None, "expired"))


def _lock(payment_id: int) -> str:
    return f"payment:{payment_id}"


def pending(session: Session, charge: Charge) -> Payment | None:
    """The attempt that is on its way, if any."""
    return session.scalar(
        select(Payment).where(Payment.charge_id == charge.id, Payment.state == PaymentState.PENDING.value)
    )


def may_send(payment: Payment) -> bool:
    """Whether the request may (still) go out: not once the payer was told to start again, nor for a bill that was
    taken back meanwhile. A worker may come to it late."""
    in_time = clock.now() - payment.created_at <= UNHEARD
    return payment.pending and in_time and payment.charge.state == ChargeState.DUE


def latest(session: Session, charge: Charge) -> Payment | None:
    return session.scalar(select(Payment).where(Payment.charge_id == charge.id).order_by(Payment.id.desc()).limit(1))


def settling(session: Session, charge: Charge) -> Payment | None:
    """The payment that settled the charge."""
    return session.scalar(
        select(Payment).where(Payment.charge_id == charge.id, Payment.destination == Destination.CHARGE.value)
    )


def exceptions(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Payment]:
    """Money that settles nothing (a second success, another amount), newest first: for a person to clear."""
    statement = select(Payment).where(
        Payment.destination.in_([Destination.REFUNDS_PAYABLE.value, Destination.SUSPENSE.value])
    )
    if before is not None:
        statement = statement.where(Payment.id < before)
    return session.scalars(statement.options(joinedload(Payment.charge)).order_by(Payment.id.desc()).limit(limit)).all()


def ask_now(session: Session, payment: Payment) -> None:
    """Have the provider asked at once: the "Check now" button, or a callback. Nothing for an attempt that has ended."""
    if payment.state in (PaymentState.PENDING, PaymentState.EXPIRED):
        queue.enqueue(session, CHECK, lock=_lock(payment.id), payment_id=payment.id, number=payment.checks)


def heard(session: Session, reference: UUID) -> None:
    """Somebody, perhaps the provider, mentions ``reference``: ask. What was said is not looked at."""
    payment = session.scalar(select(Payment).where(Payment.provider_reference == reference))
    if payment is not None:
        ask_now(session, payment)


def overdue(session: Session) -> Sequence[Payment]:
    """Attempts whose enquiry should have happened a minute ago: a worker died on the way. The longest overdue first."""
    late = clock.now() - timedelta(minutes=1)
    statement = select(Payment).where(Payment.next_check_at < late).order_by(Payment.next_check_at)
    return session.scalars(statement.limit(SWEPT)).all()


# --- how it ended ---------------------------------------------------------------------------------------------------


def learn(session: Session, payment_id: int, status: Status | None) -> Payment:
    """Take in what the provider says about an attempt (None: it could not be asked). Saying it again changes nothing.

    A request the provider once knew is never called unheard of, whatever it says later: money may have moved.
    """
    found = session.scalar(select(Charge).join(Payment).where(Payment.id == payment_id))
    if found is None:
        raise NotFound
    charge = charges.lock_with_case(session, found)
    payment = _locked(session, payment_id)
    payment.checks += 1
    payment.checked_at = clock.now()
    if payment.state in (PaymentState.SUCCESSFUL, PaymentState.FAILED):
        return payment
    outcome = status.outcome if status is not None else None
    if outcome not in (None, Outcome.UNKNOWN) and payment.requested_at is None:
        payment.requested_at = payment.checked_at
    if status is not None and outcome is Outcome.SUCCESSFUL:
        _succeed(session, charge, payment, status)
    elif status is not None and outcome is Outcome.FAILED:
        _fail(session, charge, payment, status.reason or "FAILED")
    else:
        _keep_waiting(session, charge, payment, unheard=outcome is Outcome.UNKNOWN and payment.requested_at is None)
    session.flush()
    return payment


def unanswered(session: Session, payment_id: int) -> Payment:
    """The provider could not be asked."""
    return learn(session, payment_id, None)


def refuse(session: Session, payment_id: int, reason: str) -> Payment:
    """The provider would not even begin."""
    return learn(session, payment_id, Status(Outcome.FAILED, reason))


def _locked(session: Session, payment_id: int) -> Payment:
    statement = select(Payment).where(Payment.id == payment_id).with_for_update()
    return session.execute(statement, execution_options={"populate_existing": True}).scalar_one()


def _succeed(session: Session, charge: Charge, payment: Payment, status: Status) -> None:
    payment.state = PaymentState.SUCCESSFUL.value
    payment.reported = status.reported
    payment.reason = ""
    payment.next_check_at = None
    payment.finished_at = clock.now()
    if not status.matches:
        payment.destination = Destination.SUSPENSE.value
    elif charge.state != ChargeState.DUE:
        payment.destination = Destination.REFUNDS_PAYABLE.value
    else:
        payment.destination = Destination.CHARGE.value
        charge.state = ChargeState.PAID.value
        charge.paid_at = clock.now()
    session.flush()
    if payment.destination == Destination.SUSPENSE:
        ledger.unclear(session, charge, payment)
        hooks.surplus(session, charge, payment)
    elif payment.destination == Destination.REFUNDS_PAYABLE:
        ledger.surplus(session, charge, payment)
        hooks.surplus(session, charge, payment)
    else:
        ledger.settled(session, charge, payment)
        receipt = receipts.issue(session, charge, payment)
        hooks.settled(session, charge, payment, receipt)


def _fail(session: Session, charge: Charge, payment: Payment, reason: str) -> None:
    first = payment.state == PaymentState.PENDING
    payment.state = PaymentState.FAILED.value
    payment.reason = reason
    payment.next_check_at = None
    payment.finished_at = clock.now()
    session.flush()
    if first:
        hooks.unpaid(session, charge, payment)


def _keep_waiting(session: Session, charge: Charge, payment: Payment, *, unheard: bool) -> None:
    """``unheard``: the provider says it does not know the attempt, and never did."""
    now = clock.now()
    age = now - payment.created_at
    over = age >= PAYER_HAS or (unheard and age > UNHEARD)
    ends = payment.pending and over
    if payment.pending and not over:
        wait = timedelta(seconds=_WAITS[min(payment.checks, len(_WAITS) - 1)])
        payment.next_check_at = min(now + wait, payment.created_at + PAYER_HAS)
    else:
        later = [moment for moment in _LATE if moment > age]
        payment.next_check_at = payment.created_at + later[0] if later else None
    if ends:
        payment.state = PaymentState.EXPIRED.value
        payment.finished_at = now
    if over and unheard:
        payment.reason = reasons.NOT_RECEIVED
    elif over and (payment.requested_at is not None or not payment.reason):
        payment.reason = reasons.NO_ANSWER
    if payment.next_check_at is None and not unheard:
        log.error("how a payment ended was never learned; ask the provider", extra={"payment": payment.id})
    session.flush()
    _schedule(session, payment)
    if ends:
        hooks.unpaid(session, charge, payment)


def _schedule(session: Session, payment: Payment) -> None:
    if payment.next_check_at is not None:
        queue.enqueue(session, CHECK, at=payment.next_check_at, payment_id=payment.id, number=payment.checks)


def requested(session: Session, payment_id: int) -> None:
    """The provider has the request: ask how it goes in a moment."""
    now = clock.now()
    next_check = now + timedelta(seconds=_WAITS[0])
    session.execute(
        update(Payment)
        .where(Payment.id == payment_id, Payment.state == PaymentState.PENDING.value)
        .values(requested_at=now, next_check_at=next_check)
    )
    payment = session.get(Payment, payment_id, populate_existing=True)
    if payment is not None and payment.pending:
        _schedule(session, payment)
