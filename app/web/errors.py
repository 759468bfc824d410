"""What went wrong, as a page in the reader's language that says what to do next.

The platform's side (``/api``, ``/oauth``) answers with documents of its own: see ``delegate``.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError
from werkzeug.exceptions import BadRequest, HTTPException, SecurityError

from app.core import db, identifiers
from app.core.errors import Busy, DomainError
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l

log = logging.getLogger("kibali.web")

Delegate = Callable[[Exception], Response]


@dataclass(frozen=True)
class Words:
    title: Text
    text: Text


PAGES: dict[int, Words] = {
    400: Words(
        _l("We could not read what was sent"),
        _l("Go back, check the page and send it again. If it was open for a long time, open it anew first."),
    ),
    403: Words(
        _l("This page is not open to your account"),
        _l("If you work for several businesses, look at the top of the page whether you act for the right one."),
    ),
    404: Words(
        _l("We could not find that page"),
        _l("If you typed the address, check it. The page may have moved, or it may belong to someone else's account."),
    ),
    405: Words(_l("This page cannot be opened like that"), _l("Start again from the home page.")),
    409: Words(
        _l("This changed while you had it open"),
        _l("Someone else was quicker. Open the page again to see what is there now; then decide."),
    ),
    410: Words(
        _l("This was destroyed at the end of its period"),
        _l(
            "What this file said was destroyed when the time for which it is kept had ended. Its reference, its dates "
            "and the certificate of its disposal remain."
        ),
    ),
    413: Words(
        _l("The file is too large"),
        _l("Go back and choose a smaller one. A photo taken at a lower resolution, or a PDF of fewer pages, will do."),
    ),
    422: Words(_l("There is a problem with what was sent"), _l("Go back, correct it and send it again.")),
    429: Words(
        _l("Too many attempts"),
        _l("To keep accounts safe we wait a little between attempts. Try again in a few minutes."),
    ),
    500: Words(
        _l("Sorry, something went wrong here"),
        _l("It is our fault, not yours. Nothing you had saved is lost. Wait a minute and try again."),
    ),
    503: Words(
        _l("The portal is resting for a moment"),
        _l("Nothing you had saved is lost. Try again in a few minutes."),
    ),
}
EXPIRED = Words(
    _l("This page was open for too long"),
    _l(
        "For your safety a form can only be sent from the session in which it was opened. Go back, reload the page and "
        "send it again."
    ),
)

_delegates: dict[str, Delegate] = {}


def delegate(prefix: str, answer: Delegate) -> None:
    """Errors under the path ``prefix`` are answered by ``answer(error)`` instead of a page."""
    _delegates[prefix] = answer


def install(app: Flask) -> None:
    app.register_error_handler(DomainError, _domain)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(DataError, _beyond_the_database)
    app.register_error_handler(Exception, _unexpected)


def page(status: int, message: Text | None = None, words: Words | None = None) -> Response:
    """The error page for ``status``; ``message`` says more than the general words."""
    known = words or PAGES.get(status) or PAGES[500 if status >= 500 else 400]
    html = render_template(
        "errors/page.html",
        status=status,
        title=known.title,
        text=known.text,
        message=message,
        reference=reference() if status >= 500 else None,
    )
    response = make_response(html, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def reference() -> str:
    """A short code for this request that a person can read to the help desk and that is found in the log."""
    if "support_reference" not in g:
        code = identifiers.public_code(40)
        g.support_reference = f"{code[:4]}-{code[4:]}"
    found: str = g.support_reference
    return found


def _where() -> str:
    """The path for the log, without the secret that the address of a link has."""
    secret = (request.view_args or {}).get("token")
    return request.path.replace(secret, "…") if isinstance(secret, str) and secret else request.path


def _answer_elsewhere(error: Exception) -> Response | None:
    for prefix, answer in _delegates.items():
        if request.path == prefix or request.path.startswith(prefix.rstrip("/") + "/"):
            return answer(error)
    return None


def _domain(error: DomainError) -> Response:
    if (other := _answer_elsewhere(error)) is not None:
        return other
    message = None if error.message is type(error).default_message else error.message
    response = page(error.status, message)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _http(error: HTTPException) -> Response:
    if error.code is None or error.code < 400:  # a redirect is not an error
        return make_response(error.get_response())
    if isinstance(error, SecurityError):  # another's Host: a page could not even name its stylesheet
        return make_response("Bad request\n", error.code, {"Content-Type": "text/plain; charset=utf-8"})
    if (other := _answer_elsewhere(error)) is not None:
        return other
    if error.code >= 500:
        log.error("answered %s at %s, reference %s", error.code, _where(), reference())
        g.failed = True
    response = page(error.code, words=EXPIRED if isinstance(error, CSRFError) else None)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _beyond_the_database(error: DataError) -> Response:
    """A zero sign in a text, a number no row can have: nobody typed that, and no form of ours sends it."""
    log.warning("the database cannot hold what was sent to %s", request.endpoint)
    db.session().rollback()  # the page needs a transaction that works
    return _http(BadRequest())


def _unexpected(error: Exception) -> Response:
    if (other := _answer_elsewhere(error)) is not None:
        return other
    log.exception("failed at %s %s, reference %s", request.method, _where(), reference())
    g.failed = True  # the page must not ask for anything that may be what failed
    try:
        return page(HTTPStatus.INTERNAL_SERVER_ERROR)
    except Exception:
        log.exception("the error page itself failed")
        return make_response(f"<!doctype html><title>500</title><h1>{PAGES[500].title}</h1><p>{reference()}</p>", 500)


__all__ = ["delegate", "install", "page", "reference"]
