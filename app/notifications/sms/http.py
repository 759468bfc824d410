"""One call to a provider, and what its going wrong means for the text that was in it."""

import ssl
from typing import Any

import requests
from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError

from app.notifications.sms import Away, NotAdmitted, Unanswered

TIMEOUT = (3.05, 10.0)  # seconds to connect, seconds to wait for an answer


def call(method: str, url: str, *, timeout: tuple[float, float] = TIMEOUT, **sent: Any) -> requests.Response:
    """Raises Away when no connection came about or the provider asks to wait, NotAdmitted for credentials it does not
    know, Unanswered for whatever leaves open whether the request was acted upon."""
    try:
        answer = requests.request(method, url, timeout=timeout, allow_redirects=False, **sent)
    except requests.ConnectTimeout as error:
        raise Away(type(error).__name__) from error
    except requests.ConnectionError as error:
        if _never_connected(error):
            raise Away(type(error).__name__) from error
        raise Unanswered(type(error).__name__) from error
    except requests.RequestException as error:
        raise Unanswered(type(error).__name__) from error
    if answer.status_code == 429:
        raise Away("HTTP_429")
    if answer.status_code in (401, 403):
        raise NotAdmitted(f"HTTP_{answer.status_code}")
    if answer.status_code >= 500 or 300 <= answer.status_code < 400:
        raise Unanswered(f"HTTP_{answer.status_code}")
    return answer


def _never_connected(error: requests.ConnectionError) -> bool:
    """Of what TLS says only an unknown certificate is for certain from before the request: a line may also break, with
    the same kind of error, while the answer is read."""
    inner = error.args[0] if error.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    if isinstance(reason, NewConnectionError | NameResolutionError):
        return True
    causes = (reason, *getattr(reason, "args", ()))
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)


def document(answer: requests.Response) -> dict[str, Any]:
    """The answer's JSON object. Raises Unanswered for a success that says nothing readable."""
    try:
        body = answer.json()
    except requests.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        if answer.ok:
            raise Unanswered("unreadable")
        return {}
    return body
