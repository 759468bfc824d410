"""The tabs under the header. Each feature registers its own at import; a person sees those of their role."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import request, url_for

from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor, Role

OFFICIALS = frozenset({Role.CLERK, Role.SUPERVISOR})
ANYONE: frozenset[Role] = frozenset()
HOME = {Role.CLERK: "/desk", Role.SUPERVISOR: "/desk", Role.AUDITOR: "/audit", Role.ADMINISTRATOR: "/admin"}


@dataclass(frozen=True)
class NavigationItem:
    """``url`` is a path; ``endpoint`` may be given instead. No ``roles``: shown to those who are not signed in."""

    title: Text
    url: str = ""
    endpoint: str = ""
    roles: frozenset[Role] = ANYONE
    order: int = 100

    @property
    def address(self) -> str:
        return self.url or url_for(self.endpoint)


@dataclass(frozen=True)
class Tab:
    title: Text
    url: str
    current: bool


_items: dict[tuple[str, frozenset[Role]], NavigationItem] = {}


def register(*items: NavigationItem) -> None:
    """Add tabs; the same address for the same roles is replaced."""
    for item in items:
        _items[item.url or item.endpoint, item.roles] = item


def tabs(actor: Actor | None) -> list[Tab]:
    """The tabs of this person, the one that holds the open page marked."""
    shown = [(item, item.address) for item in sorted(_mine(actor), key=lambda item: item.order)]
    current = max((url for _item, url in shown if _holds(url, request.path)), key=len, default="")
    return [Tab(item.title, url, url == current) for item, url in shown]


def _mine(actor: Actor | None) -> Iterable[NavigationItem]:
    if actor is None:
        return (item for item in _items.values() if not item.roles)
    if actor.role is None or (actor.role.official and not actor.second_factor):
        return ()
    return (item for item in _items.values() if actor.role in item.roles)


def _holds(url: str, path: str) -> bool:
    place = urlsplit(url).path
    return path == place if place == "/" else path == place or path.startswith(place.rstrip("/") + "/")


register(
    NavigationItem(_l("Home"), "/", order=0),
    NavigationItem(_l("Check a document"), "/verify", order=20),
    NavigationItem(_l("Track an application"), "/track", order=30),
    NavigationItem(_l("Service standards"), "/service-standards", order=40),
    NavigationItem(_l("Help"), "/help", order=90),
    NavigationItem(_l("Home"), "/", roles=frozenset({Role.ENTREPRENEUR}), order=0),
    NavigationItem(_l("Business"), "/business", roles=frozenset({Role.ENTREPRENEUR}), order=20),
    NavigationItem(_l("Permits"), "/permits", roles=frozenset({Role.ENTREPRENEUR}), order=30),
    NavigationItem(_l("Listings"), "/listings", roles=frozenset({Role.ENTREPRENEUR}), order=40),
    NavigationItem(_l("Cases"), "/desk", roles=OFFICIALS, order=10),
    NavigationItem(_l("Search"), "/audit", roles=frozenset({Role.AUDITOR}), order=10),
    NavigationItem(_l("Bundles"), "/audit/bundles", roles=frozenset({Role.AUDITOR}), order=20),
    NavigationItem(_l("Log"), "/audit/log", roles=frozenset({Role.AUDITOR}), order=30),
    NavigationItem(_l("Administration"), "/admin", roles=frozenset({Role.ADMINISTRATOR}), order=10),
)
