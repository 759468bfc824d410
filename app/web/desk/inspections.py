"""Visits: planning one, what became of it, and the inspector's report, written where the visit is."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from io import BytesIO

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.businesses import lookup as businesses
from app.cases import access, hands, inspection_reports, inspections, registry
from app.cases.inspection_models import (
    FOUND_TITLES,
    RESULT_KINDS,
    RESULT_TITLES,
    STATE_KINDS,
    STATE_TITLES,
    Inspection,
    InspectionReport,
)
from app.cases.models import Case, Submission
from app.core import clock, db
from app.core.errors import DomainError, Invalid, NotAllowed, Stale
from app.core.i18n import gettext as _
from app.documents import store
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load, lookup, working_days
from app.web import downloads, visits
from app.web.desk import blueprint
from app.web.guards import actor, posted_form, requires
from forms.advice import EndForm
from forms.fields import unit_name
from forms.inspections import ItemForm, PlanForm, ReportForm

REFUSED = (Invalid, NotAllowed, Stale)
STEP = 30  # minutes between the times to choose from
VIEW = "/desk/inspections/<reference>"


# --- planning -------------------------------------------------------------------------------------------------------


@blueprint.route("/desk/<reference>/inspections/new", methods=["GET", "POST"], endpoint="inspection_new")
@requires(Permission.DESK)
def plan(reference: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    case = access.load(session, who, reference, Permission.DESK)
    start = {"place": _address(case), "minutes": pack.inspections.minutes, "officials": [who.user_id]}
    form = _plan_form(case, posted_form() or None, start)
    if request.method != "POST":
        return _plan_page(case, form)
    if not form.validate():
        return _plan_page(case, form, status=422)
    try:
        visit = inspections.plan(session, pack, who, case, _wanted(form))
        session.commit()
    except REFUSED as error:
        session.rollback()
        form.refuse(error.problems)
        return _plan_page(case, form, status=error.status)
    flash(_("The visit is planned. The applicant is told."))
    return redirect(url_for("desk.inspection_one", reference=visit.reference), 303)


@blueprint.route(f"{VIEW}/move", methods=["GET", "POST"], endpoint="inspection_move")
@requires(Permission.DESK)
def move(reference: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    visit, case = inspections.load(session, who, reference)
    form = _plan_form(case, posted_form() or None, _as_planned(visit))
    if request.method != "POST":
        return _plan_page(case, form, visit)
    if not form.validate():
        return _plan_page(case, form, visit, status=422)
    seen = request.form.get("version", type=int) or 0
    try:
        inspections.move(session, pack, who, visit, _wanted(form), version=seen)
        session.commit()
    except REFUSED as error:
        session.rollback()
        visit, case = inspections.load(session, who, reference)
        form.refuse(error.problems)
        return _plan_page(case, form, visit, status=error.status)
    flash(_("The visit is moved. The applicant is told."))
    return redirect(url_for("desk.inspection_one", reference=visit.reference), 303)


def _plan_form(case: Case, posted: object, start: dict[str, object]) -> PlanForm:
    pack = load.current()
    office = [each for each in working_days.week(pack, clock.today(pack.zone), case.agency or "") if each is not None]
    first, last = min(each.opens for each in office), max(each.closes for each in office)  # minutes after midnight
    offered = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(first, last, STEP)]
    going = inspections.may_go(db.session(), case)
    return PlanForm(
        posted,
        hours=[(text, text) for text in offered],
        officials=[(str(each.id), each.name) for each in going],
        data=start,
    )


def _address(case: Case) -> str:
    """Of the business as the register has it, or as the applicant wrote it."""
    session, pack = db.session(), load.current()
    if case.business_id is not None:
        business = businesses.get(session, case.business_id)
        return f"{business.street}, {unit_name(pack, business.unit_code)}"
    submission = session.get(Submission, case.current_submission_id) if case.current_submission_id else None
    written = (submission.data if submission else {}).get("address", {})
    parts = [written.get("street") or "", unit_name(pack, written["unit"]) if written.get("unit") else ""]
    return ", ".join(part for part in parts if part)


def _as_planned(visit: Inspection) -> dict[str, object]:
    local = visit.starts_at.astimezone(load.current().zone)
    return {
        "place": visit.place,
        "about": visit.about,
        "day": visit.asked_again_day if visit.state == "change_asked" and visit.asked_again_day else local.date(),
        "hour": local.strftime("%H:%M"),
        "minutes": (visit.ends_at - visit.starts_at) // timedelta(minutes=1),
        "officials": [each["id"] for each in visit.officials],
    }


def _wanted(form: PlanForm) -> inspections.Appointment:
    hour = time.fromisoformat(form.hour.data)
    starts_at = datetime.combine(form.day.data, hour, tzinfo=load.current().zone)
    return inspections.Appointment(
        form.place.data,
        form.about.data,
        starts_at,
        starts_at + timedelta(minutes=form.minutes.data),
        tuple(int(each) for each in form.officials.data),
    )


def _plan_page(
    case: Case, form: PlanForm, visit: Inspection | None = None, *, status: int = 200
) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    refusal = hands.why_not(session, case, actor())
    return (
        render_template(
            "web/desk/inspection_new.html", case=case, visit=visit, form=form, refusal=refusal, terms=pack.inspections
        ),
        status,
    )


# --- one visit ------------------------------------------------------------------------------------------------------


@blueprint.route(VIEW, methods=["GET", "POST"], endpoint="inspection_one")
@requires(Permission.DESK)
def one(reference: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    visit, case = inspections.load(session, who, reference)
    end = EndForm(posted_form() or None)
    if request.method != "POST":
        return _page(visit, case, end)
    keep, seen = request.form.get("action") == "keep", request.form.get("version", type=int) or 0
    if not keep and not end.validate():
        return _page(visit, case, end, status=422)
    try:
        if keep:
            inspections.keep(session, who, visit, version=seen)
        else:
            inspections.cancel(session, pack, who, visit, end.reason.data, version=seen)
        session.commit()
    except REFUSED as error:
        session.rollback()
        visit, case = inspections.load(session, who, reference)
        end.refuse(error.problems)
        return _page(visit, case, end, status=error.status)
    flash(_("The visit stays at its time. The applicant is told.") if keep else _("The visit is cancelled."))
    return redirect(url_for("desk.inspection_one", reference=visit.reference), 303)


def _page(visit: Inspection, case: Case, end: EndForm, *, status: int = 200) -> ResponseReturnValue:
    session, who = db.session(), actor()
    reports = inspection_reports.of_visit(session, visit)
    return (
        render_template(
            "web/desk/inspection_one.html",
            visit=visit,
            case=case,
            service=registry.service(case.service),
            reports=reports,
            current=inspection_reports.latest(reports),
            may_change=visit.open and hands.why_not(session, case, who) is None,
            may_report=inspection_reports.why_not(session, who, visit, case) is None,
            states=(STATE_TITLES, STATE_KINDS),
            results=(RESULT_TITLES, RESULT_KINDS),
            found_titles=FOUND_TITLES,
            names=people.names(session, sorted({visit.planned_by, *(each.written_by for each in reports)})),
            form=end,
        ),
        status,
    )


@blueprint.get(f"{VIEW}/visit.ics", endpoint="inspection_calendar")
@requires(Permission.DESK)
def calendar(reference: str) -> ResponseReturnValue:
    visit, case = inspections.load(db.session(), actor(), reference)
    return visits.calendar(visit, case)


@blueprint.get(f"{VIEW}/photographs/<int:photograph_id>", endpoint="inspection_photograph")
@requires(Permission.DESK)
def photograph(reference: str, photograph_id: int) -> ResponseReturnValue:
    session, who = db.session(), actor()
    visit, case = inspections.load(session, who, reference)
    found = inspection_reports.photograph(session, visit, photograph_id)
    inspections.note(session, who, inspections.PICTURE_OPENED, visit, case, {"sha256": found.sha256})
    session.commit()
    content = downloads.bytes_or_page(lambda: store.current().get(found.sha256))
    return downloads.file_answer(content, found.media_type, found.filename)


# --- the report -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """One line of the checklist in the form."""

    code: str
    form: ItemForm


@blueprint.route(f"{VIEW}/report", methods=["GET", "POST"], endpoint="inspection_report")
@requires(Permission.DESK)
def report(reference: str) -> ResponseReturnValue:
    """One form: photographs that were chosen are kept first, whatever else is still missing."""
    session, who, pack = db.session(), actor(), load.current()
    visit, case = inspections.load(session, who, reference)
    before = inspection_reports.of_visit(session, visit)
    posted = posted_form() or None
    form = ReportForm(
        posted,
        results=[(value, str(title)) for value, title in RESULT_TITLES.items()],
        correction=bool(before),
        data=_said_before(before),
    )
    lines = _lines(case, posted, before)
    if request.method != "POST":
        return _report_page(visit, case, form, lines)
    seen = request.form.get("version", type=int) or 0
    try:
        _keep_photographs(visit, case)
        if remove := request.form.get("remove", type=int):
            inspection_reports.remove_photograph(session, who, visit, case, remove)
        session.commit()
        if remove or "add" in request.form:
            return _report_page(visit, case, form, lines)
        right = [form.validate(), *(line.form.validate() for line in lines)]
        if not all(right):
            return _report_page(visit, case, form, lines, 422)
        written = inspection_reports.Written(
            form.present.data or "",
            form.result.data,
            form.account.data,
            tuple(
                inspection_reports.Finding(line.code, line.form.found.data or "", line.form.remark.data or "")
                for line in lines
            ),
            (form.correction_reason.data or "") if "correction_reason" in form else "",
        )
        done = inspection_reports.write(session, pack, who, visit, written, version=seen)
        session.commit()
    except DomainError as error:
        session.rollback()
        visit, case = inspections.load(session, who, reference)
        _refuse(form, lines, error)
        return _report_page(visit, case, form, lines, error.status)
    flash(_("The report %(number)s is written. The applicant is told of the result.", number=done.number))
    return redirect(url_for("desk.inspection_one", reference=visit.reference), 303)


def _keep_photographs(visit: Inspection, case: Case) -> None:
    for file in request.files.getlist("photographs"):
        if file.filename:
            stream = BytesIO(file.read())
            inspection_reports.add_photograph(db.session(), actor(), visit, case, stream, file.filename)


def _said_before(before: list[InspectionReport]) -> dict[str, str]:
    if not before:
        return {}
    return {"result": before[-1].result, "present": before[-1].present, "account": before[-1].account}


def _lines(case: Case, posted: object, before: list[InspectionReport]) -> list[Line]:
    known = {each["code"]: each for each in before[-1].findings} if before else {}
    found = [(value, str(title)) for value, title in FOUND_TITLES.items()]
    return [
        Line(row.code, ItemForm(posted, title=row.name, found=found, data=known.get(row.code), prefix=row.code))
        for row in inspection_reports.checklist(load.current(), case)
    ]


def _refuse(form: ReportForm, lines: list[Line], error: DomainError) -> None:
    """At the line of the checklist, at the field, or above the form."""
    by_code = {f"found-{line.code}": line for line in lines}
    for problem in error.problems:
        line = by_code.get(problem.field or "")
        if line is not None:
            line.form.found.errors = [str(problem.message)]
        else:
            form.refuse([problem])


def _report_page(
    visit: Inspection, case: Case, form: ReportForm, lines: list[Line], status: int = 200
) -> ResponseReturnValue:
    session = db.session()
    return (
        render_template(
            "web/desk/inspection_report.html",
            visit=visit,
            case=case,
            form=form,
            lines=lines,
            problems=[*form.problems(), *(each for line in lines for each in line.form.problems())],
            refusal=inspection_reports.why_not(session, actor(), visit, case),
            photographs=inspection_reports.photographs(session, visit),
            agency=lookup.agency(load.current(), visit.agency),
        ),
        status,
    )
