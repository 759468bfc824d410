"""What became of the deliveries, for someone who can act, and starting a failed one again."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from app.core import clock
from app.core.errors import NotFound
from app.identity.models import ApiClient
from app.jobs import queue
from app.outbox.models import Delivery, DeliveryState, Endpoint
from app.outbox.tasks import DELIVER

AT_ONCE = 500
S = TypeVar("S", bound=Any)


def failed(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Delivery]:
    """Deliveries given up for good, newest first, with event, endpoint and client; ``before`` is the last id seen.

    Not those of a disabled endpoint or client: nobody is to be told.
    """
    statement = _failed(select(Delivery))
    if before is not None:
        statement = statement.where(Delivery.id < before)
    return session.scalars(
        statement.options(joinedload(Delivery.event), joinedload(Delivery.endpoint).joinedload(Endpoint.client))
        .order_by(Delivery.id.desc())
        .limit(limit)
    ).all()


def _failed(statement: Select[S]) -> Select[S]:
    return (
        statement.join(Endpoint, Endpoint.id == Delivery.endpoint_id)
        .join(ApiClient, ApiClient.id == Endpoint.client_id)
        .where(Delivery.state == DeliveryState.FAILED, Endpoint.disabled_at.is_(None), ApiClient.disabled_at.is_(None))
    )


def count_failed(session: Session) -> int:
    """As many as ``failed`` lists in all."""
    return int(session.scalar(_failed(select(func.count()).select_from(Delivery))) or 0)


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


def retry_all(session: Session, endpoint: Endpoint) -> int:
    """Start the failed deliveries of one endpoint again, oldest first and at most ``AT_ONCE``; how many were."""
    found = session.scalars(
        select(Delivery.id)
        .where(Delivery.endpoint_id == endpoint.id, Delivery.state == DeliveryState.FAILED)
        .order_by(Delivery.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for delivery_id in found:
        retry(session, delivery_id)
    return len(found)


__all__ = ["AT_ONCE", "count_failed", "failed", "retry", "retry_all"]
