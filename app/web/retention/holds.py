"""``/retention/holds``: placing a legal hold, reading those that stand, and releasing one."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.businesses.models import Business
from app.cases import holds
from app.cases.models import Case
from app.core import db
from app.core.errors import Invalid, NotAllowed, NotFound, Problem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.auditor.addresses import row_id
from app.web.guards import actor, posted_form, requires
from app.web.retention import blueprint
from app.web.templating import url_with
from forms.retention import HoldForm, ReasonForm


def _may() -> None:
    if actor().role is Role.SUPERVISOR:
        raise NotFound


@blueprint.get("/holds", endpoint="holds")
@requires(Permission.RETENTION)
def overview() -> ResponseReturnValue:
    _may()
    session = db.session()
    before, released = row_id("before"), request.args.get("show") == "released"
    found = holds.listed(session, released=released, before=before)
    return render_template(
        "web/retention/holds.html",
        holds=found.holds,
        released=released,
        names=people.names(session, [each.placed_by for each in found.holds]),
        older=url_with(before=found.following) if found.following else None,
        first=url_with(before=None) if before else None,
    )


@blueprint.route("/holds/new", methods=["GET", "POST"], endpoint="new_hold")
@requires(Permission.RETENTION)
def new() -> ResponseReturnValue:
    _may()
    session = db.session()
    form = HoldForm(posted_form() or None, data={"about": request.args.get("about", "")})
    if request.method != "POST":
        return render_template("web/retention/hold_new.html", form=form)
    if not form.validate():
        return render_template("web/retention/hold_new.html", form=form), 422
    try:
        hold = holds.place(
            session,
            load.current(),
            actor(),
            _target(form.about.data),
            reason=form.reason.data,
            proceeding=form.proceeding.data,
            review_on=form.review_on.data,
        )
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return render_template("web/retention/hold_new.html", form=form), error.status
    session.commit()
    flash(_("Hold %(number)s stands: nothing of this is destroyed.", number=hold.number), "ok")
    return redirect(url_for("retention.hold", number=hold.number), 303)


def _target(typed: str) -> holds.Target:
    """A case by its reference, a business by its number, a person by their address. Raises Invalid."""
    session, typed = db.session(), typed.strip()
    case = session.scalar(select(Case).where(Case.reference == typed.upper()))
    if case is not None:
        return holds.Target(case.reference, case_id=case.id)
    business = session.scalar(select(Business).where(Business.number == typed.upper()))
    if business is not None:
        return holds.Target(f"{business.name} ({business.number})", business_id=business.id)
    person = people.by_email(session, typed)
    if person is not None:
        return holds.Target(person.name, user_id=person.id)
    message = _l("There is no case, business or person of this name. Give the reference, the number or the address.")
    raise Invalid(Problem(message, "about", "unknown"))


@blueprint.route("/holds/<number>", methods=["GET", "POST"], endpoint="hold")
@requires(Permission.RETENTION)
def one(number: str) -> ResponseReturnValue:
    _may()
    session, who = db.session(), actor()
    hold = holds.by_number(session, number)
    form, status = ReasonForm(posted_form() or None), 200
    if request.method == "POST":
        try:
            holds.release(session, who, hold, reason=request.form.get("reason", ""))
            session.commit()
            flash(_("Hold %(number)s is released.", number=hold.number), "ok")
            return redirect(url_for("retention.hold", number=hold.number), 303)
        except (Invalid, NotAllowed) as error:
            session.rollback()
            form.refuse([Problem(each.message, "reason", each.code) for each in error.problems])
            hold, status = holds.by_number(session, number), error.status
    page = render_template(
        "web/retention/hold.html",
        hold=hold,
        form=form,
        names=people.names(session, [hold.placed_by, hold.released_by]),
        mine=hold.placed_by == who.user_id,
    )
    return page, status
