"""One case on the desk: what was submitted beside its documents, checks, history, and the decision panel."""

from dataclasses import dataclass
from functools import partial

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import bindparam, select

from app.audit import entries
from app.cases import access, deadlines, engine, registry, summary, verbs, worklist
from app.cases.fee_check import fee_check
from app.cases.models import Case, CaseEvent, Outcome, Submission
from app.cases.registry import CaseContext, Check, ServiceDefinition
from app.cases.rows import CASE, PARTS, Rows
from app.cases.work import AskedField, Payload
from app.cases.workflow import STATE_KINDS, TERMINAL, Action, State, Transition
from app.core import db
from app.core.errors import DomainError, Invalid, NotAllowed, Stale
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.together import Together
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
    ("cancel", Action.CANCEL, _l("Cancel")),
    ("release_case", Action.RELEASE_CASE, _l("Put back into the queue")),
)
EARLIER = 5
# With the latest other cases of the same business that this person may see.
_PAGE = Together(
    *PARTS,
    select(Case)
    .where(Case.business_id == bindparam("business"), Case.id != CASE, Case.applicant_id != bindparam("reader"))
    .where(Case.agency.in_(bindparam("agencies", expanding=True)))
    .order_by(Case.updated_at.desc(), Case.id.desc())
    .limit(EARLIER),
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
    rows: Rows
    earlier: list[Case]  # of the same business, the latest first
    available: list[Transition]  # what this person may do


def known(case: Case) -> Known:
    found: Known | None = g.get("known_of_case")
    if found is None or found.version != case.version:
        session, who = db.session(), actor()
        *parts, earlier = _PAGE.read(
            session, case=case.id, business=case.business_id, reader=who.user_id, agencies=sorted(who.agencies)
        )
        rows = Rows.of(parts)
        earlier.sort(key=lambda other: (other.updated_at, other.id), reverse=True)
        found = g.known_of_case = Known(case.version, rows, earlier, engine.available(session, case, who, rows))
    return found


def _since(case: Case, seen: int) -> Changed:
    # Every transition adds one event and one to the version, which began at 1.
    return Changed(known(case).rows.events[max(seen - 1, 0) :])


def choices(case: Case) -> list[tuple[str, str]]:
    """The decisions this person may take now, titled in the service's own words."""
    titles = {transition.action: transition.title for transition in known(case).available}
    found = []
    for value, action, title in _CHOICES:
        if action in titles:
            own = titles[action] if action in {Action.APPROVE, Action.REFUSE, Action.CANCEL} else title
            found.append((value, str(own)))
    return found


@blueprint.get("/desk/<reference>")
# Where the page is after an error: its links, and text that was kept when a session ended, lead there.
@blueprint.get("/desk/<reference>/decide", endpoint="after_error")
@blueprint.get("/desk/<reference>/notes", endpoint="after_error")
@requires(Permission.DESK)
def review(reference: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    entries.record(
        session, who, "case.viewed", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id,
    )  # fmt: skip
    session.commit()
    kept = posted_form()  # after a session ended: of the decision or of the note
    seen = kept.get("version", type=int)
    return page(
        case,
        DecisionForm(kept or None, choices=choices(case)),
        changed=_since(case, seen) if seen is not None and seen != case.version else None,
        note=NoteForm(kept or None),
    )


def page(
    case: Case, form: DecisionForm, *, changed: Changed | None = None, note: NoteForm | None = None, status: int = 200
) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    state = State(case.state)
    found = known(case)
    rows, current = found.rows, found.rows.submissions[-1]  # an agency has only what was sent
    facts = definition.facts(session, pack, case)
    sent = [
        summary.Sent(each, summary.sections(session, definition, pack, case, each.data, facts=facts))
        for each in rows.submissions[-2:]
    ]
    context = CaseContext(session, pack, case, actor(), current, current.data)
    requirements = _requirements(definition, current)
    order = {code: place for place, code in enumerate(requirements)}  # what the rules no longer ask for comes last
    documents = sorted(current.documents, key=lambda d: (order.get(d["code"], len(order)), d["upload_id"]))
    chosen = request.args.get("document", type=int) or (documents[0]["upload_id"] if documents else None)
    return (
        render_template(
            "web/desk/review.html",
            case=case,
            service=definition,
            state=definition.workflow.official_title(state),
            kind=STATE_KINDS[state],
            clock=deadlines.face(case, pack),
            submission=current,
            sections=sent[-1].sections,
            differences=summary.differences(definition, pack, *sent) if len(sent) == 2 else [],
            previous=sent[0].submission,
            documents=documents,
            document=next((d for d in documents if d["upload_id"] == chosen), None),
            requirements=requirements,
            checks=_checks(definition, context, rows) if state not in TERMINAL else [],
            events=rows.events,
            happened=partial(verbs.happened, definition.workflow),
            notes=rows.notes,
            names=rows.names,
            recommendation=rows.recommendation if state in {State.RECOMMENDED, *TERMINAL} else None,
            requests=[each for each in rows.requests if each.answered_at is None],
            decision=rows.decision,
            charge=rows.charge,
            records=rows.records,
            earlier=found.earlier,
            form=form,
            note=note or NoteForm(),
            may_take=any(transition.action is Action.TAKE for transition in found.available),
            may_ask=any(choice.value == "ask" for choice in form.decision.choices),
            ticked=set(posted_form().getlist("field")),
            changed=changed,
        ),
        status,
    )


def _requirements(definition: ServiceDefinition, submission: Submission) -> dict[str, str]:
    """Titles of the documents, by code."""
    return {paper.code: str(paper.title) for paper in definition.documents(load.current(), submission.data)}


def _checks(definition: ServiceDefinition, context: CaseContext, rows: Rows) -> list[Check]:
    """The service's own, and whether the fee still fits."""
    fee = fee_check(context, rows)
    return [*definition.checks(context), *([fee] if fee is not None else [])]


def _asked(case: Case) -> tuple[AskedField, ...]:
    """The ticked rows, of those that the submission has; anything else in the form is not looked at."""
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    current = known(case).rows.submissions[-1]
    shown = summary.sections(session, definition, pack, case, current.data)
    labels = {row.path: row.label for section in shown for row in section.rows}
    labels |= {f"documents.{code}": title for code, title in _requirements(definition, current).items()}
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
        return page(case, form, changed=_since(case, seen), status=409)
    if not form.validate():
        return page(case, form, status=422)
    value = form.decision.data
    action = next(action for name, action, _title in _CHOICES if name == value)
    payload = Payload(fields=_asked(case), outcome=_OUTCOMES.get(value))
    try:
        engine.perform(session, case, action, who, version=seen, reason=form.reason.data or "", payload=payload)
        session.commit()
    except (Invalid, NotAllowed, Stale) as error:
        session.rollback()
        g.pop("known_of_case")
        case = access.load(session, who, reference, Permission.DESK)
        form = DecisionForm(request.form, choices=choices(case))
        if seen != case.version:  # another was quicker, by a moment
            return page(case, form, changed=_since(case, seen), status=409)
        form.refuse(error.problems)
        return page(case, form, status=error.status)
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
