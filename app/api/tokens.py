"""Access tokens: short-lived signed JWTs (RFC 9068), so that asking for one writes nothing.

The client's row is still read at every request, which is what makes disabling a client, changing its secret or taking
a scope away work at once.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.api.problems import Unauthorised
from app.core import clock, identifiers
from app.identity import keys
from app.identity.models import ApiClient

LIFETIME = timedelta(minutes=15)
ALGORITHM = "HS256"  # nobody but the portal has to read a token
HEADER = {"alg": ALGORITHM, "typ": "at+jwt"}


@dataclass(frozen=True)
class AccessToken:
    """``scopes`` are those granted; ``expires_in`` is in seconds."""

    value: str
    scopes: tuple[str, ...]
    expires_in: int


@dataclass(frozen=True)
class Bearer:
    """A client with a good token. ``scopes`` are those of the token that the client still has."""

    client: ApiClient
    scopes: frozenset[str]


def authenticate(session: Session, client_id: str, secret: str) -> ApiClient | None:
    """The client, when the secret is its own and it is not disabled; the same work is done for one that is unknown."""
    client = session.scalar(select(ApiClient).where(ApiClient.client_id == client_id))
    expected = client.secret_digest if client is not None else identifiers.digest("")
    good = hmac.compare_digest(expected, identifiers.digest(secret))
    return client if client is not None and good and client.disabled_at is None else None


def issue(client: ApiClient, scopes: tuple[str, ...], issuer: str) -> AccessToken:
    """``issuer`` is the portal's own address; it is the audience as well."""
    now = int(clock.now().timestamp())
    seconds = int(LIFETIME.total_seconds())
    claims = {
        "iss": issuer,
        "aud": issuer,
        "sub": client.client_id,
        "client_id": client.client_id,
        "scope": " ".join(scopes),
        "iat": now,
        "exp": now + seconds,
        "jti": identifiers.public_code(80),
        "key": _mark(client),
    }
    return AccessToken(jwt.encode(HEADER, claims, _key(), algorithms=[ALGORITHM]), scopes, seconds)


def read(session: Session, token: str, issuer: str) -> Bearer:
    """Raises Unauthorised for anything that is not a token of ours, within its time, of a client as it is now."""
    try:
        decoded = jwt.decode(token, _key(), algorithms=[ALGORITHM])
        rules = jwt.JWTClaimsRegistry(
            now=lambda: int(clock.now().timestamp()),
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": issuer},
            sub={"essential": True},
            exp={"essential": True},
            scope={"essential": True, "allow_blank": True},
        )
        rules.validate(decoded.claims)
    except (JoseError, ValueError) as error:
        raise _refused() from error
    if decoded.header.get("typ") != HEADER["typ"]:
        raise _refused()
    client = session.scalar(select(ApiClient).where(ApiClient.client_id == str(decoded.claims["sub"])))
    if client is None or client.disabled_at is not None or decoded.claims.get("key") != _mark(client):
        raise _refused()
    return Bearer(client, frozenset(str(decoded.claims["scope"]).split()) & frozenset(client.scopes))


def _refused() -> Unauthorised:
    return Unauthorised(challenge='Bearer realm="Kibali", error="invalid_token"')


def _key() -> OctKey:
    return OctKey.import_key(keys.key("api-access-token"))


def _mark(client: ApiClient) -> str:
    """Ties a token to the secret it was got with, without telling anything about it."""
    return keys.keyed_digest("api-client-secret", client.secret_digest)[:16]


__all__ = ["LIFETIME", "AccessToken", "Bearer", "authenticate", "issue", "read"]
