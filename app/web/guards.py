"""The door of every page: deny by default, sign-in, second factor, and forms kept when a session ends.

A view declares its permission with ``@requires``; an endpoint that declares none answers 403 to everyone.
"""

import logging
import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from flask import Flask, current_app, flash, g, redirect, request, url_for
from flask import session as cookie_session
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from app.core import db
from app.core.errors import Busy, NotAllowed
from app.core.i18n import gettext as _
from app.identity import limits, parking, people, sessions, signin
from app.identity.actor import Actor
from app.identity.policy import Permission, may_enter
from app.web import errors

log = logging.getLogger("kibali.guards")

csrf = CSRFProtect()
login_manager = LoginManager()
login_manager.session_protection = None  # our rows say which session is open, not the browser's name

NONCE_COOKIE = "kibali_form"
PARKED_AN_HOUR = 60  # by one address
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NEVER_PARKED = frozenset({"csrf_token", "one_time_code"})

API_SCOPE = "scope:"  # an operation of the API: its own guard asks for a token with the scope

View = TypeVar("View", bound=Callable[..., Any])


def requires(permission: Permission, *, before_second_factor: bool = False) -> Callable[[View], View]:
    """Declare who may enter a view. ``before_second_factor``: an official may come here without the code yet."""

    def declare(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        view.before_second_factor = before_second_factor  # type: ignore[attr-defined]
        return view

    return declare


class SignedIn(UserMixin):  # type: ignore[misc]
    """What Flask-Login carries: the token of a session row, and the actor it stands for."""

    def __init__(self, token: str, actor: Actor) -> None:
        self.token = token
        self.actor = actor

    def get_id(self) -> str:
        return self.token


@login_manager.user_loader  # type: ignore[untyped-decorator]
def _load(token: str) -> SignedIn | None:
    found = people.actor_by_token(db.session(), token)
    if found is None:
        return None
    actor, seen_at = found
    sessions.touch(token, seen_at)
    return SignedIn(token, actor)


def current_actor() -> Actor | None:
    """Who is signed in, or None. One statement a request, none without a session cookie."""
    return current_user.actor if isinstance(current_user, SignedIn) else None


def actor() -> Actor:
    """Who is signed in; raises NotAllowed when nobody is."""
    found = current_actor()
    if found is None:
        raise NotAllowed
    return found


def local_path(target: str | None, default: str = "/") -> str:
    """``target`` when it is a path of this portal, ``default`` for anything that could lead elsewhere."""
    if not target or not target.startswith("/") or target.startswith("//") or len(target) > 2000:
        return default
    if "\\" in target or any(ord(sign) < 0x20 or ord(sign) == 0x7F for sign in target):
        return default
    parts = urlsplit(target)
    return target if not parts.scheme and not parts.netloc else default


def sign_in_url(target: str) -> str:
    return url_for("accounts.sign_in", next=target) if target not in {"", "/"} else url_for("accounts.sign_in")


def load_guards(app: Flask) -> None:
    """Install the door. Its check runs before the one for CSRF, so that an ended session costs nobody their text."""
    login_manager.init_app(app, add_context_processor=False)
    app.before_request(_guard)
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)  # the token lives as long as the session it belongs to
    csrf.init_app(app)
    app.register_error_handler(CSRFError, _not_ours)


def _guard() -> ResponseReturnValue | None:
    endpoint = request.endpoint
    if endpoint is None or endpoint == "static":
        return None  # 404 and 405 are the router's; static files are for all
    view = current_app.view_functions[endpoint]
    permission = getattr(view, "permission", None)
    if permission is None:
        log.error("endpoint %s declares no permission: denied", endpoint)
        raise NotAllowed
    if permission is Permission.PUBLIC or str(permission).startswith(API_SCOPE):
        return None
    found = current_actor()
    if found is None:
        return _to_sign_in()
    if found.role is not None and found.role.official and not found.second_factor:
        if getattr(view, "before_second_factor", False):
            return None
        return redirect(url_for("accounts.code", next=_wanted_page()), 303)
    if not may_enter(found, permission):
        raise NotAllowed
    return None


def _wanted_page() -> str:
    """Where to bring the person afterwards: the page itself, or for a form the page it is on."""
    if request.method in SAFE_METHODS:
        return local_path(request.full_path.rstrip("?"))
    return _page_of_form()


def _page_of_form() -> str:
    """The path with a GET that shows the posted form: usually the same, else the page it was sent from."""
    adapter = current_app.create_url_adapter(request)
    if adapter is None or adapter.test(request.path, "GET"):
        return local_path(request.path)
    referrer = urlsplit(request.referrer or "")
    if referrer.netloc == request.host and adapter.test(referrer.path, "GET"):
        return local_path(referrer.path)
    return "/"


def _to_sign_in() -> ResponseReturnValue:
    if request.method in SAFE_METHODS:
        return redirect(sign_in_url(_wanted_page()), 303)
    page = _page_of_form()
    nonce = request.cookies.get(NONCE_COOKIE) or secrets.token_urlsafe(24)
    ended = cookie_session.get("_user_id")
    user_id = sessions.owner_of(db.session(), ended) if isinstance(ended, str) else None
    token = _park(page, user_id, nonce)
    if token is None:
        return redirect(sign_in_url(page), 303)
    response: Response = redirect(sign_in_url(f"{page}?{urlencode({'parked': token})}"), 303)
    response.set_cookie(
        NONCE_COOKIE,
        nonce,
        max_age=int(parking.KEPT.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=request.is_secure,
    )
    return response


def _not_ours(error: CSRFError) -> ResponseReturnValue:
    """A form of an older session, sent after signing in anew in another window: nothing is done, nothing is lost."""
    found = current_actor()
    page = _page_of_form()
    token = _park(page, found.user_id, secrets.token_urlsafe(24)) if found is not None and found.user_id else None
    if token is None:
        return errors.page(400, words=errors.EXPIRED)
    flash(_("You signed in again after you opened this page, so nothing was sent. Check it and send it now."), "warn")
    return redirect(f"{page}?{urlencode({'parked': token})}", 303)


def _from_our_page() -> bool:
    """What another site makes a browser post is nobody's work."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    source = request.headers.get("Origin") or request.referrer
    return source is None or urlsplit(source).netloc == request.host


def _park(page: str, user_id: int | None, nonce: str) -> str | None:
    """Keep what was posted; None when there is nothing to keep, too much, or it is not a person's work here."""
    if page == "/" or not _from_our_page():
        return None
    try:
        limits.hit(f"park:{signin.network(request.remote_addr)}", PARKED_AN_HOUR, 3600)
        fields = [
            (name, value)
            for name, value in request.form.items(multi=True)
            if name not in _NEVER_PARKED and "password" not in name.lower()
        ]
    except (HTTPException, Busy):  # the first: larger than the portal takes
        return None
    session = db.session()
    parked = parking.park(session, path=page, fields=fields, user_id=user_id, nonce=nonce)
    session.commit()
    return parked


def posted_form() -> MultiDict[str, str]:
    """What the form was filled with: the posted fields or, after a session ended, the parked ones of this page.

    Empty on a plain GET: give ``posted_form() or None`` to a form that has data of its own.
    """
    if request.method == "POST":
        return request.form
    token = request.args.get("parked")
    found = current_actor()
    if not token or found is None or found.user_id is None:
        return MultiDict()
    if "parked_form" not in g:
        g.parked_form = parking.fetch(
            db.session(),
            token=token,
            path=request.path,
            user_id=found.user_id,
            nonce=request.cookies.get(NONCE_COOKIE),
        )
    return MultiDict(g.parked_form)
