"""What became of the deliveries, for someone who can act, and starting a failed one again."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from app.core import clock
from app.core.errors import NotFound
from app.jobs import queue
from app.outbox.models import Delivery, DeliveryState, Endpoint
from app.outbox.tasks import DELIVER


def failed(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Delivery]:
    """Deliveries given up for good, newest first, with event, endpoint and client; ``before`` is the last id seen."""
    statement = select(Delivery).where(Delivery.state == DeliveryState.FAILED)
    if before is not None:
        statement = statement.where(Delivery.id < before)
    return session.scalars(
        statement.options(joinedload(Delivery.event), joinedload(Delivery.endpoint).joinedload(Endpoint.client))
        .order_by(Delivery.id.desc())
        .limit(limit)
    ).all()


def count_by_state(session: Session) -> dict[str, int]:
    """How many deliveries are in each state, for the administrator's page and the metrics."""
    counts = {state.value: 0 for state in DeliveryState}
    for state, count in session.execute(select(Delivery.state, func.count()).group_by(Delivery.state)):
        counts[state] = count
    return counts


def retry(session: Session, delivery_id: int) -> Delivery:
    """Start a failed delivery again from the first attempt. Raises NotFound unless it has failed."""
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True)
    if delivery is None or delivery.state != DeliveryState.FAILED:
        raise NotFound()
    delivery.state = DeliveryState.PENDING.value
    delivery.attempts = 0
    delivery.next_attempt_at = clock.now()
    session.flush()
    queue.enqueue(session, DELIVER, delivery_id=delivery.id)
    return delivery


def due(session: Session, now: datetime) -> int:
    """How many should have been sent by ``now``: a number that only grows means no worker is running."""
    statement = select(func.count()).where(Delivery.state == DeliveryState.PENDING, Delivery.next_attempt_at <= now)
    return int(session.scalar(statement) or 0)


__all__ = ["count_by_state", "due", "failed", "retry"]
