"""Passwords: changing one, and choosing a new one through a link in a mail."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.core import db
from app.core.errors import Busy, Invalid, NotFound, Problem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import credentials, links, passwords, people, signin
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.identity.policy import Permission
from app.web import guards
from app.web.accounts import blueprint, browser, verbs
from app.web.guards import requires
from forms.accounts import ChangePasswordForm, NewPasswordForm, ResetRequestForm


@blueprint.route("/password-reset", methods=["GET", "POST"], endpoint="reset")
@requires(Permission.PUBLIC)
def reset() -> ResponseReturnValue:
    """Ask for a link. The answer is the same for every address."""
    form = ResetRequestForm(request.form or None)
    if request.method == "GET" or not form.validate():
        return render_template("web/accounts/reset.html", form=form), 422 if form.errors else 200
    session = db.session()
    signin.limit_address("reset", request.remote_addr, 20)
    # Hashing takes far longer, and varies more, than writing the mail: the time says nothing about the address.
    passwords.verify(None, "")
    user = people.by_email(session, form.email.data)
    if signin.mail_allowed("reset", form.email.data) and user is not None and user.disabled_at is None:
        token = links.make(session, user, "reset_password")
        notifications.send(
            session,
            email=user.email,
            template="reset_password",
            locale=user.locale,
            values={
                # Until the address is confirmed anybody may have written the name: we carry no stranger's words.
                "name": user.name if user.verified_at is not None else "",
                "url": browser.absolute("accounts.choose_password", token=token),
            },
        )
    session.commit()
    return redirect(url_for("accounts.reset_sent"), 303)


@blueprint.get("/password-reset/sent", endpoint="reset_sent")
@requires(Permission.PUBLIC)
def reset_sent() -> ResponseReturnValue:
    return render_template("web/accounts/reset_sent.html")


@blueprint.route("/password-reset/<token>", methods=["GET", "POST"], endpoint="choose_password")
@requires(Permission.PUBLIC)
def choose_password(token: str) -> ResponseReturnValue:
    session = db.session()
    try:
        user = links.look(session, token, "reset_password", "welcome")
        form = NewPasswordForm(request.form or None)
        if request.method == "GET" or not form.validate():
            return _choose_page(form, user), 422 if form.errors else 200
        credentials.choose_password(session, token, form.password.data)
    except NotFound:
        return render_template("web/accounts/dead_link.html", kind="reset"), 404
    except Invalid as error:
        form.refuse(error.problems)
        return _choose_page(form, user), 422
    signin.forgive(user.email)
    actor = Actor(kind="user", name=user.name, user_id=user.id, role=Role(user.role), ip=request.remote_addr)
    entries.record(session, actor, verbs.PASSWORD_CHOSEN, subject=f"user:{user.id}", personal={"reference": user.email})
    _tell(user)
    session.commit()
    flash(_("Your password is changed. Sign in with the new one."), "ok")
    return redirect(url_for("accounts.sign_in"), 303)


def _choose_page(form: NewPasswordForm, user: User) -> str:
    return render_template("web/accounts/choose_password.html", form=form, email=user.email)


@blueprint.route("/account/password", methods=["GET", "POST"], endpoint="change_password")
@requires(Permission.SIGNED_IN)
def change_password() -> ResponseReturnValue:
    """A new password ends every other session of the person."""
    form = ChangePasswordForm(request.form or None)
    if request.method == "GET" or not form.validate():
        return render_template("web/accounts/password.html", form=form), 422 if form.errors else 200
    session = db.session()
    actor = guards.actor()
    user = people.user(session, actor.user_id or 0)
    try:
        check_current(user, form.current_password.data)
        credentials.set_password(session, user, form.password.data, keep_session=actor.session_id)
    except (Invalid, Busy) as error:
        form.refuse(error.problems)
        return render_template("web/accounts/password.html", form=form), error.status
    entries.record(
        session, actor, verbs.PASSWORD_CHANGED, subject=f"user:{user.id}", personal={"reference": user.email}
    )
    _tell(user)
    browser.renew_token(actor)
    session.commit()
    flash(_("Your password is changed. You are signed out on every other device."), "ok")
    return redirect(url_for("accounts.account"), 303)


def check_current(user: User, password: str) -> None:
    """Before a change that would lock the person out of their account; raises Invalid or Busy."""
    try:
        signin.check_password(db.session(), user, password, ip=request.remote_addr, device=browser.device())
    except Invalid:
        raise Invalid(Problem(_l("This is not your current password."), "current_password", "wrong")) from None


def _tell(user: User) -> None:
    notifications.send(
        db.session(),
        email=user.email,
        template="password_changed",
        locale=user.locale,
        values={"name": user.name, "url": browser.absolute("accounts.reset")},
    )
