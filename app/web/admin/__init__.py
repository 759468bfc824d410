"""Administration: people, the programs of platforms, what failed for good, and the rules in force."""

from flask import Blueprint

from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Role
from app.web import navigation

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

navigation.register(
    navigation.NavigationItem(_l("Failures"), "/admin/failures", roles=frozenset({Role.ADMINISTRATOR}), order=20),
    navigation.NavigationItem(_l("Rules"), "/admin/rules", roles=frozenset({Role.ADMINISTRATOR}), order=30),
)

from app.web.admin import api_clients, failures, privacy, rules, skills, teams, trying, users  # noqa: E402  # they add their routes

__all__ = ["api_clients", "blueprint", "failures", "privacy", "rules", "skills", "teams", "trying", "users"]
