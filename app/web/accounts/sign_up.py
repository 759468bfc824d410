"""Signing up and confirming the e-mail address. The pages say the same whether the address has an account or not."""

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.core import clock, db, i18n
from app.core.errors import Busy, Invalid, NotFound
from app.identity import credentials, links, people, signin
from app.identity.actor import Actor, Role
from app.identity.models import User
from app.identity.policy import Permission
from app.web import guards
from app.web.accounts import blueprint, browser, verbs
from app.web.accounts.sign_in import send_verification
from app.web.guards import requires
from forms.accounts import SignUpForm, VerifyForm


@blueprint.route("/sign-up", methods=["GET", "POST"], endpoint="sign_up")
@requires(Permission.PUBLIC)
def sign_up() -> ResponseReturnValue:
    if guards.current_actor() is not None:
        return redirect(browser.wanted(), 303)
    form = SignUpForm(request.form or None)
    if request.method == "GET" or not form.validate():
        return _page(form), 422 if form.errors else 200
    session = db.session()
    signin.limit_address("sign_up", request.remote_addr, 20)
    try:
        user = credentials.sign_up(
            session,
            email=form.email.data,
            name=form.name.data,
            password=form.password.data,
            locale=str(i18n.current_locale()),
        )
    except Invalid as error:
        form.refuse(error.problems)
        return _page(form), 422
    if signin.mail_allowed("sign_up", form.email.data):
        _tell(user, form.email.data)
    session.commit()
    return redirect(url_for("accounts.check_mail", **browser.onward()), 303)


def _page(form: SignUpForm) -> str:
    return render_template("web/accounts/sign_up.html", form=form, onward=browser.onward())


def _tell(user: User | None, email: str) -> None:
    session = db.session()
    if user is not None:
        actor = Actor(kind="user", name=user.name, user_id=user.id, role=Role(user.role), ip=request.remote_addr)
        entries.record(session, actor, verbs.SIGNED_UP, subject=f"user:{user.id}", personal={"reference": user.email})
        send_verification(user)
        return
    known = people.by_email(session, email)
    if known is not None and known.disabled_at is None:
        notifications.send(
            session,
            email=known.email,
            template="already_registered",
            locale=known.locale,
            values={
                "name": known.name,
                "url": browser.absolute("accounts.sign_in"),
                "reset_url": browser.absolute("accounts.reset"),
            },
        )


@blueprint.get("/sign-up/check-mail", endpoint="check_mail")
@requires(Permission.PUBLIC)
def check_mail() -> ResponseReturnValue:
    return render_template("web/accounts/check_mail.html", onward=browser.onward())


@blueprint.route("/verify-email/<token>", methods=["GET", "POST"], endpoint="verify")
@requires(Permission.PUBLIC)
def verify(token: str) -> ResponseReturnValue:
    """The link and the password together: only who chose the password and reads the mail can confirm the address."""
    session = db.session()
    try:
        user = links.look(session, token, "verify_email")
    except NotFound:
        return render_template("web/accounts/dead_link.html", kind="verify"), 404
    form = VerifyForm(request.form or None)
    if request.method == "GET" or not form.validate():
        page = render_template("web/accounts/verify.html", form=form, email=user.email)
        return page, 422 if form.errors else 200
    try:
        signin.check_password(session, user, form.password.data, ip=request.remote_addr, device=browser.device())
    except (Invalid, Busy) as error:
        form.refuse(error.problems)
        return render_template("web/accounts/verify.html", form=form, email=user.email), error.status
    links.use(session, token, "verify_email")
    user.verified_at = clock.now()
    session.flush()
    actor = browser.begin_session(user)
    entries.record(session, actor, verbs.VERIFIED, subject=f"user:{user.id}", personal={"reference": user.email})
    return browser.next_step(user, actor)
