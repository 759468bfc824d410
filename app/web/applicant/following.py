"""After sending: the confirmation, the case's page with its clock and history, and withdrawing."""

from functools import partial

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import bindparam, select

from app.cases import (
    access,
    around,
    deadlines,
    drafts,
    engine,
    grounds,
    messages,
    registry,
    silence,
    standing,
    summary,
    verbs,
)
from app.cases.inspection_models import VISIT_WORDS
from app.cases.models import CaseEvent, Submission
from app.cases.workflow import STATE_KINDS, Action, State, Workflow
from app.core import clock, db
from app.core.errors import Problem, Stale
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.together import Together
from app.documents.models import Record
from app.fees import charges
from app.identity.policy import Permission
from app.jurisdictions import load, lookup
from app.notifications import sms
from app.notifications.sms import phones
from app.statistics import durations
from app.web.applicant import appeal, blueprint
from app.web.applicant.application import JUST_SENT, task_list
from app.web.guards import actor, requires

# What an applicant is shown of the history; taking and releasing are the agency's own housekeeping.
TOLD = frozenset(
    {
        Action.SUBMIT,
        Action.CONFIRM_PAYMENT,
        Action.TAKE,
        Action.ASK,
        Action.APPROVE,
        Action.REFUSE,
        Action.WITHDRAW,
        Action.CANCEL,
        Action.CORRECT,
        Action.DEEM_APPROVED,
        Action.DEEM_REFUSED,
    }
)


_OF_CASE = Together(
    select(Submission).where(Submission.id == bindparam("submission")),
    select(CaseEvent).where(CaseEvent.case_id == bindparam("case")),
    select(Record).where(Record.case_id == bindparam("case")),
)


def _told(events: list[CaseEvent], beside: around.Around) -> list[CaseEvent | around.Moment]:
    of_case = [event for event in events if Action(event.action) in TOLD]
    return sorted([*of_case, *beside.moments()], key=lambda event: event.at)


def _happened(workflow: Workflow, event: CaseEvent | around.Moment) -> Text:
    return event.title if isinstance(event, around.Moment) else verbs.happened(workflow, event)


@blueprint.get("/cases/<reference>")
@requires(Permission.CASE_VIEW_OWN)
def case(reference: str) -> ResponseReturnValue:
    """The task list while the applicant holds the case; otherwise where it stands and what happens next."""
    session, who = db.session(), actor()
    found = access.load(session, who, reference, Permission.CASE_VIEW_OWN)
    if drafts.editable(found) and access.may(who, found, Permission.CASE_EDIT_OWN):
        return task_list(found)
    pack = load.current()
    definition = registry.service(found.service)
    state = State(found.state)
    current, events, issued = _OF_CASE.read(session, case=found.id, submission=found.current_submission_id)
    submission = current[0] if current else None
    agency = lookup.agency(pack, found.agency) if found.agency else None
    return render_template(
        "web/applicant/case.html",
        case=found,
        service=definition,
        state=definition.workflow.title(state),
        kind=STATE_KINDS[state],
        clock=(face := deadlines.face(found, pack)),
        silence=(look := silence.outlook(found, pack)),
        stuck=silence.stuck(session, found, look),
        usual=durations.like(session, found) if face.running else None,
        now=clock.now(),
        holder=standing.holder(found, pack),
        agency=agency,
        around=(beside := around.of(session, pack, found)),
        visit_words=VISIT_WORDS,
        may_edit=access.may(who, found, Permission.CASE_EDIT_OWN),
        events=_told(events, beside),
        happened=partial(_happened, definition.workflow),
        said=grounds.said,
        remedies=(open_to_them := appeal.remedies(session, pack, found)),
        appeal_states=appeal.WORDS["states"],
        appeal_kinds=appeal.WORDS["kinds"],
        decision=open_to_them.decision,
        sections=summary.sections(session, definition, pack, found, submission.data) if submission else [],
        submission=submission,
        charge=charges.for_case(session, found.id),
        # What the service issues first, then receipts.
        records=sorted(issued, key=lambda record: record.kind not in definition.record_kinds),
        actions={transition.action.value: transition.title for transition in engine.available(session, found, who)},
    )


@blueprint.get("/cases/<reference>/sent")
@requires(Permission.CASE_VIEW_OWN)
def sent(reference: str) -> ResponseReturnValue:
    """What was just sent and what comes next; once the case has moved on, its own page says where it stands."""
    session, who = db.session(), actor()
    found = access.load(session, who, reference, Permission.CASE_VIEW_OWN)
    if State(found.state) not in JUST_SENT or found.current_submission_id is None:
        return redirect(url_for("applicant.case", reference=found.reference), 303)
    pack = load.current()
    definition = registry.service(found.service)
    submission = session.get_one(Submission, found.current_submission_id)
    return render_template(
        "web/applicant/sent.html",
        case=found,
        again=submission.number > 1,
        mailed=who.user_id in messages.readers(session, found),
        invite=sms.current() is not None and phones.of(session, who.user_id or 0) is None,
        sent_at=submission.submitted_at,
        service=definition,
        charge=charges.for_case(session, found.id),
        agency=lookup.agency(pack, found.agency) if found.agency else None,
        clock=deadlines.face(found, pack),
        awaiting_payment=State(found.state) is State.AWAITING_PAYMENT,
    )


@blueprint.route("/cases/<reference>/withdraw", methods=["GET", "POST"])
@requires(Permission.CASE_EDIT_OWN)
def withdraw(reference: str) -> ResponseReturnValue:
    """Ask once more, then withdraw."""
    session, who = db.session(), actor()
    found = access.load(session, who, reference, Permission.CASE_EDIT_OWN)
    workflow = registry.service(found.service).workflow
    problems: tuple[Problem, ...] = ()
    if request.method == "POST" and workflow.find(Action.WITHDRAW, State(found.state)) is not None:
        done = _("The draft was discarded.") if found.state == State.DRAFT else _("The case was withdrawn.")
        try:
            engine.perform(
                session, found, Action.WITHDRAW, who, version=request.form.get("version", default=0, type=int)
            )
        except Stale as error:
            problems = error.problems
            session.rollback()
        else:
            session.commit()
            flash(done)
            return redirect(url_for("applicant.case", reference=found.reference), 303)
    if workflow.find(Action.WITHDRAW, State(found.state)) is None:
        if request.method == "POST":
            flash(_("Nothing was done: the case is now “%(state)s”.", state=str(workflow.title(State(found.state)))))
        return redirect(url_for("applicant.case", reference=found.reference), 303)
    return render_template("web/applicant/withdraw.html", case=found, problems=problems), 409 if problems else 200
