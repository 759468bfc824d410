"""The door of every operation: a bearer token with the declared scope. Cookies are never looked at."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import current_app, g, request

from app.api import tokens
from app.api.problems import MissingScope, Unauthorised
from app.core import db
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity import limits
from app.identity.actor import Actor
from app.identity.policy import Permission

SCOPES: dict[str, Text] = {
    "permits:read": _l("Look permits up by their number, and hear when one changes."),
    "readiness:ask": _l("Ask whether a business may list a product for a market."),
    "listings:read": _l("See the listings made for your channel."),
    "webhooks:manage": _l("Register the addresses at which you want to be told."),
}

REQUESTS, WINDOW = 600, 60
"""Requests a client may make in so many seconds."""

View = TypeVar("View", bound=Callable[..., Any])


def scope(name: str) -> Callable[[View], View]:
    """Let in a client whose token carries ``name``; raises at import for a scope that does not exist."""
    if name not in SCOPES:
        raise ValueError(f"{name!r} is not a scope")

    def declare(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            enter(name)
            return view(*args, **kwargs)

        guarded.permission = f"scope:{name}"  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return declare


def public(view: View) -> View:
    """Let everyone in."""
    view.permission = Permission.PUBLIC  # type: ignore[attr-defined]
    return view


def enter(name: str) -> None:
    """Raises Unauthorised, MissingScope or Busy; afterwards ``client_actor`` says who asks."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorised()
    bearer = tokens.read(db.session(), token.strip(), current_app.config["KIBALI"].base_url)
    limits.hit(f"api:{bearer.client.id}", REQUESTS, WINDOW)
    if name not in bearer.scopes:
        raise MissingScope(name)
    g.api_bearer = bearer


def bearer() -> tokens.Bearer:
    """Who asks; raises Unauthorised outside an operation with a scope."""
    found: tokens.Bearer | None = g.get("api_bearer")
    if found is None:
        raise Unauthorised()
    return found


def client_actor() -> Actor:
    """The API client, for domain functions and audit entries."""
    known = bearer()
    return Actor(
        kind="client", name=known.client.name, client_id=known.client.id, ip=request.remote_addr, scopes=known.scopes
    )


__all__ = ["SCOPES", "bearer", "client_actor", "enter", "public", "scope"]
