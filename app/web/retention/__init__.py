"""How long what is kept: the schedule, legal holds, and lists of what is to be destroyed."""

from flask import Blueprint

from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Role
from app.web import navigation

blueprint = Blueprint("retention", __name__, url_prefix="/retention")

navigation.register(
    navigation.NavigationItem(
        _l("Retention"), "/retention", roles=frozenset({Role.AUDITOR, Role.ADMINISTRATOR}), order=40
    ),
    navigation.NavigationItem(_l("Disposals"), "/retention/disposals", roles=frozenset({Role.SUPERVISOR}), order=60),
)

from app.web.retention import disposals, holds, schedule  # noqa: E402  # they add their routes

__all__ = ["blueprint", "disposals", "holds", "schedule"]
