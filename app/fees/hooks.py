"""What others want to do when a bill is paid or an attempt fails, inside the same transaction."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from app.fees.models import Charge, Payment, Receipt

C = TypeVar("C")
Settled = Callable[[Session, Charge], None]
Issued = Callable[[Session, Charge, Payment, Receipt], None]
Ended = Callable[[Session, Charge, Payment], None]
Renewed = Callable[[Session, Charge, Charge], None]

_settled: list[Settled] = []
_issued: list[Issued] = []
_unpaid: list[Ended] = []
_surplus: list[Ended] = []
_started: list[Ended] = []
_locking: list[Settled] = []
_renewed: list[Renewed] = []


def on_settled(callback: Settled) -> Settled:
    """Called once for each charge, when it is paid."""
    _add(_settled, callback)
    return callback


def on_receipt(callback: Issued) -> Issued:
    """Called with the payment and the receipt, before ``on_settled``."""
    _add(_issued, callback)
    return callback


def on_started(callback: Ended) -> Ended:
    """Called when a person starts an attempt."""
    _add(_started, callback)
    return callback


def on_unpaid(callback: Ended) -> Ended:
    """Called when an attempt failed or got no answer in time."""
    _add(_unpaid, callback)
    return callback


def on_surplus(callback: Ended) -> Ended:
    """Called when money came in that settles nothing."""
    _add(_surplus, callback)
    return callback


def before_locking(callback: Settled) -> Settled:
    """Called before a charge is locked to settle it: whoever locks something else together with a charge (its case)
    locks that here first, so that two transactions never take the two in opposite order."""
    _add(_locking, callback)
    return callback


def on_renewed(callback: Renewed) -> Renewed:
    """Called with a bill that ran out and the one that takes its place."""
    _add(_renewed, callback)
    return callback


def _add(callbacks: list[C], callback: C) -> None:
    if callback not in callbacks:
        callbacks.append(callback)


def locking(session: Session, charge: Charge) -> None:
    for callback in tuple(_locking):
        callback(session, charge)


def settled(session: Session, charge: Charge, payment: Payment, receipt: Receipt) -> None:
    for issued in tuple(_issued):
        issued(session, charge, payment, receipt)
    for callback in tuple(_settled):
        callback(session, charge)


def started(session: Session, charge: Charge, payment: Payment) -> None:
    for callback in tuple(_started):
        callback(session, charge, payment)


def unpaid(session: Session, charge: Charge, payment: Payment) -> None:
    for callback in tuple(_unpaid):
        callback(session, charge, payment)


def renewed(session: Session, before: Charge, after: Charge) -> None:
    for callback in tuple(_renewed):
        callback(session, before, after)


def surplus(session: Session, charge: Charge, payment: Payment) -> None:
    for callback in tuple(_surplus):
        callback(session, charge, payment)
