"""Errors as RFC 9457 problem documents, whatever they were and wherever under ``/api`` or ``/oauth`` they happened."""

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from app.core import identifiers
from app.core.errors import Busy, DomainError, Stale
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l

log = logging.getLogger("kibali.api")

MEDIA_TYPE = "application/problem+json"
DOCS = "/api/docs"


class Unauthorised(DomainError):
    """No token, or one that is not (or no longer) good. ``challenge`` is the WWW-Authenticate header (RFC 6750 §3)."""

    code = "invalid_token"
    status = 401
    default_message = _l("The access token is missing, wrong or has expired. Ask for a new one.")

    def __init__(self, message: Text | None = None, *, code: str | None = None, challenge: str | None = None) -> None:
        super().__init__(message, code=code)
        self.challenge = challenge or 'Bearer realm="Kibali"'


class MissingScope(DomainError):
    """The token is good, but not for this."""

    code = "insufficient_scope"
    status = 403
    default_message = _l("The access token does not have the scope this operation needs.")

    def __init__(self, scope: str) -> None:
        super().__init__()
        self.challenge = f'Bearer realm="Kibali", error="insufficient_scope", scope="{scope}"'


class Unreadable(DomainError):
    """The body is not JSON, or not sent as such (415)."""

    code = "unreadable"
    status = 400
    default_message = _l("The body is not a JSON document.")

    def __init__(self, message: Text | None = None, *, status: int = 400, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status


TITLES: dict[str, Text] = {
    "invalid": _l("Something in the request is wrong"),
    "invalid_token": _l("A good access token is needed"),
    "insufficient_scope": _l("The access token lacks a scope"),
    "invalid_client": _l("The client could not be authenticated"),
    "invalid_request": _l("The token request is wrong"),
    "invalid_scope": _l("The scope asked for is not available"),
    "unsupported_grant_type": _l("The grant type is not supported"),
    "unreadable": _l("The body could not be read"),
    "not_found": _l("There is nothing here"),
    "method_not_allowed": _l("This method is not supported here"),
    "not_allowed": _l("This is not allowed"),
    "stale": _l("It changed meanwhile"),
    "too_many_requests": _l("Too many requests"),
    "internal": _l("Something went wrong on our side"),
}
"""Every code that may stand at the end of a problem's ``type``, listed on the documentation page."""

# What an HTTP error without a domain error behind it is called.
_HTTP_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    403: "not_allowed",
    409: "stale",
    422: "invalid",
    429: "too_many_requests",
}


def answer(error: Exception) -> Response:
    """The problem document for any error; one that nobody expected is logged and says nothing of its cause."""
    if isinstance(error, DomainError):
        return _domain(error)
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        code = _HTTP_CODES.get(error.code, "unreadable")
        headers = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
        return document(error.code, code, str(TITLES[code]), headers=headers)
    reference = identifiers.public_code(40)
    log.error("failed at %s %s, reference %s", request.method, request.path, reference, exc_info=error)
    g.failed = True
    detail = _l("Try again later. If it happens again, tell us this reference: %(reference)s.", reference=reference)
    status = error.code if isinstance(error, HTTPException) and error.code else HTTPStatus.INTERNAL_SERVER_ERROR
    return document(int(status), "internal", str(detail), extra={"reference": reference})


def _domain(error: DomainError) -> Response:
    headers: dict[str, str] = {}
    extra: dict[str, Any] = {}
    code = error.code if error.code in TITLES else _HTTP_CODES.get(error.status, "invalid")
    if isinstance(error, Unauthorised | MissingScope):
        headers["WWW-Authenticate"] = error.challenge
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNPROCESSABLE_ENTITY and not isinstance(error, Stale):
        extra["errors"] = [
            {"code": problem.code, "field": problem.field, "detail": str(problem.message)} for problem in error.problems
        ]
    if request.path.startswith("/oauth/"):
        # RFC 6749 §5.2 in the same document, for OAuth libraries.
        extra |= {"error": code, "error_description": str(error.message)}
    return document(error.status, code, str(error.message), headers=headers, extra=extra)


def document(
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    extra: dict[str, Any] | None = None,
) -> Response:
    """``extra`` are extension members (RFC 9457 §3.2)."""
    base = current_app.config["KIBALI"].base_url
    told: dict[str, Any] = {
        "type": f"{base}{DOCS}#problem-{code}",
        "title": str(TITLES[code]),
        "status": status,
        "detail": detail,
        "instance": request.path,
        **(extra or {}),
    }
    response = current_app.response_class(json.dumps(told, ensure_ascii=False), status, content_type=MEDIA_TYPE)
    response.headers.update({"Cache-Control": "no-store", **(headers or {})})
    return response


__all__ = ["MEDIA_TYPE", "TITLES", "MissingScope", "Unauthorised", "Unreadable", "answer", "document"]
