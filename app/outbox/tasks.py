"""Sending what was written: claim and commit, send with no transaction open, write down what came of it."""

import random
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, joinedload

from app.core import clock, db
from app.identity import keys
from app.jobs import failures, queue
from app.outbox import endpoints, sending, wire
from app.outbox.models import Delivery, DeliveryState, Endpoint

DELIVER = "outbox.deliver"
SWEEP = "outbox.sweep"

# Standard Webhooks 1.0: wait before attempt 1, 2, …; about 75.6 hours in all.
DELAYS = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 7200, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
JITTER = 0.1
LONGEST_WAIT = timedelta(hours=24)
"""Also the most a receiver's Retry-After is honoured for."""

CLAIM = timedelta(seconds=90)
"""Longer than any sending takes; a worker that dies in it is succeeded by another."""


@dataclass(frozen=True)
class _Claimed:
    id: int
    attempt: int
    url: str
    secret: str
    uid: str
    content: bytes


@queue.task(DELIVER, queue="webhooks")
def deliver(session: Session, *, delivery_id: int) -> None:
    """One attempt. It works in transactions of its own, because none may stay open while the other side thinks."""
    with db.unit_of_work() as opened:
        claimed = _claim(opened, delivery_id)
    if claimed is None:
        return
    at = clock.now()
    headers = wire.signed_headers(claimed.secret, claimed.uid, at, claimed.content)
    answer = sending.post(claimed.url, claimed.content, headers)
    with db.unit_of_work() as opened:
        _settle(opened, claimed, answer)


@queue.task(SWEEP)
def sweep(session: Session) -> None:
    """Ask again for deliveries that are overdue and that no job is about to send: theirs failed or was lost."""
    late = clock.now() - timedelta(minutes=2)
    overdue = select(Delivery.id).where(
        Delivery.state == DeliveryState.PENDING,
        Delivery.next_attempt_at < late,
        or_(Delivery.claimed_until.is_(None), Delivery.claimed_until < clock.now()),
        Delivery.id.not_in(queue.unfinished(DELIVER, "delivery_id")),
    )
    for delivery_id in session.scalars(overdue.order_by(Delivery.next_attempt_at).limit(1000)):
        failures.ask_again(session, DELIVER, delivery_id=delivery_id)


queue.periodic("*/5 * * * *", SWEEP)


def _claim(session: Session, delivery_id: int) -> _Claimed | None:
    """None when there is nothing to do: delivered, not due, or another worker has it."""
    now = clock.now()
    taken = session.execute(
        update(Delivery)
        .where(
            Delivery.id == delivery_id,
            Delivery.state == DeliveryState.PENDING,
            Delivery.next_attempt_at <= now,
            or_(Delivery.claimed_until.is_(None), Delivery.claimed_until < now),
        )
        .values(claimed_until=now + CLAIM, attempts=Delivery.attempts + 1)
        .returning(Delivery.id)
    ).scalar_one_or_none()
    if taken is None:
        return None
    delivery = session.scalars(
        select(Delivery)
        .where(Delivery.id == taken)
        .options(joinedload(Delivery.event), joinedload(Delivery.endpoint).joinedload(Endpoint.client))
        .execution_options(populate_existing=True)
    ).one()
    endpoint = delivery.endpoint
    if endpoint.disabled_at is not None or endpoint.client.disabled_at is not None:
        delivery.state = DeliveryState.DISABLED.value
        delivery.claimed_until = None
        return None
    return _Claimed(
        delivery.id,
        delivery.attempts,
        endpoint.url,
        keys.decrypt(endpoint.secret),
        delivery.event.uid,
        wire.body(delivery.event),
    )


def _settle(session: Session, claimed: _Claimed, answer: sending.Answer) -> None:
    delivery = session.get(Delivery, claimed.id, with_for_update=True, populate_existing=True)
    if delivery is None or delivery.state != DeliveryState.PENDING:
        return  # the endpoint was removed or disabled meanwhile
    delivery.claimed_until = None
    delivery.last_status = answer.status
    delivery.last_error = answer.error or None
    if answer.accepted:
        delivery.state = DeliveryState.DELIVERED.value
        delivery.delivered_at = clock.now()
    elif answer.status == 410:
        delivery.state = DeliveryState.DISABLED.value
        endpoints.disable(session, delivery.endpoint, endpoints.GONE)
    else:
        delivery.last_error = answer.error or f"status {answer.status}"
        wait = wait_after(delivery.attempts, answer.retry_after)
        if wait is None:
            delivery.state = DeliveryState.FAILED.value
        else:
            delivery.next_attempt_at = clock.now() + wait
            queue.enqueue(session, DELIVER, at=delivery.next_attempt_at, delivery_id=delivery.id)


def wait_after(failed: int, retry_after: int | None = None) -> timedelta | None:
    """How long until the next attempt when ``failed`` have failed; None when that was the last. Never less than the
    receiver asked for (up to a day), plus up to a tenth at random so that many do not come back at once."""
    if failed >= len(DELAYS):
        return None
    asked = min(timedelta(seconds=retry_after or 0), LONGEST_WAIT)
    return max(DELAYS[failed], asked) * (1 + random.uniform(0, JITTER))  # noqa: S311  # spreading, not a secret


__all__ = ["DELAYS", "DELIVER", "SWEEP", "deliver", "sweep", "wait_after"]
