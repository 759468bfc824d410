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
    title: str
    frozen: str
    known_since: datetime


@dataclass(frozen=True)
class Heard:
    """``about`` is the number of a permit or the reference of a listing."""

    at: datetime
    type: str
    about: str
    previous: str
    state: str
    did: str


@dataclass
class Shop:
    """Kept in memory: a real one has a database. Every method may be called from several threads."""

    listings: dict[str, Listing] = field(default_factory=dict)
    heard: deque[Heard] = field(default_factory=lambda: deque(maxlen=50))
    _seen: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, listings: list[dict[str, Any]]) -> None:
        """Our listings as the portal has them now: what is not ready there is not for sale here.

        This is the nightly comparison as well: it mends whatever a lost message left wrong. A message may arrive while
        the list is being fetched: in doubt nothing is for sale.
        """
        taken = {
            told["reference"]: Listing(
                told["reference"], told["title"], _frozen(told), datetime.fromisoformat(told["updated_at"])
            )
            for told in listings
        }
        with self._lock:
            for reference, now in taken.items():
                before = self.listings.get(reference)
                if before is not None and before.known_since > now.known_since:
                    now.frozen, now.known_since = now.frozen or before.frozen, before.known_since
            self.listings = taken

    def hear(self, message_id: str, message: dict[str, Any]) -> None:
        """Act on a message whose signature was good; one that comes again, or too late, changes nothing.

        A permit's change is only noted: the portal itself knows which listings need it, and tells of each.
        """
        with self._lock:
            if message_id in self._seen:
                return
            self._seen.append(message_id)
            data = message["data"]
            did = self._changed(data) if message["type"] == "listing.state_changed" else ""
            self.heard.appendleft(
                Heard(
                    datetime.now(UTC),
                    message["type"],
                    str(data.get("reference") or data.get("number") or ""),
                    str(data.get("previous_state") or ""),
                    str(data.get("state") or ""),
                    did,
                )
            )

    def _changed(self, data: dict[str, Any]) -> str:
        """Do at once what the portal says of one listing; what was done, in a word."""
        listing, moment = self.listings.get(data["reference"]), datetime.fromisoformat(data["occurred_at"])
        if listing is None:
            return ""  # of another channel, or so new that the next comparison brings it
        if moment < listing.known_since:
            return ""  # an older change, delivered after a newer one
        listing.known_since, listing.frozen = moment, _frozen(data)
        return "frozen" if listing.frozen else "for sale"


def _frozen(told: dict[str, Any]) -> str:
    """Why it may not be sold; empty when it may. Only "ready" may be."""
    if told["state"] == "ready":
        return ""
    return f"the portal says: {told['state']}" + (f" ({told['reason_code']})" if told["reason_code"] else "")
