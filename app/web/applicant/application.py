"""Filling in and sending: start, task list, steps, documents, check your answers, send."""

import hashlib
import json
import re
from dataclasses import dataclass
from io import BytesIO

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.cases import access, answers, around, deadlines, drafts, engine, fee_check, grounds, registry, summary, work
from app.cases.inspection_models import VISIT_WORDS
from app.cases.models import Case
from app.cases.registry import ServiceDefinition, Step, StepContext
from app.cases.work import Payload
from app.cases.workflow import Action, State
from app.core import db
from app.core.errors import DomainError, Invalid, NotFound, Problem, Stale
from app.core.i18n import gettext as _
from app.core.identifiers import token
from app.core.money import Money
from app.documents import uploads
from app.documents.models import Upload
from app.identity import limits
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.applicant import blueprint
from app.web.guards import actor, posted_form, requires

STARTS = (60, 3600)  # new applications of one person in so many seconds
# What a start button may carry: all that any service fills in beforehand.
ARGUMENTS = (
    "hs", "description", "destination", "route", "kind", "quantity", "unit", "value", "currency", "permit_line",
)  # fmt: skip

JUST_SENT = frozenset({State.AWAITING_PAYMENT, State.SUBMITTED, State.IN_REVIEW})
_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


@blueprint.post("/start/<service>")
@requires(Permission.APPLY)
def start(service: str) -> ResponseReturnValue:
    """Make the draft. The start page carries a key, so a double click or a repeated POST opens the same draft."""
    definition = registry.find(service)
    if definition is None:
        raise NotFound
    limits.hit(f"start:{actor().user_id}", *STARTS)
    key = request.form.get("key", "")
    arguments = {name: request.form[name][:200] for name in ARGUMENTS if request.form.get(name)}
    case = engine.start(
        db.session(),
        service,
        actor(),
        idempotency_key=key if _KEY.fullmatch(key) else token(),
        arguments=arguments,
    )
    db.session().commit()
    return redirect(url_for("applicant.case", reference=case.reference), 303)


def open_draft(reference: str) -> tuple[Case, ServiceDefinition, StepContext]:
    """A case of the actor's that they may change now; while a change is under way, nobody else's window changes it.

    Once it is sent, an old page, the back button or a second click leads to where the case stands.
    """
    case = access.load(db.session(), actor(), reference, Permission.CASE_EDIT_OWN)
    if request.method == "POST":
        case = access.lock(db.session(), case.id)
    definition = registry.service(case.service)
    if not drafts.editable(case):
        abort(_already_sent(case))
    return case, definition, drafts.context(db.session(), definition, load.current(), case)


def _already_sent(case: Case) -> Response:
    sending = request.method == "POST" and request.endpoint == "applicant.check"
    if sending and State(case.state) in JUST_SENT:
        return redirect(url_for("applicant.sent", reference=case.reference), 303)
    flash(str(registry.service(case.service).workflow.words.already_sent), "warn")
    return redirect(url_for("applicant.case", reference=case.reference), 303)


def asked(case: Case) -> dict[str, list[str]]:
    """What the agency asks about: labels by step, while the case is returned."""
    if State(case.state) is not State.RETURNED:
        return {}
    found: dict[str, list[str]] = {}
    for open_request in work.open_requests(db.session(), case):
        for field in open_request.fields:
            found.setdefault(field["step"], []).append(field["label"])
    return found


def task_list(case: Case) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    context = drafts.context(session, definition, pack, case)
    questions = asked(case)
    statuses = drafts.statuses(definition, case, context, frozenset(questions))
    needed = definition.documents(pack, dict(context.answers))
    missing = drafts.missing_documents(session, needed, case)
    done = sum(status.complete for status in statuses) + (bool(needed) and not missing)
    return render_template(
        "web/applicant/tasks.html",
        case=case,
        service=definition,
        statuses=statuses,
        needed=needed,
        missing=missing,
        asked=questions,
        requests=work.open_requests(session, case) if questions else [],
        said=grounds.said,
        no_answer=answers.no_answer,
        clock=deadlines.face(case, pack),
        around=around.of(session, pack, case) if questions else None,
        visit_words=VISIT_WORDS,
        may_edit=True,
        place=place,
        done=done,
        total=len(statuses) + bool(needed),
        ready=all(status.complete for status in statuses) and not missing,
    )


def place(case: Case, field: dict[str, str]) -> str:
    """Where the applicant answers what was asked: the page, and the field on it."""
    anchor = field["path"].partition(".")[2] or None
    if field["step"] == "documents":
        return url_for("applicant.documents", reference=case.reference, _anchor=anchor)
    return url_for("applicant.step", reference=case.reference, key=field["step"], _anchor=anchor)


def _find_step(definition: ServiceDefinition, context: StepContext, key: str) -> Step:
    for step in drafts.applicable(definition, context):
        if step.key == key:
            return step
    raise NotFound


@blueprint.route("/cases/<reference>/step/<key>", methods=["GET", "POST"])
@requires(Permission.CASE_EDIT_OWN)
def step(reference: str, key: str) -> ResponseReturnValue:
    """One page of questions. Whatever happens, what was typed is kept: in the page, and in the draft."""
    case, definition, context = open_draft(reference)
    page = _find_step(definition, context, key)
    typed = posted_form()
    form = drafts.form(page, case, context, typed if typed else None)
    status = 200
    if request.method == "POST" and not form.handle_buttons(typed):  # type: ignore[attr-defined]
        complete = form.validate()
        drafts.save(db.session(), case, page, form, complete=complete)
        _retitle(case, definition)
        db.session().commit()
        if complete or "save_later" in typed:
            return redirect(_after(case, definition, page, typed), 303)
        status = 422
    order = drafts.applicable(definition, context)
    return (
        render_template(
            page.template,
            case=case,
            service=definition,
            step=page,
            form=form,
            number=order.index(page) + 1,
            total=len(order),
            questions=asked(case).get(key, []),
        ),
        status,
    )


def _retitle(case: Case, definition: ServiceDefinition) -> None:
    answers = {key: kept.get("clean") or kept.get("prefill") or {} for key, kept in case.draft.items()}
    case.entitle(definition.case_title(load.current(), answers))


def _after(case: Case, definition: ServiceDefinition, page: Step, typed: MultiDict[str, str]) -> str:
    """Back to the check page when the person came from there, else on to the next unfinished step."""
    if "save_later" in typed:
        flash(_("Your answers are saved. You can come back at any time."))
        return url_for("applicant.case", reference=case.reference)
    if request.args.get("from") == "check":
        return url_for("applicant.check", reference=case.reference)
    context = drafts.context(db.session(), definition, load.current(), case)
    order = drafts.applicable(definition, context)
    keys = [step.key for step in order]
    following = order[keys.index(page.key) + 1 :] if page.key in keys else []
    for candidate in following:
        if not case.draft.get(candidate.key, {}).get("complete"):
            return url_for("applicant.step", reference=case.reference, key=candidate.key)
    return url_for("applicant.case", reference=case.reference)


@blueprint.route("/cases/<reference>/documents", methods=["GET", "POST"])
@requires(Permission.CASE_EDIT_OWN)
def documents(reference: str) -> ResponseReturnValue:
    """Attach papers one at a time or several at once; a refused file says why at its own field."""
    case, definition, context = open_draft(reference)
    session = db.session()
    needed = definition.documents(load.current(), dict(context.answers))
    problems: list[Problem] = []
    if request.method == "POST":
        problems = _accept(case, {requirement.code for requirement in needed})
        session.commit()
        if not problems:
            target = "applicant.case" if "continue" in request.form else "applicant.documents"
            return redirect(url_for(target, reference=case.reference), 303)
    held: dict[str, list[Upload]] = {}
    for upload in uploads.for_case(session, case.id):
        held.setdefault(upload.code, []).append(upload)
    return (
        render_template(
            "web/applicant/documents.html",
            case=case,
            service=definition,
            needed=needed,
            held=held,
            problems=problems,
            by_code={problem.field: problem for problem in problems},
            questions=asked(case).get("documents", []),
        ),
        422 if problems else 200,
    )


def _accept(case: Case, codes: set[str]) -> list[Problem]:
    problems: list[Problem] = []
    applicant = actor().user_id
    assert applicant is not None  # the permission is for people
    for code, file in request.files.items(multi=True):
        if code not in codes or not file.filename:
            continue
        try:
            uploads.accept(
                db.session(),
                stream=BytesIO(file.read()),
                filename=file.filename,
                case_id=case.id,
                code=code,
                uploaded_by=applicant,
            )
        except DomainError as error:
            problems += [Problem(problem.message, code, problem.code) for problem in error.problems]
    return problems


@blueprint.post("/cases/<reference>/documents/<int:upload_id>/remove")
@requires(Permission.CASE_EDIT_OWN)
def remove_document(reference: str, upload_id: int) -> ResponseReturnValue:
    case, _definition, _context = open_draft(reference)
    found = next((upload for upload in uploads.for_case(db.session(), case.id) if upload.id == upload_id), None)
    if found is None:
        raise NotFound
    uploads.remove(db.session(), found)
    db.session().commit()
    flash(_("The document was removed."))
    return redirect(url_for("applicant.documents", reference=case.reference), 303)


@blueprint.route("/cases/<reference>/check", methods=["GET", "POST"])
@requires(Permission.CASE_EDIT_OWN)
def check(reference: str) -> ResponseReturnValue:
    """Check your answers, declare, send. Problems are listed with a link to the page where each can be mended."""
    case, definition, context = open_draft(reference)
    session, pack = db.session(), load.current()
    problems: tuple[Problem, ...] = ()
    if request.method == "POST":
        version = request.form.get("version", default=0, type=int)
        try:
            _seen(case)
            engine.perform(
                session, case, Action.SUBMIT, actor(), version=version,
                payload=Payload(declared="declared" in request.form),
            )  # fmt: skip
        except Invalid as error:
            problems = error.problems
        except Stale:  # sent from another window, and given back to be changed
            problems = (
                Problem(_("The agency has asked you something since you opened this page. Read it first."), None),
            )
        else:
            session.commit()
            return redirect(url_for("applicant.sent", reference=case.reference), 303)
        session.rollback()
        case, definition, context = open_draft(reference)  # what is shown is what is there now
    answers = dict(context.answers)
    needed = definition.documents(pack, answers)
    returned = State(case.state) is State.RETURNED
    return (
        render_template(
            "web/applicant/check.html",
            case=case,
            service=definition,
            sections=summary.sections(session, definition, pack, case, answers),
            needed=needed,
            uploads=uploads.for_case(session, case.id),
            cost=_cost(case, definition, context) if not returned else None,
            dearer=_dearer(case, definition) if returned else None,
            problems=[(problem, _where(case, problem)) for problem in problems],
            shown=_shown(case),
            declared="declared" in request.form,
            returned=returned,
        ),
        422 if problems else 200,
    )


@dataclass(frozen=True)
class Cost:
    """What sending costs; ``fee`` is None while the answers do not yet tell how much."""

    free: bool
    fee: Money | None = None


def _cost(case: Case, definition: ServiceDefinition, context: StepContext) -> Cost:
    pack = load.current()
    sendable = drafts.evaluate(db.session(), definition, pack, case)
    try:
        if not sendable.problems:
            fee = fee_check.price(pack, case, sendable.answers)
            return Cost(fee is None, fee)
    except Invalid:  # there is no rate: sending will say so
        pass
    return Cost(not definition.fee(pack, dict(context.answers)))


def _dearer(case: Case, definition: ServiceDefinition) -> fee_check.Dearer | None:
    """Whether what would be sent now costs more than was paid."""
    pack = load.current()
    sendable = drafts.evaluate(db.session(), definition, pack, case)
    if sendable.problems:
        return None
    try:
        return fee_check.dearer(db.session(), pack, case, sendable.answers)
    except Invalid:
        return None


def _shown(case: Case) -> str:
    """What the page shows, in one short word: answers and papers may change in another window before it is sent."""
    papers = sorted(upload.id for upload in uploads.for_case(db.session(), case.id))
    answers = {key: kept.get("raw") for key, kept in case.draft.items()}
    return hashlib.sha256(json.dumps([answers, papers], sort_keys=True).encode()).hexdigest()[:32]


def _seen(case: Case) -> None:
    """Raise Invalid unless what is sent is what the page showed. A case that moved on is the engine's to refuse."""
    if drafts.editable(case) and request.form.get("shown") != _shown(case):
        raise Invalid(
            Problem(_("Your answers changed in another window. Check them again, then send them."), None, "changed")
        )


def _where(case: Case, problem: Problem) -> str:
    """The page and field that mend a problem found at sending."""
    key, _dot, field = (problem.field or "").partition(".")
    if problem.field == "declared":
        return "#declared"
    if key == "documents":
        return url_for("applicant.documents", reference=case.reference, _anchor=field or None)
    if any(step.key == key for step in registry.service(case.service).steps):
        page = url_for("applicant.step", reference=case.reference, key=key)
        return f"{page}?from=check#{field}" if field else f"{page}?from=check"
    return url_for("applicant.case", reference=case.reference)
