"""The browser's side of an account: its session cookie, its device cookie, and links for mails."""

import secrets
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flask import Response, current_app, g, redirect, request, url_for
from flask import session as cookie_session
from flask_login import login_user, logout_user
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response as Redirect

from app import notifications
from app.audit import entries
from app.core import clock, db
from app.core.errors import NotFound
from app.identity import parking, people, second_factor, sessions, signin
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.web import guards
from app.web.accounts import verbs
from app.web.navigation import HOME
from config import Settings

DEVICE_COOKIE = "kibali_device"
TWO_YEARS = 2 * 365 * 24 * 3600


def settings() -> Settings:
    found: Settings = current_app.config["KIBALI"]
    return found


def absolute(endpoint: str, **values: Any) -> str:
    """An address for a mail, from the configured one and never from the request's Host."""
    return settings().base_url + url_for(endpoint, **values)


def wanted(role: Role | None = None) -> str:
    """Where to go after signing in: ``?next=`` when it is a page of ours, else the person's first page."""
    return guards.local_path(request.args.get("next"), HOME.get(role, "/") if role else "/")


def onward() -> dict[str, Any]:
    """``next`` for the following step's address."""
    target = guards.local_path(request.args.get("next"), "")
    return {"next": target} if target else {}


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(str(current_app.secret_key), salt="kibali.device")


def device() -> str | None:
    """The id this browser is known by; None for a new browser or a forged cookie."""
    try:
        found = _serializer().loads(request.cookies.get(DEVICE_COOKIE, ""))
    except BadSignature:
        return None
    return found if isinstance(found, str) else None


def set_device(response: Response | Redirect, device_id: str) -> None:
    response.set_cookie(
        DEVICE_COOKIE,
        str(_serializer().dumps(device_id)),
        max_age=TWO_YEARS,
        httponly=True,
        samesite="Lax",
        secure=settings().https,
    )


def begin_session(user: User) -> Actor:
    """Open a session for who proved to be ``user``; whatever session the browser had before ends."""
    session = db.session()
    end_session()
    row, token = sessions.open_session(
        session, user, ip=request.remote_addr, user_agent=request.user_agent.string, second_factor=False
    )
    actor = people.actor_for(session, row)
    cookie_session.clear()
    _forget_csrf()
    login_user(guards.SignedIn(token, actor))
    parking.claim(session, user_id=user.id, nonce=request.cookies.get(guards.NONCE_COOKIE))
    entries.record(session, actor, verbs.SIGNED_IN, subject=f"user:{user.id}", personal={"reference": user.email})
    return actor


def end_session() -> Actor | None:
    """End the browser's session, if it has one; who it was."""
    actor = guards.current_actor()
    if actor is not None and actor.user_id is not None and actor.session_id is not None:
        with suppress(NotFound):  # it ended a moment ago, by another request
            sessions.end(db.session(), actor.user_id, actor.session_id)
    logout_user()
    cookie_session.clear()
    _forget_csrf()
    return actor


def second_factor_given(actor: Actor) -> Actor:
    """The session's rights grow: it gets another token, so that an older copy of the cookie is worth nothing."""
    if actor.session_id is None:
        raise RuntimeError("no session to raise")
    raised = replace(actor, second_factor=True)
    token = sessions.rotate(db.session(), actor.session_id, second_factor=True)
    _carry(token, raised)
    return raised


def renew_token(actor: Actor) -> None:
    """After a new password, for the same reason."""
    if actor.session_id is not None:
        _carry(sessions.rotate(db.session(), actor.session_id), actor)


def _carry(token: str, actor: Actor) -> None:
    cookie_session.pop("csrf_token", None)
    _forget_csrf()
    login_user(guards.SignedIn(token, actor))


def _forget_csrf() -> None:
    g.pop("csrf_token", None)


def arrive(user: User, actor: Actor) -> Redirect:
    """Fully signed in: remember the device, tell the person about a new one, go where they wanted."""
    session = db.session()
    device_id = device() or secrets.token_urlsafe(24)
    if signin.remember_device(session, user.id, device_id):
        notifications.send(
            session,
            user_id=user.id,
            template="new_device",
            locale=user.locale,
            values={
                "name": user.name,
                "at": clock.now(),
                "ip": request.remote_addr or "",
                "url": absolute("accounts.sessions"),
            },
        )
    session.commit()
    response = redirect(wanted(actor.role), 303)
    set_device(response, device_id)
    return response


def next_step(user: User, actor: Actor) -> Redirect:
    """After the password: officials go on to the second factor."""
    if not user.official:
        return arrive(user, actor)
    db.session().commit()
    endpoint = "accounts.code" if second_factor.enrolled(user) else "accounts.second_factor"
    return redirect(url_for(endpoint, **onward()), 303)
