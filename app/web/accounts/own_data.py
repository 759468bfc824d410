"""``/account/data`` and ``/account/erase``: a copy of one's own data, and its erasure."""

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import erasure, privacy
from app.cases.retention_models import RequestKind, RequestState
from app.core import db
from app.core.errors import Busy, Invalid, NotFound, Problem
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import store
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import guards
from app.web.accounts import blueprint
from app.web.accounts.passwords import check_current
from app.web.accounts.tasks import live
from app.web.guards import requires
from forms.retention import PasswordForm

LOOK_AGAIN = 4  # seconds, while a copy is being made
STATES: dict[str, tuple[Text, str]] = {
    RequestState.OPEN: (_l("Being made"), "work"),
    RequestState.READY: (_l("Ready"), "ok"),
    RequestState.FAILED: (_l("Failed"), "bad"),
    RequestState.EXPIRED: (_l("Deleted"), "none"),
}


@blueprint.get("/account/data", endpoint="own_data")
@requires(Permission.SIGNED_IN)
def copies() -> ResponseReturnValue:
    return _copies()


@blueprint.post("/account/data", endpoint="ask_own_data")
@requires(Permission.SIGNED_IN)
def ask() -> ResponseReturnValue:
    session = db.session()
    try:
        privacy.ask_copy(session, load.current(), guards.actor())
        session.commit()
    except Busy as error:
        session.rollback()
        return _copies(error.problems, error.status)
    flash(_("Your copy is being made. We write to you when it is ready."), "ok")
    return redirect(url_for("accounts.own_data"), 303)


def _copies(problems: tuple[Problem, ...] = (), status: int = 200) -> ResponseReturnValue:
    requests = privacy.of_person(db.session(), guards.actor().user_id or 0, RequestKind.EXPORT)
    page = render_template(
        "web/accounts/own_data.html",
        requests=requests,
        states=STATES,
        downloadable=privacy.downloadable,
        problems=problems,
    )
    waits = status == 200 and any(each.state == RequestState.OPEN for each in requests)
    return page, status, {"Refresh": str(LOOK_AGAIN)} if waits else {}


@blueprint.route("/account/data/<number>", methods=["GET", "POST"], endpoint="take_own_data")
@requires(Permission.SIGNED_IN)
def take(number: str) -> ResponseReturnValue:
    """An open session is not enough for everything at once: the password is asked for."""
    session, who = db.session(), guards.actor()
    found = privacy.own(session, who, number)
    if not privacy.downloadable(found) or found.sha256 is None:
        raise NotFound
    form = PasswordForm(request.form if request.method == "POST" else None)
    if request.method == "GET" or not form.validate():
        page = render_template("web/accounts/take_own_data.html", form=form, found=found)
        return page, 422 if form.errors else 200
    try:
        check_current(people.user(session, who.user_id or 0), form.current_password.data)
    except (Invalid, Busy) as error:
        form.refuse(error.problems)
        return render_template("web/accounts/take_own_data.html", form=form, found=found), error.status
    privacy.taken(session, who, found)
    session.commit()
    answer = Response(store.current().stream(found.sha256), mimetype="application/zip")
    answer.headers["Content-Disposition"] = f'attachment; filename="{found.number}.zip"'
    answer.headers["Content-Length"] = str(found.size)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@blueprint.route("/account/erase", methods=["GET", "POST"], endpoint="erase")
@requires(Permission.SIGNED_IN)
def erase() -> ResponseReturnValue:
    session, who = db.session(), guards.actor()
    form = PasswordForm(request.form if request.method == "POST" else None)
    if request.method == "GET" or not form.validate():
        return _plan(form, 422 if form.errors else 200)
    user = people.user(session, who.user_id or 0)
    if erasure.plan(session, load.current(), user, live).bar is not None:
        return _plan(form, 409)
    try:
        check_current(user, form.current_password.data)
        privacy.ask_erasure(session, load.current(), who)
    except (Invalid, Busy) as error:
        session.rollback()
        form.refuse(error.problems)
        return _plan(form, error.status)
    session.commit()
    return redirect(url_for("accounts.erase"), 303)


@blueprint.post("/account/erase/cancel", endpoint="cancel_erasure")
@requires(Permission.SIGNED_IN)
def cancel() -> ResponseReturnValue:
    session = db.session()
    privacy.cancel_erasure(session, guards.actor())
    session.commit()
    flash(_("Nothing is erased. Your account stays as it is."), "ok")
    return redirect(url_for("accounts.account"), 303)


def _plan(form: PasswordForm, status: int) -> ResponseReturnValue:
    session, who = db.session(), guards.actor()
    asked = privacy.of_person(session, who.user_id or 0, RequestKind.ERASE, limit=1)
    waiting = asked[0] if asked and asked[0].state == RequestState.OPEN else None
    plan = erasure.plan(session, load.current(), people.user(session, who.user_id or 0), live)
    page = render_template("web/accounts/erase.html", form=form, plan=plan, waiting=waiting, days=privacy.GRACE.days)
    return page, status
