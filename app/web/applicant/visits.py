"""The applicant's side of a visit: confirming it, asking once for another day, the file for their calendar."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import inspections
from app.cases.inspection_models import Inspection
from app.cases.models import Case
from app.core import db
from app.core.errors import Invalid, NotAllowed, NotFound, Stale
from app.core.i18n import gettext as _
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.web import visits
from app.web.applicant import blueprint
from app.web.guards import actor, posted_form, requires
from forms.inspections import AnotherDayForm


def _load(reference: str, number: str, permission: Permission) -> tuple[Inspection, Case]:
    visit, case = inspections.load(db.session(), actor(), number, permission)
    if case.reference != reference.strip().upper():
        raise NotFound
    return visit, case


@blueprint.post("/cases/<reference>/visits/<number>/confirm")
@requires(Permission.CASE_EDIT_OWN)
def confirm_visit(reference: str, number: str) -> ResponseReturnValue:
    session = db.session()
    visit, case = _load(reference, number, Permission.CASE_EDIT_OWN)
    try:
        inspections.confirm(session, actor(), visit, version=request.form.get("version", type=int) or 0)
        session.commit()
    except Stale as error:
        session.rollback()
        flash(str(error.message), "warn")
    else:
        flash(_("You confirmed the visit."))
    return redirect(url_for("applicant.case", reference=case.reference, _anchor="visits"), 303)


@blueprint.route("/cases/<reference>/visits/<number>/another-day", methods=["GET", "POST"])
@requires(Permission.CASE_EDIT_OWN)
def another_day(reference: str, number: str) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    visit, case = _load(reference, number, Permission.CASE_EDIT_OWN)
    form = AnotherDayForm(posted_form() or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.validate():
            seen = request.form.get("version", type=int) or 0
            try:
                inspections.ask_again(session, pack, actor(), visit, form.day.data, form.reason.data, version=seen)
                session.commit()
            except (Invalid, NotAllowed, Stale) as error:
                session.rollback()
                visit, case = _load(reference, number, Permission.CASE_EDIT_OWN)
                form.refuse(error.problems)
                status = error.status
            else:
                flash(_("Your wish is with the agency. The visit stays at its time until the agency answers."))
                return redirect(url_for("applicant.case", reference=case.reference, _anchor="visits"), 303)
    return (
        render_template(
            "web/applicant/another_day.html",
            case=case,
            visit=visit,
            form=form,
            agency=lookup.agency(pack, visit.agency),
        ),
        status,
    )


@blueprint.get("/cases/<reference>/visits/<number>.ics")
@requires(Permission.CASE_VIEW_OWN)
def visit_calendar(reference: str, number: str) -> ResponseReturnValue:
    visit, case = _load(reference, number, Permission.CASE_VIEW_OWN)
    return visits.calendar(visit, case)
