"""Asking the portal: a token, then questions with it."""

import threading
import time
from typing import Any
from urllib.parse import quote

import requests

TIMEOUT = 10


class PortalError(Exception):
    """The portal refused or could not be reached; the message is for the page."""


class Portal:
    """One client of the API. The token is kept until shortly before it ends, and asked for again when it is refused."""

    def __init__(self, address: str, client_id: str, secret: str) -> None:
        self.address = address.rstrip("/")
        self._credentials = (client_id, secret)
        self._token = ""
        self._ends = 0.0
        self._lock = threading.Lock()

    def permit(self, number: str) -> dict[str, Any]:
        return self._ask("GET", f"/permits/{quote(number, safe='')}")

    def readiness(self, business: str, hs: str, destination: str, channel: str, **amount: str) -> dict[str, Any]:
        """``hs`` is empty for a service; ``amount`` is a quantity with its unit, or nothing."""
        question = {"business": business, "product": {"hs": hs}, "destination": destination, "channel": channel}
        return self._ask("POST", "/readiness", json=question | amount)

    def listings(self) -> list[dict[str, Any]]:
        """Every listing made for our channel, page by page."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self._ask("GET", "/listings", params={"after": after} if after else None)
            found += page["items"]
            after = page.get("next")
            if after is None:
                return found

    def listen_at(self, url: str) -> str:
        """Register ``url`` in place of what an earlier run left there; returns the key of the signatures."""
        for endpoint in self._ask("GET", "/webhook-endpoints")["items"]:
            if endpoint["url"] == url:
                self._ask("DELETE", f"/webhook-endpoints/{endpoint['id']}")
        wanted = {
            "url": url,
            "event_types": ["listing.state_changed", "permit.state_changed"],
            "description": "Example marketplace",
        }
        return str(self._ask("POST", "/webhook-endpoints", json=wanted)["secret"])

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._send(method, path, **options)
        if answer.status_code == 401:  # it ended sooner than we thought: once more with a new one
            self._ends = 0
            answer = self._send(method, path, **options)
        if not answer.ok:
            raise PortalError(_told(answer))
        return dict(answer.json()) if answer.content else {}

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._valid_token()}"}
        try:
            return requests.request(method, f"{self.address}/api/v1{path}", headers=headers, timeout=TIMEOUT, **options)
        except requests.RequestException as error:
            raise PortalError(f"The portal at {self.address} does not answer.") from error

    def _valid_token(self) -> str:
        with self._lock:
            if time.monotonic() < self._ends:
                return self._token
            try:
                answer = requests.post(
                    f"{self.address}/oauth/token",
                    data={"grant_type": "client_credentials"},
                    auth=self._credentials,
                    timeout=TIMEOUT,
                )
            except requests.RequestException as error:
                raise PortalError(f"The portal at {self.address} does not answer.") from error
            if not answer.ok:
                raise PortalError(_told(answer))
            told = answer.json()
            self._token = str(told["access_token"])
            self._ends = time.monotonic() + int(told["expires_in"]) - 60
            return self._token


def _told(answer: requests.Response) -> str:
    """What a problem document says (RFC 9457)."""
    try:
        problem = answer.json()
        details = "; ".join(
            f"{error['field']}: {error['detail']}" if error["field"] else error["detail"]
            for error in problem.get("errors") or ()
        )
        return f"{problem['title']} – {details or problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"The portal answered {answer.status_code}."
