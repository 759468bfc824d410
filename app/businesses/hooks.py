"""Functions that other packages pass in at start-up, to act in the transaction of a change in the register."""

from collections.abc import Callable

from sqlalchemy.orm import Session

from app.businesses.models import Business, BusinessState

Callback = Callable[[Session, Business, BusinessState], None]

_callbacks: list[Callback] = []


def on_state_changed(callback: Callback) -> Callback:
    """Call ``callback(session, business, previous_state)`` after each change of state. Usable as a decorator."""
    if callback not in _callbacks:
        _callbacks.append(callback)
    return callback


def state_changed(session: Session, business: Business, previous: BusinessState) -> None:
    for callback in _callbacks:
        callback(session, business, previous)
