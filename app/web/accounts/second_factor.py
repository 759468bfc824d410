"""Setting up the second factor of officials: the picture for the phone, the first code, the recovery codes."""

import io

import segno
from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries
from app.core import db
from app.core.errors import Busy, Invalid, NotAllowed, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity import limits, people, second_factor, signin
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.policy import Permission
from app.web import guards
from app.web.accounts import blueprint, browser, verbs
from app.web.guards import requires
from forms.accounts import CodeForm


def _person() -> tuple[Actor, User]:
    """Who sets the factor up. With one in force, only a session that has given it may make another."""
    actor = guards.actor()
    user = people.user(db.session(), actor.user_id or 0)
    if not user.official:
        raise NotFound
    return actor, user


def _must_give_code(actor: Actor, user: User) -> bool:
    return second_factor.enrolled(user) and not actor.second_factor


@blueprint.route("/account/second-factor", methods=["GET", "POST"], endpoint="second_factor")
@requires(Permission.SIGNED_IN, before_second_factor=True)
def enrol() -> ResponseReturnValue:
    session = db.session()
    actor, user = _person()
    if _must_give_code(actor, user):
        return redirect(url_for("accounts.code", next=request.path), 303)
    form = CodeForm(request.form or None)
    if request.method == "GET" or not form.validate():
        return _page(form, user), 422 if form.errors else 200
    try:
        limits.hit(f"enrol:{user.id}", signin.CODE_ATTEMPTS * 2, signin.WINDOW)
        codes = second_factor.confirm(session, user, form.one_time_code.data)
        if codes is None:
            raise Invalid(Problem(_l("This code is not right. Wait for the next one and try again."), "one_time_code"))
    except (Invalid, Busy) as error:
        form.refuse(error.problems)
        return _page(form, user), error.status
    raised = browser.second_factor_given(actor)
    entries.record(
        session, raised, verbs.SECOND_FACTOR_SET, subject=f"user:{user.id}", personal={"reference": user.email}
    )
    session.commit()
    return _codes_page(codes, raised)


def _page(form: CodeForm, user: User) -> str:
    session = db.session()
    secret = second_factor.begin(session, user)
    session.commit()
    groups = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    renewing = second_factor.enrolled(user)
    left = second_factor.recovery_codes_left(session, user.id) if renewing else 0
    return render_template(
        "web/accounts/second_factor.html", form=form, secret=groups, renewing=renewing, left=left, user=user
    )


def _codes_page(codes: list[str], actor: Actor) -> str:
    return render_template("web/accounts/recovery_codes.html", codes=codes, target=browser.wanted(actor.role))


@blueprint.get("/account/second-factor/picture.svg", endpoint="second_factor_picture")
@requires(Permission.SIGNED_IN, before_second_factor=True)
def picture() -> ResponseReturnValue:
    """The QR code as a file of its own: the policy allows no drawing inside the page's style."""
    session = db.session()
    actor, user = _person()
    if _must_give_code(actor, user) or user.totp_pending is None:
        raise NotFound
    uri = second_factor.provisioning_uri(user, second_factor.begin(session, user))
    drawn = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(
        drawn, kind="svg", scale=5, border=4, light="#fff", xmldecl=False, svgclass=None, lineclass=None
    )
    return Response(drawn.getvalue(), mimetype="image/svg+xml")


@blueprint.post("/account/second-factor/recovery-codes", endpoint="recovery_codes")
@requires(Permission.SIGNED_IN)
def recovery_codes() -> ResponseReturnValue:
    """New recovery codes; the old ones stop working."""
    session = db.session()
    actor, user = _person()
    if not second_factor.enrolled(user):
        raise NotAllowed
    codes = second_factor.renew_recovery_codes(session, user)
    entries.record(
        session, actor, verbs.RECOVERY_CODES_RENEWED, subject=f"user:{user.id}", personal={"reference": user.email}
    )
    session.commit()
    return _codes_page(codes, actor)
