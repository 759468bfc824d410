"""Signing in: password, then the code for officials; signing out."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.core import db
from app.core.errors import Busy, Invalid
from app.core.i18n import gettext as _
from app.identity import links, people, second_factor, signin
from app.identity.models import User
from app.identity.policy import Permission
from app.web import guards
from app.web.accounts import blueprint, browser, demo, verbs
from app.web.guards import requires
from forms.accounts import CodeForm, SignInForm


@blueprint.route("/sign-in", methods=["GET", "POST"], endpoint="sign_in")
@requires(Permission.PUBLIC)
def sign_in() -> ResponseReturnValue:
    if request.method == "GET":
        actor = guards.current_actor()
        if actor is not None:
            return redirect(browser.wanted(actor.role), 303)
        return _sign_in_page(SignInForm(data={"email": request.args.get("email", "")[:254]}))
    form = SignInForm(request.form)
    if not form.validate():
        return _sign_in_page(form), 422
    session = db.session()
    try:
        user = signin.authenticate(
            session,
            email=form.email.data,
            password=form.password.data,
            ip=request.remote_addr,
            device=browser.device(),
        )
    except (Invalid, Busy) as error:
        form.refuse(error.problems)
        return _refused(_sign_in_page(form), error)
    if user.verified_at is None:
        if signin.mail_allowed("verify", user.email):
            send_verification(user)
        session.commit()
        return redirect(url_for("accounts.check_mail", **browser.onward()), 303)
    actor = browser.begin_session(user)
    return browser.next_step(user, actor)


def _sign_in_page(form: SignInForm) -> str:
    accounts = demo.accounts(db.session()) if browser.settings().demo else ()
    return render_template(
        "web/accounts/sign_in.html",
        form=form,
        accounts=accounts,
        password=demo.PASSWORD,
        onward=browser.onward(),
        parked="parked=" in browser.wanted(),
    )


def _refused(page: str, error: Invalid | Busy) -> ResponseReturnValue:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Busy) else {}
    return page, error.status, headers


@blueprint.route("/sign-in/code", methods=["GET", "POST"], endpoint="code")
@requires(Permission.SIGNED_IN, before_second_factor=True)
def code() -> ResponseReturnValue:
    """The second factor of an official: a code of the phone, or a recovery code."""
    session = db.session()
    actor = guards.actor()
    user = people.user(session, actor.user_id or 0)
    if actor.second_factor or not user.official:
        return redirect(browser.wanted(actor.role), 303)
    if not second_factor.enrolled(user):
        return redirect(url_for("accounts.second_factor", **browser.onward()), 303)
    if request.method == "GET":
        return _code_page(CodeForm(), user)
    form = CodeForm(request.form)
    if not form.validate():
        return _code_page(form, user), 422
    try:
        by_recovery = signin.check_code(session, user, form.one_time_code.data, device=browser.device())
    except (Invalid, Busy) as error:
        entries.record(
            session, actor, verbs.SECOND_FACTOR_FAILED, subject=f"user:{user.id}", personal={"reference": user.email}
        )
        session.commit()
        form.refuse(error.problems)
        return _refused(_code_page(form, user), error)
    raised = browser.second_factor_given(actor)
    entries.record(
        session, raised, verbs.SECOND_FACTOR_GIVEN, subject=f"user:{user.id}", personal={"reference": user.email}
    )
    if by_recovery:
        entries.record(
            session, raised, verbs.RECOVERY_CODE_USED, subject=f"user:{user.id}", personal={"reference": user.email}
        )
        left = second_factor.recovery_codes_left(session, user.id)
        flash(_("You used a recovery code. You have %(count)s left.", count=left), "warn")
    return browser.arrive(user, raised)


def _code_page(form: CodeForm, user: User) -> str:
    shown = second_factor.current_code(user) if browser.settings().demo and user.is_demo else None
    return render_template("web/accounts/code.html", form=form, shown=shown)


@blueprint.post("/sign-out", endpoint="sign_out")
@requires(Permission.PUBLIC)
def sign_out() -> ResponseReturnValue:
    session = db.session()
    actor = browser.end_session()
    if actor is not None:
        entries.record(session, actor, verbs.SIGNED_OUT, subject=f"user:{actor.user_id}")
    session.commit()
    flash(_("You are signed out."), "ok")
    return redirect("/", 303)


def send_verification(user: User) -> None:
    session = db.session()
    token = links.make(session, user, "verify_email")
    notifications.send(
        session,
        email=user.email,
        template="verify_email",
        locale=user.locale,
        values={"name": user.name, "url": browser.absolute("accounts.verify", token=token, **browser.onward())},
    )
