"""The jobs of payments: asking a provider to collect, and asking how it went.

The read before a call to the provider is ended first, so that no transaction waits for somebody else's network. Both
are safe to repeat: the provider knows our reference, and ``payments.learn`` changes an ended attempt no more.
"""

import logging

from sqlalchemy.orm import Session

from app.fees import payments, providers
from app.fees.models import Payment, PaymentState
from app.fees.providers import Outcome, Refused, Status, Unavailable
from app.jobs import queue

SWEEP = "fees.sweep_payments"
log = logging.getLogger(__name__)


@queue.task(payments.REQUEST, queue="payments")
def request_payment(session: Session, payment_id: int) -> None:
    payment = session.get(Payment, payment_id)
    if payment is None or not payment.pending:
        return
    if not payments.may_send(payment):
        check_payment(session, payment_id, payment.checks)  # it may have been sent before all the same
        return
    try:
        _collect(session, payment)
    except Refused as refusal:
        payments.refuse(session, payment.id, refusal.reason)
    except Unavailable:
        # It may have arrived all the same: the enquiry will tell, and send it once more if it did not.
        payments.unanswered(session, payment.id)
    else:
        payments.requested(session, payment.id)


@queue.task(payments.CHECK, queue="payments")
def check_payment(session: Session, payment_id: int, number: int) -> None:
    payment = session.get(Payment, payment_id)
    if payment is None or payment.checks != number:
        return
    if payment.state not in (PaymentState.PENDING, PaymentState.EXPIRED):
        return
    try:
        _release(session)
        status = providers.current().status(payment.provider_reference, payment.amount)
        if status.outcome is Outcome.UNKNOWN and payments.may_send(payment):
            _collect(session, payment)  # the same reference: at most one debit
            status = Status(Outcome.PENDING)
    except Refused as refusal:
        payments.refuse(session, payment.id, refusal.reason)
    except Unavailable:
        payments.unanswered(session, payment.id)
    else:
        payments.learn(session, payment.id, status)


def _collect(session: Session, payment: Payment) -> None:
    charge = payment.charge
    _release(session)
    providers.current().collect(
        payment.provider_reference, payment.amount, payment.msisdn, bill=charge.reference, note=charge.title
    )


def _release(session: Session) -> None:
    """End the read. Inside a savepoint (jobs run inline) it stays open."""
    if not session.in_nested_transaction():
        session.commit()


@queue.task(SWEEP)
def sweep_payments(session: Session) -> None:
    """Ask about attempts whose enquiry was lost with a worker."""
    for payment in payments.overdue(session):
        log.warning("a payment enquiry was lost; asking again", extra={"payment": payment.id})
        payments.ask_now(session, payment)


queue.periodic("* * * * *", SWEEP)
