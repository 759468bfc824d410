"""What happens around every request: one unit of work, the reader's language, and the headers that protect the page."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask, Response, current_app, g, request
from flask import session as cookie_session
from sqlalchemy import update
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import IntegerConverter

from app.core import db, i18n
from app.identity.models import User
from app.jurisdictions import load
from app.web import guards
from config import Settings

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=63072000; includeSubDomains"
LOCALE_COOKIE = "kibali_lang"
YEAR = 365 * 24 * 3600
LARGEST_REQUEST = 12 * 1024 * 1024
LARGEST_FORM = 1024 * 1024  # of everything that carries no file
WITH_FILES = frozenset(
    {"applicant.documents", "applicant.appeal", "desk.advice_one", "desk.inspection_report", "advice_link.question"}
)
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


class RowId(IntegerConverter):
    """``<int:…>`` in an address: no longer than a row's id can be; a longer one is no page."""

    regex = "[0-9]{1,18}"


UnitOfWork = Callable[[], AbstractContextManager[Any]]


def install(app: Flask) -> None:
    """Needs the settings as ``KIBALI`` in ``app.config``."""
    settings: Settings = app.config["KIBALI"]
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        MAX_FORM_MEMORY_SIZE=LARGEST_FORM,
        SESSION_COOKIE_NAME="__Host-kibali" if settings.https else "kibali",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        PREFERRED_URL_SCHEME="https" if settings.https else "http",
    )
    if settings.mode == "production":
        host = urlsplit(settings.base_url).hostname or ""
        app.config["TRUSTED_HOSTS"] = [host]
        app.wsgi_app = _any_host_for_probes(app.wsgi_app, host)  # type: ignore[method-assign, assignment]
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=count, x_proto=count, x_host=count
        )
    app.url_map.converters["int"] = RowId
    app.extensions["kibali.unit_of_work"] = _unit_of_work
    app.before_request(_bound)
    app.before_request(_open)
    app.before_request(_speak)
    app.teardown_request(_close)
    app.after_request(_protect)


def _any_host_for_probes(portal: WSGIApplication, host: str) -> WSGIApplication:
    """A load balancer asks each machine by its own address: the health pages answer whatever the Host is."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") in PROBES:
            environ = {**environ, "HTTP_HOST": host}
        return portal(environ, start_response)

    return answer


def _unit_of_work() -> AbstractContextManager[Any]:
    return db.unit_of_work(commit=False)


def _bound() -> None:
    """Words need little room: what is typed is kept in drafts, and nobody types megabytes."""
    if request.endpoint not in WITH_FILES:
        request.max_content_length = min(request.max_content_length or LARGEST_FORM, LARGEST_FORM)


def _open() -> None:
    """One session a request. It takes a connection only when the first statement runs; views commit."""
    opened: UnitOfWork = current_app.extensions["kibali.unit_of_work"]
    g.unit_of_work = ExitStack()
    g.unit_of_work.enter_context(opened())


def _close(error: BaseException | None) -> None:
    stack: ExitStack | None = g.pop("unit_of_work", None)
    if stack is not None:
        stack.__exit__(type(error) if error else None, error, error.__traceback__ if error else None)


def _speak() -> None:
    """The reader's language: asked for with ``?lang=``, remembered by the browser's cookie or the person's account, or
    the browser's wish."""
    pack = load.current()
    asked, remembered = request.args.get("lang"), request.cookies.get(LOCALE_COOKIE)
    wished = request.accept_languages.best_match(pack.languages) or pack.default_language
    chosen = next((language for language in (asked, remembered) if language in pack.languages), None)
    locale = pack.locale(chosen or wished)
    i18n.set_locale(locale, pack.zone)
    if asked in pack.languages:
        g.chosen_language = asked
        _remember(locale)
    elif chosen is None and request.endpoint != "static":
        actor = guards.current_actor()
        if actor is not None:
            i18n.set_locale(pack.locale(actor.locale.partition("_")[0]), pack.zone)


def _remember(locale: str) -> None:
    """Mails to this person speak the language they chose on a page."""
    actor = guards.current_actor()
    if actor is not None and actor.locale != locale:
        session = db.session()
        session.execute(update(User).where(User.id == actor.user_id).values(locale=locale))
        session.commit()


def _protect(response: Response) -> Response:
    settings: Settings = current_app.config["KIBALI"]
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if settings.https:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if request.endpoint == "static" and response.status_code in {200, 206, 304}:
        fixed = "v" in request.args  # the address changes with the content
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable" if fixed else "public, max-age=3600"
        return response
    if "chosen_language" in g:
        response.set_cookie(
            LOCALE_COOKIE, g.chosen_language, max_age=YEAR, httponly=True, samesite="Lax", secure=settings.https
        )
    page = response.mimetype == "text/html"
    if page:
        response.vary.update(["Cookie", "Accept-Language"])
    if _personal() and (page or "Cache-Control" not in response.headers):
        response.headers["Cache-Control"] = "no-store"
    return response


def _personal() -> bool:
    """Shown to a signed-in person, or part of signing in."""
    return "_user_id" in cookie_session or request.blueprint == "accounts"
