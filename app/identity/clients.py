"""API clients: programs of trade platforms that sign in with a client id and a secret (OAuth client credentials)."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.models import ApiClient


class Scope(StrEnum):
    """What a program may be allowed."""

    PERMITS_READ = "permits:read"
    READINESS_ASK = "readiness:ask"
    LISTINGS_READ = "listings:read"
    WEBHOOKS_MANAGE = "webhooks:manage"


SCOPE_TITLES: dict[Scope, Text] = {
    Scope.PERMITS_READ: _l("Look permits up by their number, and hear when one changes."),
    Scope.READINESS_ASK: _l("Ask whether a business may list a product for a market."),
    Scope.LISTINGS_READ: _l("See the listings made for your channel."),
    Scope.WEBHOOKS_MANAGE: _l("Register the addresses at which you want to be told."),
}


def create(
    session: Session, *, name: str, channel: str, contact: str, scopes: Iterable[str], created_by: int | None
) -> tuple[ApiClient, str]:
    """A new client and its secret, which is shown once and never stored. Raises Invalid for an unknown scope."""
    try:
        wanted = sorted({Scope(scope).value for scope in scopes})
    except ValueError:
        raise Invalid(Problem(_l("Choose from the list."), "scopes")) from None
    secret = identifiers.token()
    client = ApiClient(
        client_id=f"kb_{identifiers.public_code(80).lower()}",
        name=name,
        secret_digest=identifiers.digest(secret),
        scopes=wanted,
        channel=channel,
        contact=contact,
        created_by=created_by,
        created_at=clock.now(),
    )
    session.add(client)
    session.flush()
    return client, secret


def listing(session: Session) -> Sequence[ApiClient]:
    """Every client, those in use first, then by name."""
    statement = select(ApiClient).order_by(ApiClient.disabled_at.is_not(None), ApiClient.name, ApiClient.id)
    return session.execute(statement).scalars().all()


def get(session: Session, client_id: str) -> ApiClient:
    found = session.execute(select(ApiClient).where(ApiClient.client_id == client_id)).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def renew_secret(session: Session, client: ApiClient) -> str:
    """A new secret; the old one stops working at once."""
    secret = identifiers.token()
    client.secret_digest = identifiers.digest(secret)
    session.flush()
    return secret


def disable(session: Session, client: ApiClient) -> None:
    client.disabled_at = client.disabled_at or clock.now()
    session.flush()


def enable(session: Session, client: ApiClient) -> None:
    client.disabled_at = None
    session.flush()
