"""``/cases/<reference>/appeal``: appealing against a decision, where the appeal stands, and taking it back."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import access, appeals, corrections, grounds, registry
from app.cases.appeal_models import GROUND_TITLES, STATE_KINDS, STATE_TITLES, Appeal
from app.cases.models import Case, Decision, Outcome
from app.core import clock, db
from app.core.errors import DomainError, Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import gettext as _
from app.documents import uploads
from app.documents.models import Record
from app.identity import limits
from app.identity.policy import Permission
from app.jurisdictions import load
from app.jurisdictions.model import Pack
from app.web.applicant import blueprint
from app.web.guards import actor, posted_form, requires
from forms.appeals import AppealForm

PAPERS = (60, 3600)  # attached by one person in so many seconds
WORDS = {"states": STATE_TITLES, "kinds": STATE_KINDS, "grounds": GROUND_TITLES}


@dataclass(frozen=True)
class Remedies:
    """What an applicant can do about the decision of a case, and what they did."""

    decision: Decision | None  # in force
    chance: appeals.Chance | None
    appeal: Appeal | None  # against it, or against the one that is being corrected
    days_left: int
    corrected: bool  # under way
    suspended: bool  # what it issued, by that


def remedies(session: Session, pack: Pack, case: Case) -> Remedies:
    latest = corrections.latest(session, case) if case.decided_at or case.correction_id else None
    appeal = appeals.of_decision(session, latest) if latest is not None else None
    under_way = corrections.under_way(session, case)
    suspended = under_way is not None and under_way.earlier.outcome == Outcome.APPROVE
    return Remedies(
        latest if under_way is None else None,
        appeals.chance(pack, case, latest),
        appeal,
        appeals.days_left(pack, appeal, clock.now()) if appeal is not None and appeal.open else 0,
        under_way is not None,
        suspended,
    )


@blueprint.route("/cases/<reference>/appeal", methods=["GET", "POST"], endpoint="appeal")
@requires(Permission.CASE_EDIT_OWN)
def page(reference: str) -> ResponseReturnValue:
    """The form, until it is sent; then where the appeal stands. After the period: when it ended."""
    session, who, pack = db.session(), actor(), load.current()
    case = access.load(session, who, reference, Permission.CASE_EDIT_OWN)
    found = remedies(session, pack, case)
    if found.appeal is not None:
        if request.method == "POST":  # a second click
            return redirect(url_for("applicant.appeal", reference=case.reference), 303)
        return _show("web/applicant/appeal_state.html", case, found)
    if found.chance is None or found.decision is None:
        raise NotFound
    if not found.chance.open:
        return _show("web/applicant/appeal_late.html", case, found), 409 if request.method == "POST" else 200
    form = AppealForm(posted_form() or None)
    if request.method != "POST":
        return _show("web/applicant/appeal.html", case, found, form=form)
    problems = _attach(case, found.decision)
    _remove(case, found.decision)
    session.commit()  # what could be attached stays attached, whatever else is wrong
    if {"attach", "remove"} & request.form.keys() and not problems:
        return _show("web/applicant/appeal.html", case, found, form=form)
    if form.validate() and not problems:
        try:
            appeal = appeals.lodge(session, case, who, why=form.why.data, declared=form.declared.data)
        except (Invalid, NotAllowed) as error:
            session.rollback()
            case = access.load(session, who, reference, Permission.CASE_EDIT_OWN)
            form.refuse(error.problems)
        else:
            session.commit()
            flash(_("Your appeal %(number)s was received.", number=appeal.reference))
            return redirect(url_for("applicant.appeal", reference=case.reference), 303)
    return _show("web/applicant/appeal.html", case, found, form=form, problems=problems), 422


@blueprint.post("/cases/<reference>/appeal/withdraw")
@requires(Permission.CASE_EDIT_OWN)
def withdraw_appeal(reference: str) -> ResponseReturnValue:
    """While nobody has decided on it."""
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.CASE_EDIT_OWN)
    appeal = remedies(session, load.current(), case).appeal
    if appeal is None:
        raise NotFound
    try:
        appeals.withdraw(session, appeal, who)
    except Stale as error:
        session.rollback()
        flash(str(error.message), "warn")
    else:
        session.commit()
        flash(_("Your appeal was withdrawn. The decision stands."))
    return redirect(url_for("applicant.appeal", reference=reference), 303)


def _attach(case: Case, decision: Decision) -> list[Problem]:
    """The file that was chosen, if one was."""
    session, who, file = db.session(), actor(), request.files.get("papers")
    if file is None or not file.filename:
        return []
    content = file.read()
    file.close()
    try:
        limits.hit(f"appeal-papers:{who.user_id}", *PAPERS)
        code = appeals.free_code(appeals.papers(session, case, decision), decision)
        uploads.accept(
            session, stream=BytesIO(content), filename=file.filename, case_id=case.id, code=code,
            uploaded_by=who.user_id or 0,
        )  # fmt: skip
    except DomainError as error:
        return [Problem(f"{file.filename[:80]}: {each.message}", "papers", each.code) for each in error.problems]
    return []


def _remove(case: Case, decision: Decision) -> None:
    """The paper whose button was pressed; one that is gone already is no error."""
    session, wanted = db.session(), request.form.get("remove", type=int)
    for paper in appeals.papers(session, case, decision) if wanted is not None else ():
        if paper.id == wanted:
            uploads.remove(session, paper)
            flash(_("The document was removed."))


def _show(template: str, case: Case, found: Remedies, **more: Any) -> str:
    session = db.session()
    papers = appeals.papers(session, case, found.decision) if "form" in more and found.decision is not None else []
    record = None
    if found.appeal is not None and found.appeal.record_id is not None:
        record = session.scalar(select(Record).where(Record.id == found.appeal.record_id))
    return render_template(
        template,
        case=case,
        service=registry.service(case.service),
        found=found,
        papers=papers,
        record=record,
        said=grounds.said,
        **WORDS,
        **{"problems": [], **more},
    )
