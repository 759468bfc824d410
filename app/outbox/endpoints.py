"""The addresses at which an API client hears events."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.core.identifiers import public_code
from app.identity import keys
from app.outbox import sending, wire
from app.outbox.models import Delivery, DeliveryState, Endpoint

MOST = 10
"""Endpoints one client may have at a time."""


def add(
    session: Session,
    client_id: int,
    *,
    url: str,
    event_types: Sequence[str],
    known_types: Sequence[str],
    description: str = "",
    secret: str | None = None,
) -> tuple[Endpoint, str]:
    """Register an address; returns it and the secret its messages are signed with, which is not shown again.

    ``known_types`` are those this client may hear. Raises Invalid.
    """
    sending.check_url(url)
    unknown = [code for code in event_types if code not in known_types]
    if unknown or not event_types:
        raise Invalid(Problem(_l("Choose one or more of the event types you may hear."), "event_types", "unknown_type"))
    held = session.scalar(select(func.count()).where(Endpoint.client_id == client_id, Endpoint.disabled_at.is_(None)))
    if held is not None and held >= MOST:
        raise Invalid(Problem(_l("One client may not have more endpoints. Remove one first."), "url", "too_many"))
    secret = secret or wire.new_secret()
    endpoint = Endpoint(
        uid=f"we_{public_code()}",
        client_id=client_id,
        url=url,
        secret=keys.encrypt(secret),
        event_types=sorted(set(event_types)),
        description=description,
        created_at=clock.now(),
    )
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def of_client(session: Session, client_id: int) -> Sequence[Endpoint]:
    """All that were not removed, oldest first; one that answered 410 is among them, disabled."""
    return session.scalars(select(Endpoint).where(Endpoint.client_id == client_id).order_by(Endpoint.id)).all()


def get(session: Session, client_id: int, uid: str) -> Endpoint:
    """Raises NotFound for another client's as for one that does not exist."""
    found = session.scalar(select(Endpoint).where(Endpoint.client_id == client_id, Endpoint.uid == uid))
    if found is None:
        raise NotFound()
    return found


def by_id(session: Session, endpoint_id: int) -> Endpoint:
    """Whosever it is: for administrators. Raises NotFound."""
    found = session.get(Endpoint, endpoint_id)
    if found is None:
        raise NotFound()
    return found


def remove(session: Session, endpoint: Endpoint) -> None:
    """Forget it and what was still to be delivered to it."""
    session.delete(endpoint)
    session.flush()


def disable(session: Session, endpoint: Endpoint, reason: str) -> None:
    """Stop telling it anything; what waits for it is given up."""
    endpoint.disabled_at = clock.now()
    endpoint.disabled_reason = reason
    session.execute(
        update(Delivery)
        .where(Delivery.endpoint_id == endpoint.id, Delivery.state == DeliveryState.PENDING)
        .values(state=DeliveryState.DISABLED.value, claimed_until=None)
    )
    session.flush()


__all__ = ["MOST", "add", "by_id", "disable", "get", "of_client", "remove"]
