"""Registering what may be told, and telling it in the transaction of the change."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.core.identifiers import public_code
from app.identity.models import ApiClient
from app.jobs import queue
from app.outbox import tasks, wire
from app.outbox.models import Delivery, DeliveryState, Endpoint, Event
from app.outbox.schemas import PermitStateChanged, WebhookTest


@dataclass(frozen=True)
class EventType:
    """``scope`` is what an API client must hold to hear it."""

    code: str
    title: Text
    schema: type[BaseModel]
    scope: str


TEST = "webhook.test"

_types: dict[str, EventType] = {}


def register(code: str, schema: type[BaseModel], *, title: Text, scope: str = "permits:read") -> None:
    """Add a dotted event type; ``schema`` is the whole of what a receiver may learn, so keep people out of it."""
    known = _types.get(code)
    if known is not None and known.schema is not schema:
        raise ValueError(f"the event type {code} is already registered")
    _types[code] = EventType(code, title, schema, scope)


def types() -> dict[str, EventType]:
    """Every event type by its code."""
    return dict(sorted(_types.items()))


def emit(
    session: Session,
    type: str,
    *,
    subject: str,
    data: dict[str, Any],
    business_id: int | None = None,
    channel: str | None = None,
) -> Event:
    """Write the event, one delivery for each endpoint that may hear it, and the jobs that will send them.

    With ``channel`` only clients of that channel are told. Raises LookupError for an unregistered type,
    pydantic.ValidationError when ``data`` does not fit its schema and ValueError when the body would be too large: all
    three are mistakes of the caller, not of a person.
    """
    kind = _types.get(type)
    if kind is None:
        raise LookupError(f"the event type {type!r} is not registered")
    return _tell(session, kind, subject, data, business_id, session.scalars(_listeners(kind, channel)).all())


def emit_test(session: Session, endpoint: Endpoint) -> Event:
    """Send one endpoint, and no other, a message that says nothing, so that its owner can see it arrive."""
    kind = _types[TEST]
    return _tell(session, kind, f"endpoint:{endpoint.uid}", {"endpoint": endpoint.uid}, None, [endpoint.id])


def _tell(
    session: Session,
    kind: EventType,
    subject: str,
    data: dict[str, Any],
    business_id: int | None,
    endpoint_ids: Sequence[int],
) -> Event:
    now = clock.now()
    event = Event(
        uid=f"evt_{public_code()}",
        type=kind.code,
        subject=subject,
        data=kind.schema.model_validate(data).model_dump(mode="json"),
        business_id=business_id,
        created_at=now,
    )
    if len(wire.body(event)) >= wire.LARGEST_BODY:
        raise ValueError(f"an event of type {kind.code} must be smaller than {wire.LARGEST_BODY} bytes")
    session.add(event)
    told = [
        Delivery(event=event, endpoint_id=endpoint_id, state=DeliveryState.PENDING.value, next_attempt_at=now)
        for endpoint_id in endpoint_ids
    ]
    session.add_all(told)
    session.flush()
    for delivery in told:
        queue.enqueue(session, tasks.DELIVER, delivery_id=delivery.id)
    return event


def _listeners(kind: EventType, channel: str | None) -> Select[int]:
    wanted = (
        select(Endpoint.id)
        .join(Endpoint.client)
        .where(
            Endpoint.disabled_at.is_(None),
            ApiClient.disabled_at.is_(None),
            Endpoint.event_types.contains([kind.code]),
            ApiClient.scopes.contains([kind.scope]),
        )
        .order_by(Endpoint.id)
    )
    return wanted if channel is None else wanted.where(ApiClient.channel == channel)


register(
    "permit.state_changed",
    PermitStateChanged,
    title=_l("A permit was issued, suspended, reinstated, revoked or used up, or it has expired."),
)
register(
    TEST,
    WebhookTest,
    title=_l("You asked for it, to see that messages arrive. It says nothing."),
    scope="webhooks:manage",
)

__all__ = ["TEST", "EventType", "emit", "emit_test", "register", "types"]
