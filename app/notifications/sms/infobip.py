"""Infobip, SMS: ``POST /sms/3/messages`` with an id of ours for each text, JSON, ``Authorization: App <key>``.

``GET /sms/3/logs?messageId=`` says for 48 hours what became of a text with that id, so a call without an answer can be
cleared up, and a delivery report is never believed: it makes us ask. A second text with the same id is refused
(REJECTED_DUPLICATE_MESSAGE_ID): the first one had arrived.
"""

from typing import Any
from uuid import UUID

from app.notifications.sms import Away, Fate, NoCredit, NotAdmitted, Refused, Report, Unanswered, http

ACCEPTED, PENDING, UNDELIVERABLE, DELIVERED, EXPIRED, REJECTED = 0, 1, 2, 3, 4, 5
DUPLICATE = "REJECTED_DUPLICATE_MESSAGE_ID"
_NO_CREDIT = frozenset({"REJECTED_NOT_ENOUGH_CREDITS", "REJECTED_PREPAID_PACKAGE_EXPIRED"})
_NOT_ADMITTED = frozenset({"REJECTED_SOURCE", "REJECTED_SENDER", "REJECTED_DESTINATION_NOT_REGISTERED"})
_STOPPING = {
    "REJECTED_DESTINATION": "refuses_texts",  # on a block list of the network or of the account
    "REJECTED_DND": "refuses_texts",
    "REJECTED_PREFIX_MISSING": "no_number",
    "REJECTED_INVALID_DESTINATION": "no_number",
    "EC_UNKNOWN_SUBSCRIBER": "no_number",
}
_REASONS = {
    "REJECTED_NETWORK": "no_route",
    "REJECTED_ROUTE_NOT_AVAILABLE": "no_route",
    "REJECTED_FLOODING_FILTER": "too_many",
    "REJECTED_SYSTEM_ERROR": "provider_failed",
    "UNDELIVERABLE_REJECTED_OPERATOR": "network_refused",
    "UNDELIVERABLE_NOT_DELIVERED": "not_delivered",
    "EXPIRED_EXPIRED": "unreachable",
    "EXPIRED_DLR_UNKNOWN": "unreachable",
}


class Infobip:
    code = "infobip"
    tells = True

    def __init__(
        self,
        *,
        url: str,
        key: str,
        sender: str = "",
        reports: str = "",
        timeout: tuple[float, float] = http.TIMEOUT,
    ) -> None:
        """``reports``: the address for delivery reports, sent along with each text. Empty: none is asked for."""
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"App {key}", "Accept": "application/json"}
        self._sender = sender
        self._reports = reports
        self._timeout = timeout

    def send(self, number: str, text: str, reference: UUID, *, minutes: int) -> str:
        message: dict[str, Any] = {
            "destinations": [{"to": number.lstrip("+"), "messageId": str(reference)}],
            "content": {"text": text},
            "options": {"validityPeriod": {"amount": max(1, min(minutes, 2880)), "timeUnit": "MINUTES"}},
        }
        if self._sender:
            message["sender"] = self._sender
        if self._reports:
            message["webhooks"] = {"delivery": {"url": self._reports}, "contentType": "application/json"}
        answer = http.call(
            "POST",
            f"{self._url}/sms/3/messages",
            headers=self._headers,
            json={"messages": [message]},
            timeout=self._timeout,
        )
        if answer.status_code != 200:
            raise Refused(f"http_{answer.status_code}")
        _check_taken(_row(http.document(answer).get("messages")) or {})
        return str(reference)

    def enquire(self, reference: UUID) -> Report | None:
        wanted = {"messageId": str(reference)}
        try:
            answer = http.call(
                "GET", f"{self._url}/sms/3/logs", headers=self._headers, params=wanted, timeout=self._timeout
            )
        except (Away, NotAdmitted) as error:
            raise Unanswered(str(error)) from error
        if answer.status_code != 200:
            raise Unanswered(f"HTTP_{answer.status_code}")
        rows = http.document(answer).get("results")
        row = _row([row for row in rows or () if isinstance(row, dict) and row.get("messageId") == str(reference)])
        return _report(row, str(reference)) if row is not None else None


def _row(rows: object) -> dict[str, Any] | None:
    return rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else None


def _status(row: dict[str, Any]) -> tuple[int | None, str, str]:
    """Group, name, and the name of the error beside it."""
    status, error = row.get("status"), row.get("error")
    status = status if isinstance(status, dict) else {}
    error = error if isinstance(error, dict) else {}
    group = status.get("groupId")
    return group if isinstance(group, int) else None, str(status.get("name", "")), str(error.get("name", ""))


def _check_taken(row: dict[str, Any]) -> None:
    group, name, error = _status(row)
    if group in (ACCEPTED, PENDING, DELIVERED) or name == DUPLICATE:
        return
    if group is None:
        raise Unanswered("no status")
    if name in _NO_CREDIT:
        raise NoCredit(name)
    if name in _NOT_ADMITTED:
        raise NotAdmitted(name)
    raise _refusal(name, error)


def _refusal(name: str, error: str) -> Refused:
    word = _STOPPING.get(name) or _STOPPING.get(error)
    return Refused(word, stop=True) if word else Refused(_REASONS.get(name, "not_delivered"))


def _report(row: dict[str, Any], reference: str) -> Report | None:
    group, name, error = _status(row)
    if group in (ACCEPTED, PENDING):
        return Report(Fate.UNDER_WAY, reference)
    if group == DELIVERED:
        # DELIVERED_TO_OPERATOR may still become something else; the phone has it only with the other name.
        return Report(Fate.DELIVERED if name == "DELIVERED_TO_HANDSET" else Fate.UNDER_WAY, reference)
    if group in (UNDELIVERABLE, EXPIRED, REJECTED):
        refusal = _refusal(name, error)
        return Report(Fate.FAILED, reference, refusal.reason, refusal.stop)
    return None
