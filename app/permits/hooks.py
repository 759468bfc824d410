"""Functions that other packages pass in at start-up, to act in the transaction of a permit's change."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.permits.models import Permit, PermitLine, PermitState


@dataclass(frozen=True)
class StateChange:
    """``previous`` is None for a permit that was just issued."""

    permit: Permit
    previous: PermitState | None
    state: PermitState
    at: datetime
    reason: str = ""
    reason_code: str = ""


StateCallback = Callable[[Session, StateChange], None]
BalanceCallback = Callable[[Session, PermitLine], None]

_state_callbacks: list[StateCallback] = []
_balance_callbacks: list[BalanceCallback] = []


def on_state_changed(callback: StateCallback) -> StateCallback:
    """Call ``callback(session, change)`` after each change, the issue included. Usable as a decorator."""
    if callback not in _state_callbacks:
        _state_callbacks.append(callback)
    return callback


def on_balance_changed(callback: BalanceCallback) -> BalanceCallback:
    """Call ``callback(session, line)`` after each movement on a line."""
    if callback not in _balance_callbacks:
        _balance_callbacks.append(callback)
    return callback


def state_changed(session: Session, change: StateChange) -> None:
    for callback in _state_callbacks:
        callback(session, change)


def balance_changed(session: Session, line: PermitLine) -> None:
    for callback in _balance_callbacks:
        callback(session, line)
