"""What the marketplace keeps: its listings, which of them are frozen, and what it has heard."""

import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

REMEMBERED = 1000


@dataclass
class Listing:
    """``frozen`` is why nobody can buy it now; empty while it is for sale."""

    reference: str
    told: dict[str, Any]
    frozen: str = ""

    def relies_on(self, permit: str) -> bool:
        return permit in _words(self.told)


@dataclass(frozen=True)
class Heard:
    at: datetime
    type: str
    number: str
    previous: str
    state: str
    froze: tuple[str, ...]


@dataclass
class Shop:
    """Kept in memory: a real one has a database. Every method may be called from several threads."""

    listings: dict[str, Listing] = field(default_factory=dict)
    heard: deque[Heard] = field(default_factory=lambda: deque(maxlen=50))
    _seen: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _latest: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, listings: list[dict[str, Any]]) -> None:
        """Our listings as the portal has them now: what is not ready there is not for sale here.

        This is the nightly comparison as well: it mends whatever a lost message left wrong.
        """
        with self._lock:
            fresh: dict[str, Listing] = {}
            for told in listings:
                reference = str(told.get("reference") or told.get("id"))
                state = str(told.get("state", ""))
                fresh[reference] = Listing(reference, told, "" if state == "ready" else f"the portal says: {state}")
            self.listings = fresh

    def hear(self, message_id: str, message: dict[str, Any]) -> None:
        """Act on a message whose signature was good; one that comes again, or too late, changes nothing."""
        with self._lock:
            if message_id in self._seen:
                return
            self._seen.append(message_id)
            data = message.get("data", {})
            froze: list[str] = []
            if message.get("type") == "permit.state_changed":
                froze = self._changed(data)
            self.heard.appendleft(
                Heard(
                    datetime.now(UTC),
                    str(message.get("type")),
                    str(data.get("number", "")),
                    str(data.get("previous_state") or ""),
                    str(data.get("state", "")),
                    tuple(froze),
                )
            )

    def _changed(self, data: dict[str, Any]) -> list[str]:
        """Freeze at once what relies on a permit that is no longer good. Thawing waits until the portal says ready."""
        number, state, moment = str(data["number"]), str(data["state"]), str(data["occurred_at"])
        if moment < self._latest.get(number, ""):
            return []  # an older change, delivered after a newer one
        self._latest[number] = moment
        if state == "active":
            return []
        froze = []
        for listing in self.listings.values():
            if listing.relies_on(number):
                listing.frozen = f"permit {number} is {state.replace('_', ' ')}"
                froze.append(listing.reference)
        return froze


def _words(value: Any) -> set[str]:
    """Every text in a document, so that a permit's number is found wherever the portal names it."""
    if isinstance(value, dict):
        return set().union(*(_words(part) for part in value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*(_words(part) for part in value)) if value else set()
    return {value} if isinstance(value, str) else set()
