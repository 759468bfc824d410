"""Africa's Talking, bulk SMS: ``POST /version1/messaging``, form-encoded, with the key in the header ``apiKey``.

It takes no reference of ours and has nothing to ask how a text went: a call without an answer stays unanswered, and
delivery is known from its reports alone (``report``), posted to the address entered in its dashboard.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.notifications.sms import Fate, NoCredit, NotAdmitted, Refused, Report, Unanswered, http

TAKEN = frozenset({100, 101, 102})  # Processed, Sent, Queued
# UserInBlacklist, InvalidPhoneNumber, UnsupportedNumberType, DoNotDisturbRejection.
STOPPING = {406: "refuses_texts", 403: "no_number", 404: "no_number", 409: "refuses_texts"}
REFUSED = {401: "held", 407: "no_route", 500: "provider_failed", 501: "provider_failed", 502: "network_refused"}
NO_SENDER, NO_BALANCE = 402, 405
_STOP_WORDS = {"UserInBlackList": "refuses_texts", "UserDoesNotExist": "no_number", "UserInBlacklist": "refuses_texts"}
_FATES = {
    "Sent": Fate.UNDER_WAY,
    "Submitted": Fate.UNDER_WAY,
    "Buffered": Fate.UNDER_WAY,
    "Success": Fate.DELIVERED,
    "Rejected": Fate.FAILED,
    "Failed": Fate.FAILED,
}
_REASONS = {
    "UserIsInactive": "unreachable",
    "UserAccountSuspended": "unreachable",
    "NotNetworkSubcriber": "no_route",
    "DeliveryFailure": "not_delivered",
}


class AfricasTalking:
    code = "africastalking"
    tells = False

    def __init__(
        self,
        *,
        url: str,
        username: str,
        key: str,
        sender: str = "",
        timeout: tuple[float, float] = http.TIMEOUT,
    ) -> None:
        self._url = f"{url.rstrip('/')}/version1/messaging"
        self._username = username
        self._key = key
        self._sender = sender
        self._timeout = timeout

    def send(self, number: str, text: str, reference: UUID, *, minutes: int) -> str:
        fields = {"username": self._username, "to": number, "message": text, "enqueue": "1"}
        if self._sender:
            fields["from"] = self._sender
        headers = {"apiKey": self._key, "Accept": "application/json"}
        answer = http.call("POST", self._url, headers=headers, data=fields, timeout=self._timeout)
        if answer.status_code not in (200, 201):
            raise Refused(f"http_{answer.status_code}")
        return _taken(http.document(answer), number)

    def enquire(self, reference: UUID) -> Report | None:
        raise Unanswered("there is nothing to ask")


def _taken(body: dict[str, Any], number: str) -> str:
    told = body.get("SMSMessageData")
    told = told if isinstance(told, dict) else {}
    rows = told.get("Recipients")
    if not isinstance(rows, list) or not rows:  # the whole request was refused: the sentence is one word of the list
        match str(told.get("Message", "")):
            case "InvalidSenderId":
                raise NotAdmitted("InvalidSenderId")
            case "InsufficientBalance":
                raise NoCredit("InsufficientBalance")
            case "":
                raise Unanswered("no recipients")
            case _:
                raise Refused("provider_failed")
    row = next((row for row in rows if isinstance(row, dict) and row.get("number") == number), None)
    if row is None:
        raise Unanswered("not our recipient")
    status, given = row.get("statusCode"), str(row.get("messageId") or "")
    if not isinstance(status, int):
        raise Unanswered("no status")
    if status in TAKEN:
        if given in ("", "None"):
            raise Unanswered("no id")
        return given
    if status == NO_BALANCE:
        raise NoCredit("InsufficientBalance")
    if status == NO_SENDER:
        raise NotAdmitted("InvalidSenderId")
    if status in STOPPING:
        raise Refused(STOPPING[status], stop=True)
    if status in REFUSED:
        raise Refused(REFUSED[status])
    raise Unanswered("an unknown status")


def report(fields: Mapping[str, str]) -> Report | None:
    """A delivery report's fields; None for one that says nothing we know."""
    fate = _FATES.get(fields.get("status", ""))
    provider_id = fields.get("id", "")
    if fate is None or not provider_id.isprintable() or not 0 < len(provider_id) <= 200:
        return None
    if fate is not Fate.FAILED:
        return Report(fate, provider_id)
    word = fields.get("failureReason", "")
    if word in _STOP_WORDS:
        return Report(fate, provider_id, _STOP_WORDS[word], stop=True)
    return Report(fate, provider_id, _REASONS.get(word, "not_delivered"))
