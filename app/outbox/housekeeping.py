"""Forgetting what everybody has heard."""

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from app.core import clock
from app.jobs import queue
from app.jurisdictions import load, lookup
from app.outbox.models import Delivery, DeliveryState, Event

FORGET = "outbox.forget_delivered"
AT_ONCE = 20_000  # events in one transaction


@queue.task(FORGET, queue="bulk")
def forget_delivered(session: Session) -> None:
    """Delete events past the schedule's period that everyone who was to hear them has heard, with their deliveries.

    One that failed for somebody is kept until it is delivered or its address is removed. The audit log has the change
    itself and does not rest on these rows.
    """
    before = lookup.past(load.current(), "events", clock.now())
    still_wanted = select(Delivery.id).where(
        Delivery.event_id == Event.id,
        or_(
            Delivery.state.in_([DeliveryState.PENDING.value, DeliveryState.FAILED.value]),
            Delivery.delivered_at >= before,
        ),
    )
    old = select(Event.id).where(Event.created_at < before, ~still_wanted.exists()).order_by(Event.id).limit(AT_ONCE)
    forgotten = session.scalars(delete(Event).where(Event.id.in_(old)).returning(Event.id)).all()
    if len(forgotten) == AT_ONCE:
        queue.enqueue(session, FORGET)


queue.periodic("41 2 * * *", FORGET)
