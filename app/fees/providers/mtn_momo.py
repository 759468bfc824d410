"""MTN Mobile Money, Collections: the protocol of the developer portal, over HTTP.

``POST /collection/token/`` (Basic) gives a bearer token; ``POST /collection/v1_0/requesttopay`` with a reference of
ours answers 202 and the payer approves on the phone; ``GET …/requesttopay/<reference>`` says PENDING, SUCCESSFUL or
FAILED. A second POST with the same reference answers 409 and debits nothing, so repeating one is harmless.
In MTN's own sandbox every amount is in EUR, whatever the country: the number stays, the currency does not.
"""

import base64
import logging
import threading
import time
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn
from uuid import UUID

import requests

from app.core.money import Money
from app.fees.providers import Outcome, Refused, Status, Unavailable

TIMEOUT = (3.05, 10.0)  # seconds to connect, seconds to wait for an answer
NOTE_LENGTH = 160
log = logging.getLogger(__name__)

_OUTCOMES = {"PENDING": Outcome.PENDING, "SUCCESSFUL": Outcome.SUCCESSFUL, "FAILED": Outcome.FAILED}

# MTN answers 500 for these too; any other 500 may hide a request that arrived.
_REFUSALS = frozenset({"INVALID_CURRENCY", "NOT_ALLOWED", "NOT_ALLOWED_TARGET_ENVIRONMENT", "PAYER_NOT_FOUND"})


class MtnMomo:
    code = "mtn_momo"

    def __init__(
        self,
        *,
        url: str,
        subscription_key: str,
        api_user: str,
        api_key: str,
        environment: str,
        callback_url: str = "",
        timeout: tuple[float, float] = TIMEOUT,
    ) -> None:
        """``callback_url``: our public address; ``/callbacks/mtn/<reference>`` is added. Empty: none is sent."""
        self._url = f"{url.rstrip('/')}/collection"
        self._subscription_key = subscription_key
        self._basic = "Basic " + base64.b64encode(f"{api_user}:{api_key}".encode()).decode()
        self._environment = environment
        self._callback_url = callback_url.rstrip("/")
        self._timeout = timeout
        self._token = ""
        self._token_ends = 0.0
        self._token_lock = threading.Lock()

    def collect(self, reference: UUID, amount: Money, msisdn: str, *, bill: str, note: str) -> None:
        headers = {"X-Reference-Id": str(reference)}
        if self._callback_url:
            headers["X-Callback-Url"] = f"{self._callback_url}/callbacks/mtn/{reference}"
        body = {
            "amount": format(amount.amount, "f"),
            "currency": self._currency(amount),
            "externalId": bill,
            "payer": {"partyIdType": "MSISDN", "partyId": msisdn.lstrip("+")},
            "payerMessage": plain(note),
            "payeeNote": plain(bill),
        }
        answer = self._send("POST", "/v1_0/requesttopay", headers=headers, body=body)
        if answer.status_code in (202, 409):  # 409: it has arrived before
            return
        reason = _reason(_json(answer))
        if answer.status_code in (400, 404, 422) or reason in _REFUSALS:
            raise Refused(reason or f"HTTP_{answer.status_code}")
        self._complain("requesttopay", answer)

    def status(self, reference: UUID, amount: Money) -> Status:
        answer = self._send("GET", f"/v1_0/requesttopay/{reference}")
        if answer.status_code == 404:
            return Status(Outcome.UNKNOWN)
        if answer.status_code != 200:
            self._complain("status", answer)
        body = _json(answer)
        outcome = _OUTCOMES.get(str(body.get("status", "")))
        if outcome is None:
            self._complain("status", answer)
        reported = f"{body.get('amount', '')} {body.get('currency', '')}".strip()
        return Status(outcome, _reason(body), self._matches(body, amount), reported)

    def _currency(self, amount: Money) -> str:
        return "EUR" if self._environment == "sandbox" else amount.currency

    def _matches(self, body: dict[str, Any], amount: Money) -> bool:
        try:
            stated = Decimal(str(body.get("amount")))
        except InvalidOperation:
            return False
        return stated == amount.amount and body.get("currency") == self._currency(amount)

    def _send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> requests.Response:
        """One call with a token; a token that has lost its force meanwhile is replaced once."""
        answer = self._call(method, path, headers, body, self._bearer())
        if answer.status_code == 401:
            self._token_ends = 0.0
            answer = self._call(method, path, headers, body, self._bearer())
        return answer

    def _call(
        self, method: str, path: str, headers: dict[str, str] | None, body: dict[str, Any] | None, authorization: str
    ) -> requests.Response:
        sent = {
            "Authorization": authorization,
            "Ocp-Apim-Subscription-Key": self._subscription_key,
            "X-Target-Environment": self._environment,
            **(headers or {}),
        }
        try:
            return requests.request(
                method, self._url + path, headers=sent, json=body, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Unavailable(type(error).__name__) from error

    def _bearer(self) -> str:
        with self._token_lock:
            if time.monotonic() >= self._token_ends:
                answer = self._call("POST", "/token/", None, None, self._basic)
                body = _json(answer)
                if answer.status_code != 200 or not body.get("access_token"):
                    self._complain("token", answer)
                self._token = f"Bearer {body['access_token']}"
                # A minute less than promised, so that none runs out on its way.
                self._token_ends = time.monotonic() + max(0, int(body.get("expires_in", 0)) - 60)
            return self._token

    def _complain(self, what: str, answer: requests.Response) -> NoReturn:
        log.warning("MTN gave no usable answer", extra={"call": what, "status": answer.status_code})
        raise Unavailable(f"{what}: {answer.status_code}")


def plain(text: str) -> str:
    """A note as MTN accepts it: one line without apostrophes, at most 160 characters."""
    return " ".join(text.replace("'", " ").replace("’", " ").split())[:NOTE_LENGTH]


def _json(answer: requests.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _reason(body: dict[str, Any]) -> str:
    """The code of a refusal: MTN writes it as text, as an object, or at the top of an error."""
    reason = body.get("reason") or body.get("code") or ""
    if isinstance(reason, dict):
        reason = reason.get("code") or reason.get("message") or ""
    return str(reason)[:100]
