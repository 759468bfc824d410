"""What a package needs to add operations of its own: ``blueprint``, and the names most of them use."""

from flask import Blueprint
from flask.blueprints import BlueprintSetupState

from app.api.guards import bearer, client_actor, public, scope
from app.api.operations import Reply, operation
from app.api.paging import Page, PageQuery, cursor, read_cursor
from app.api.schemas import Document, Quantity

PREFIX = "/api/v1"


def blueprint(name: str, import_name: str, *, url_prefix: str | None = PREFIX) -> Blueprint:
    """A blueprint of operations. It asks for no CSRF token, because it never looks at a cookie."""
    made = Blueprint(name, import_name, url_prefix=url_prefix)
    made.record_once(_exempt)
    return made


def _exempt(state: BlueprintSetupState) -> None:
    protection = state.app.extensions.get("csrf")
    if protection is not None:
        protection.exempt(state.blueprint)


__all__ = [
    "PREFIX",
    "Document",
    "Page",
    "PageQuery",
    "Quantity",
    "Reply",
    "bearer",
    "blueprint",
    "client_actor",
    "cursor",
    "operation",
    "public",
    "read_cursor",
    "scope",
]
