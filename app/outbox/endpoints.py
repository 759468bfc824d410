"""The addresses at which an API client hears events."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, joinedload

from app.core import clock
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.core.identifiers import public_code
from app.identity import keys
from app.identity.models import ApiClient
from app.outbox import sending, wire
from app.outbox.models import Delivery, DeliveryState, Endpoint

MOST = 10
"""Endpoints one client may have at a time."""
GONE = "410 Gone"
"""Why an address is disabled that answered so; any other reason is a person's."""
S = TypeVar("S", bound=Any)


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
    _check_number(session, client_id)
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


def _check_number(session: Session, client_id: int) -> None:
    # Two at once would both find room for one more.
    session.execute(select(ApiClient.id).where(ApiClient.id == client_id).with_for_update(key_share=True))
    held = session.scalar(select(func.count()).where(Endpoint.client_id == client_id, Endpoint.disabled_at.is_(None)))
    if held is not None and held >= MOST:
        raise Invalid(Problem(_l("One client may not have more endpoints. Remove one first."), "url", "too_many"))


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


def disabled(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Endpoint]:
    """The disabled addresses of clients that may use the API, newest first; ``before`` is the last id seen."""
    statement = _disabled(select(Endpoint))
    if before is not None:
        statement = statement.where(Endpoint.id < before)
    return session.scalars(
        statement.options(joinedload(Endpoint.client)).order_by(Endpoint.id.desc()).limit(limit)
    ).all()


def count_disabled(session: Session) -> int:
    """As many as ``disabled`` lists in all."""
    return int(session.scalar(_disabled(select(func.count()).select_from(Endpoint))) or 0)


def _disabled(statement: Select[S]) -> Select[S]:
    return statement.join(ApiClient, ApiClient.id == Endpoint.client_id).where(
        Endpoint.disabled_at.is_not(None), ApiClient.disabled_at.is_(None)
    )


def enable(session: Session, endpoint: Endpoint) -> None:
    """Tell it what happens from now on. Raises NotFound unless it is disabled, Invalid when its client has the most.

    What was given up stays so; what had failed before can be started again by ``deliveries.retry_all``.
    """
    _check_number(session, endpoint.client_id)
    session.refresh(endpoint, with_for_update=True)
    if endpoint.disabled_at is None:
        raise NotFound()
    endpoint.disabled_at = None
    endpoint.disabled_reason = None
    session.flush()


__all__ = [
    "GONE",
    "MOST",
    "add",
    "by_id",
    "count_disabled",
    "disable",
    "disabled",
    "enable",
    "get",
    "of_client",
    "remove",
]
