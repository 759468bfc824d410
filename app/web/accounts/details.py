"""One's own details: name and language, and moving to another e-mail address."""

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.core import db, i18n
from app.core.errors import Busy, Invalid, NotFound
from app.core.i18n import gettext as _
from app.identity import details, limits, people, signin
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import guards
from app.web.accounts import blueprint, browser, verbs
from app.web.accounts.passwords import check_current
from app.web.guards import requires
from app.web.templating import languages
from forms.accounts import ChangeEmailForm, DetailsForm
from forms.fields import options

MOVES_AN_HOUR = 5


def _person() -> tuple[Actor, User]:
    actor = guards.actor()
    return actor, people.user(db.session(), actor.user_id or 0)


@blueprint.route("/account/details", methods=["GET", "POST"], endpoint="details")
@requires(Permission.SIGNED_IN)
def name_and_language() -> ResponseReturnValue:
    session = db.session()
    actor, user = _person()
    pack = load.current()
    form = DetailsForm(
        guards.posted_form() or None, data={"name": user.name, "language": user.locale.partition("_")[0]}
    )
    form.language.choices = options(languages())
    if request.method == "GET" or not form.validate():
        return render_template("web/accounts/details.html", form=form), 422 if form.errors else 200
    changed = details.change(session, user, name=form.name.data, locale=pack.locale(form.language.data))
    if changed:
        subject = f"user:{user.id}"
        about = {"reference": user.email} | {key: value for key, value in changed.items() if key == "name"}
        rest = {key: value for key, value in changed.items() if key != "name"}
        entries.record(session, actor, verbs.DETAILS_CHANGED, subject=subject, personal=about, detail=rest)
    session.commit()
    g.chosen_language = form.language.data
    i18n.set_locale(user.locale, pack.zone)
    flash(_("Your details are saved."), "ok")
    return redirect(url_for("accounts.account"), 303)


@blueprint.route("/account/email", methods=["GET", "POST"], endpoint="change_email")
@requires(Permission.SIGNED_IN)
def change_email() -> ResponseReturnValue:
    """Ask for another address: a link goes to it and a notice to the present one; nothing changes yet."""
    session = db.session()
    actor, user = _person()
    form = ChangeEmailForm(guards.posted_form() or None)
    if request.method == "GET" or not form.validate():
        return _email_page(form, user), 422 if form.errors else 200
    try:
        limits.hit(f"change_email:user:{user.id}", MOVES_AN_HOUR, signin.HOUR)
        check_current(user, form.current_password.data)
        token = details.address_link(user, form.email.data)
    except (Invalid, Busy) as error:
        form.refuse(error.problems)
        return _email_page(form, user), error.status
    if signin.mail_allowed("change_email", form.email.data):
        _ask(user, form.email.data, token)
    entries.record(
        session,
        actor,
        verbs.EMAIL_ASKED,
        subject=f"user:{user.id}",
        personal={"reference": user.email, "email": form.email.data},
    )
    session.commit()
    flash(
        _(
            "We sent a link to %(email)s. It works for 24 hours; until you open it nothing changes.",
            email=form.email.data,
        ),
        "ok",
    )
    return redirect(url_for("accounts.account"), 303)


def _email_page(form: ChangeEmailForm, user: User) -> str:
    return render_template("web/accounts/email.html", form=form, email=user.email)


def _ask(user: User, email: str, token: str) -> None:
    values = {"name": user.name, "email": email}
    url = browser.absolute("accounts.confirm_email", token=token)
    _write(user, email, "new_address", {**values, "url": url})
    _write(user, user.email, "address_asked", {**values, "url": browser.absolute("accounts.change_password")})


def _write(user: User, email: str, template: str, values: dict[str, str]) -> None:
    notifications.send(db.session(), email=email, template=template, locale=user.locale, values=values)


@blueprint.route("/account/email/<token>", methods=["GET", "POST"], endpoint="confirm_email")
@requires(Permission.SIGNED_IN)
def confirm_email(token: str) -> ResponseReturnValue:
    """The link in the mail to the new address. A button takes it: mail programs open links by themselves."""
    session = db.session()
    actor, user = _person()
    try:
        email = details.asked_address(user, token)
        if request.method == "GET":
            return render_template("web/accounts/confirm_email.html", email=email, old=user.email, problems=())
        old = details.move(session, user, token, keep_session=actor.session_id)
    except NotFound:
        return render_template("web/accounts/dead_link.html", kind="address"), 404
    except Invalid as error:
        page = render_template("web/accounts/confirm_email.html", email=email, old=user.email, problems=error.problems)
        return page, error.status
    entries.record(
        session,
        actor,
        verbs.EMAIL_CHANGED,
        subject=f"user:{user.id}",
        personal={"reference": user.email, "email": [old, user.email]},
    )
    _write(
        user,
        old,
        "address_changed",
        {"name": user.name, "email": user.email, "url": browser.absolute("public.contact")},
    )
    browser.renew_token(actor)
    session.commit()
    flash(_("Your e-mail address is changed. You are signed out on every other device."), "ok")
    return redirect(url_for("accounts.account"), 303)
