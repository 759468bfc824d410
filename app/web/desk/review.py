"""One case on the desk: what was submitted beside its documents, checks, history, and the decision panel."""

from dataclasses import dataclass
from functools import partial

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from app.audit import entries
from app.cases import access, deadlines, engine, four_eyes, registry, steps, summary, verbs, worklist
from app.cases.fee_check import fee_check
from app.cases.models import Case, CaseEvent, Decision, Note, Outcome, Submission
from app.cases.registry import CaseContext, Check, ServiceDefinition
from app.cases.work import AskedField, Payload
from app.cases.workflow import STATE_KINDS, TERMINAL, Action, State, Transition
from app.core import db
from app.core.errors import DomainError, Invalid, NotAllowed, Stale
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import records
from app.fees import charges
from app.identity import people
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.desk import blueprint
from app.web.guards import actor, posted_form, requires
from forms.decisions import DecisionForm, NoteForm

_CHOICES: tuple[tuple[str, Action, Text], ...] = (
    ("approve", Action.APPROVE, _l("Approve")),
    ("refuse", Action.REFUSE, _l("Refuse")),
    ("send_back", Action.SEND_BACK, _l("Send back to the clerk")),
    ("recommend_approve", Action.RECOMMEND, _l("Recommend approval")),
    ("recommend_refuse", Action.RECOMMEND, _l("Recommend refusal")),
    ("ask", Action.ASK, _l("Ask the applicant")),
    ("release_case", Action.RELEASE_CASE, _l("Put back into the queue")),
)
_OUTCOMES = {"recommend_approve": Outcome.APPROVE, "recommend_refuse": Outcome.REFUSE}


@dataclass(frozen=True)
class Changed:
    """What happened since the page was opened, shown with the text the person had typed."""

    events: list[CaseEvent]


@dataclass(frozen=True)
class Known:
    """What the form and the page both need, found out once for each version of the case a request meets."""

    version: int
    submissions: list[Submission]  # oldest first
    available: list[Transition]  # what this person may do


def known(case: Case) -> Known:
    found: Known | None = g.get("known_of_case")
    if found is None or found.version != case.version:
        session = db.session()
        statement = select(Submission).where(Submission.case_id == case.id).order_by(Submission.number)
        submissions = list(session.scalars(statement))  # first: the guards then have the current one at hand
        found = g.known_of_case = Known(case.version, submissions, engine.available(session, case, actor()))
    return found


def choices(case: Case) -> list[tuple[str, str]]:
    """The decisions this person may take now, titled in the service's own words."""
    titles = {transition.action: transition.title for transition in known(case).available}
    found = []
    for value, action, title in _CHOICES:
        if action in titles:
            own = titles[action] if action in {Action.APPROVE, Action.REFUSE} else title
            found.append((value, str(own)))
    return found


@blueprint.get("/desk/<reference>")
@requires(Permission.DESK)
def review(reference: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    entries.record(
        session, who, "case.viewed", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id,
    )  # fmt: skip
    session.commit()
    return page(case, DecisionForm(posted_form() or None, choices=choices(case)))


def page(
    case: Case, form: DecisionForm, *, changed: Changed | None = None, note: NoteForm | None = None, status: int = 200
) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    state = State(case.state)
    sent = known(case).submissions
    current = sent[-1] if sent else None
    previous = sent[-2] if len(sent) > 1 else None
    context = CaseContext(session, pack, case, actor(), current, current.data if current else {})
    events = _events(case)
    notes = list(session.scalars(select(Note).where(Note.case_id == case.id).order_by(Note.id)))
    # Shown in some states only, and read only then.
    recommendation = four_eyes.standing(session, case) if state in {State.RECOMMENDED, *TERMINAL} else None
    requests = steps.open_requests(session, case) if state is State.RETURNED else []
    decision = session.scalar(select(Decision).where(Decision.case_id == case.id)) if case.decided_at else None
    ids = {case.applicant_id, case.assigned_to, *(n.author_id for n in notes)}
    if recommendation is not None:
        ids.add(recommendation.recommended_by)
    if current is not None:
        ids.add(current.submitted_by)
    requirements = {
        requirement.code: requirement.title
        for requirement in (definition.documents(pack, current.data) if current else ())
    }
    order = list(requirements)
    shown = sorted(current.documents if current else [], key=lambda d: (order.index(d["code"]), d["upload_id"]))
    chosen = request.args.get("document", type=int) or (shown[0]["upload_id"] if shown else None)
    return (
        render_template(
            "web/desk/review.html",
            case=case,
            service=definition,
            state=definition.workflow.official_title(state),
            kind=STATE_KINDS[state],
            clock=deadlines.face(case, pack),
            submission=current,
            sections=summary.sections(session, definition, pack, case, current.data) if current else [],
            differences=(
                summary.differences(session, definition, pack, case, previous, current) if previous and current else []
            ),
            previous=previous,
            documents=shown,
            document=next((d for d in shown if d["upload_id"] == chosen), None),
            requirements=requirements,
            checks=_checks(definition, context) if current else [],
            events=events,
            happened=partial(verbs.happened, definition.workflow),
            notes=notes,
            names=people.names(session, sorted(i for i in ids if i is not None)),
            recommendation=recommendation,
            requests=requests,
            decision=decision,
            charge=charges.for_case(session, case.id),
            records=records.for_case(session, case.id),
            earlier=_earlier(case),
            form=form,
            note=note or NoteForm(),
            may_take=any(transition.action is Action.TAKE for transition in known(case).available),
            may_ask=any(choice.value == "ask" for choice in form.decision.choices),
            ticked=set(request.form.getlist("field")),
            changed=changed,
        ),
        status,
    )


def _checks(definition: ServiceDefinition, context: CaseContext) -> list[Check]:
    """The service's own, and whether the fee still fits."""
    fee = fee_check(context)
    return [*definition.checks(context), *([fee] if fee is not None else [])]


def _events(case: Case) -> list[CaseEvent]:
    return list(db.session().scalars(select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id)))


def _earlier(case: Case) -> list[Case]:
    """The latest other cases of the same business that this person may see."""
    if case.business_id is None:
        return []
    found = db.session().scalars(
        select(Case)
        .where(Case.business_id == case.business_id, Case.id != case.id, Case.agency.in_(sorted(actor().agencies)))
        .where(Case.applicant_id != actor().user_id)
        .order_by(Case.updated_at.desc(), Case.id.desc())
        .limit(5)
    )
    return list(found)


def _asked(case: Case) -> tuple[AskedField, ...]:
    """The ticked rows, of those that the submission has; anything else in the form is not looked at."""
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    current = session.get(Submission, case.current_submission_id) if case.current_submission_id else None
    if current is None:
        return ()
    shown = summary.sections(session, definition, pack, case, current.data)
    labels = {row.path: row.label for section in shown for row in section.rows}
    labels |= {f"documents.{paper.code}": str(paper.title) for paper in definition.documents(pack, current.data)}
    ticked = dict.fromkeys(value.partition("|")[0] for value in request.form.getlist("field"))
    return tuple(AskedField(path.partition(".")[0], path, labels[path]) for path in ticked if path in labels)


@blueprint.post("/desk/<reference>/decide")
@requires(Permission.DESK)
def decide(reference: str) -> ResponseReturnValue:
    """Record the decision. When the case moved meanwhile: what changed, and everything typed still there."""
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    seen = request.form.get("version", type=int) or 0
    form = DecisionForm(request.form, choices=choices(case))
    if seen != case.version:
        return _stale(case, form, seen)
    if not form.validate():
        return page(case, form, status=422)
    value = form.decision.data
    action = next(action for name, action, _title in _CHOICES if name == value)
    payload = Payload(fields=_asked(case), outcome=_OUTCOMES.get(value))
    try:
        engine.perform(session, case, action, who, version=seen, reason=form.reason.data or "", payload=payload)
        session.commit()
    except Stale:
        session.rollback()
        return _stale(access.load(session, who, reference, Permission.DESK), form, seen)
    except (Invalid, NotAllowed) as error:
        session.rollback()
        form.refuse(error.problems)
        return page(access.load(session, who, reference, Permission.DESK), form, status=error.status)
    flash(_("Your decision on %(reference)s is recorded.", reference=case.reference))
    if "next" in request.form:
        return _open_next()
    return redirect(url_for("desk.review", reference=reference), 303)


def _open_next() -> ResponseReturnValue:
    found = worklist.next_case(db.session(), actor())
    db.session().commit()
    if found is None:
        return redirect(url_for("desk.desk"), 303)
    return redirect(url_for("desk.review", reference=found.reference), 303)


def _stale(case: Case, form: DecisionForm, seen: int) -> ResponseReturnValue:
    # Every transition adds one event and one to the version, which began at 1.
    return page(case, form, changed=Changed(_events(case)[max(seen - 1, 0) :]), status=409)


@blueprint.post("/desk/<reference>/take")
@requires(Permission.DESK)
def take(reference: str) -> ResponseReturnValue:
    """Take this very case: an exception to the fair rule, and logged as one."""
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    try:
        worklist.choose(session, case, who, version=request.form.get("version", default=0, type=int))
        session.commit()
    except DomainError as error:
        session.rollback()
        flash(str(error.message), "problem")
    return redirect(url_for("desk.review", reference=reference), 303)


@blueprint.post("/desk/<reference>/notes")
@requires(Permission.DESK)
def notes(reference: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    note = NoteForm(request.form)
    if not note.validate():
        return page(case, DecisionForm(choices=choices(case)), note=note, status=422)
    engine.add_note(session, case, who, note.body.data)
    session.commit()
    return redirect(url_for("desk.review", reference=reference, _anchor="notes"), 303)
