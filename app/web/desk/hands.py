"""Whose hands one case is in: taking it out of turn, giving it back, handing it to a colleague."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import access, assignment, corrections, engine, four_eyes, registry, worklist
from app.cases.models import Case, Submission
from app.cases.work import Payload
from app.cases.workflow import STATE_KINDS, Action, State
from app.core import db
from app.core.errors import DomainError, Invalid, NotFound
from app.core.i18n import gettext as _
from app.identity import people
from app.identity.policy import Permission
from app.web.desk import blueprint
from app.web.guards import actor, posted_form, requires
from forms.assignment import ChooseForm, HandOverForm


@blueprint.get("/desk/<reference>/hands", endpoint="hands")
@requires(Permission.DESK)
def show(reference: str) -> ResponseReturnValue:
    case = access.load(db.session(), actor(), reference, Permission.DESK)
    kept = posted_form()  # after a session ended
    return _page(case, ChooseForm(kept or None), HandOverForm(kept or None, colleagues=_offered(case)))


@blueprint.post("/desk/<reference>/hands", endpoint="hand_on")
@requires(Permission.DESK)
def act(reference: str) -> ResponseReturnValue:
    """``act`` is choose, release or reassign."""
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    version = request.form.get("version", default=0, type=int)
    match request.form.get("act"):
        case "choose":
            form: ChooseForm | HandOverForm = ChooseForm(request.form)
        case "reassign":
            form = HandOverForm(request.form, colleagues=_offered(case))
        case "release":
            form = ChooseForm()
            return _do(case, version, form)
        case _:
            raise NotFound
    if not form.validate():
        return _again(case, form, 422)
    return _do(case, version, form)


def _do(case: Case, version: int, form: ChooseForm | HandOverForm) -> ResponseReturnValue:
    session, who, reference = db.session(), actor(), case.reference
    try:
        match request.form["act"]:
            case "choose":
                worklist.choose(session, case, who, version=version, reason=form.reason.data)
                said, onward = _("%(reference)s is yours now.", reference=reference), "desk.review"
            case "release":
                engine.perform(session, case, Action.RELEASE_CASE, who, version=version)
                said, onward = _("%(reference)s is back in the queue.", reference=reference), "desk.desk"
            case _:
                engine.perform(
                    session, case, Action.REASSIGN, who, version=version, reason=form.reason.data,
                    payload=Payload(to=int(form.to.data)),
                )  # fmt: skip
                name = people.names(session, [int(form.to.data)]).get(int(form.to.data), "")
                said, onward = _("%(reference)s was handed to %(name)s.", reference=reference, name=name), "desk.desk"
        session.commit()
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _again(access.load(session, who, reference, Permission.DESK), form, 422)
    except DomainError as error:
        session.rollback()
        flash(str(error.message), "problem")
        return redirect(url_for("desk.hands", reference=reference), 303)
    flash(said)
    return redirect(url_for(onward, reference=reference if onward == "desk.review" else None), 303)


def _again(case: Case, form: ChooseForm | HandOverForm, status: int) -> ResponseReturnValue:
    if isinstance(form, ChooseForm):
        return _page(case, form, HandOverForm(colleagues=_offered(case)), status=status)
    return _page(case, ChooseForm(), form, status=status)


def _page(case: Case, choose: ChooseForm, hand_over: HandOverForm, *, status: int = 200) -> ResponseReturnValue:
    session, who = db.session(), actor()
    definition, state = registry.service(case.service), State(case.state)
    allowed = {transition.action for transition in engine.available(session, case, who)}
    return (
        render_template(
            "web/desk/case_hands.html",
            case=case,
            service=definition,
            state=definition.workflow.official_title(state),
            kind=STATE_KINDS[state],
            holder=people.names(session, [case.assigned_to]).get(case.assigned_to or 0, ""),
            may_choose=Action.TAKE in allowed,
            may_release=Action.RELEASE_CASE in allowed,
            may_reassign=Action.REASSIGN in allowed,
            choose=choose,
            hand_over=hand_over,
            failed=choose if choose.errors else hand_over,
        ),
        status,
    )


def _offered(case: Case) -> list[tuple[str, str]]:
    """The colleagues who may have it; nobody for who may not hand it on."""
    session = db.session()
    if case.agency is None or not access.may(actor(), case, Permission.CASE_DECIDE):
        return []
    recommendation = four_eyes.standing(session, case)
    submission = session.get(Submission, case.current_submission_id) if case.current_submission_id else None
    by = recommendation.recommended_by if recommendation is not None else None
    bars = corrections.bars_of(session, case)
    return [
        (str(person.id), person.name)
        for person in assignment.colleagues(session, case.agency, case.business_id)
        if assignment.why_not(case, person, submission=submission, recommended_by=by, bars=bars) is None
    ]
