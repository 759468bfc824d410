"""What an official does with the case they see: decide, ask, write a note, look at the document to come."""

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries
from app.cases import access, colleagues, engine, previews, registry, summary, worklist
from app.cases.models import Case, Outcome
from app.cases.work import AskedField, Payload
from app.cases.workflow import Action
from app.core import db
from app.core.errors import Invalid, NotAllowed, NotFound, Stale
from app.core.i18n import gettext as _
from app.identity import limits
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import downloads
from app.web.desk import blueprint
from app.web.desk.reading import CHOICES, decision_form, known, note_form, page, required, since
from app.web.guards import actor, requires
from forms.decisions import DecisionForm

OUTCOMES = {"recommend_approve": Outcome.APPROVE, "recommend_refuse": Outcome.REFUSE}
PREVIEWS, PREVIEW_SECONDS = 20, 600  # of one official: each costs the server a second


def _asked(case: Case) -> tuple[AskedField, ...]:
    """The ticked rows, of those that the submission has; anything else in the form is not looked at."""
    session, pack = db.session(), load.current()
    definition = registry.service(case.service)
    current = known(case).rows.submissions[-1]
    shown = summary.sections(session, definition, pack, case, current.data)
    labels = {row.path: row.label for section in shown for row in section.rows}
    labels |= {f"documents.{code}": title for code, title in required(definition, current).items()}
    ticked = dict.fromkeys(value.partition("|")[0] for value in request.form.getlist("field"))
    return tuple(AskedField(path.partition(".")[0], path, labels[path]) for path in ticked if path in labels)


def _payload(case: Case, form: DecisionForm) -> Payload:
    lists = ("refuse", "ask", "recommend", "cancel", "correct")
    return Payload(
        fields=_asked(case) if form.decision.data == "ask" else (),
        outcome=OUTCOMES.get(form.decision.data),
        reasons=tuple(code for name in lists for code in form.ticked(name)),
        conditions=form.ticked("conditions"),
        own_conditions=form.written(),
        answer_days=form.answer_days.data if "answer_days" in form else None,
        without_waiting=(form.without_waiting.data or "") if "without_waiting" in form else "",
    )


@blueprint.post("/desk/<reference>/decide")
@requires(Permission.DESK)
def decide(reference: str) -> ResponseReturnValue:
    """Record the decision. When the case moved meanwhile: what changed, and everything typed still there."""
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    seen = request.form.get("version", type=int) or 0
    form = decision_form(case, request.form)
    if seen != case.version:
        return page(case, form, changed=since(case, seen), status=409)
    if not form.validate():
        return page(case, form, status=422)
    action = next(action for name, action, _title in CHOICES if name == form.decision.data)
    try:
        engine.perform(
            session, case, action, who, version=seen, reason=form.reason.data or "", payload=_payload(case, form)
        )
        session.commit()
    except (Invalid, NotAllowed, Stale) as error:
        session.rollback()
        g.pop("known_of_case", None)
        case = access.load(session, who, reference, Permission.DESK)
        form = decision_form(case, request.form)
        if seen != case.version:  # another was quicker, by a moment
            return page(case, form, changed=since(case, seen), status=409)
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


@blueprint.post("/desk/<reference>/notes")
@requires(Permission.DESK)
def notes(reference: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    note = note_form(case, request.form)
    if not note.validate():
        return page(case, decision_form(case), note=note, status=422)
    tell = colleagues.named(note.body.data, note.told(), known(case).colleagues)
    engine.add_note(session, case, who, note.body.data, tell=tell)
    session.commit()
    return redirect(url_for("desk.review", reference=reference, _anchor="notes"), 303)


@blueprint.get("/desk/<reference>/draft.pdf")
@requires(Permission.DESK)
def draft(reference: str) -> ResponseReturnValue:
    """What approving would issue, for who may approve it now. Nothing is kept and no number is taken."""
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    if Action.APPROVE not in known(case).actions:
        raise NotFound()
    limits.hit(f"draft:{who.user_id}", PREVIEWS, PREVIEW_SECONDS)
    try:
        preview = previews.of_approval(session, case, who)
    except (Invalid, NotAllowed, Stale) as error:
        session.rollback()
        case = access.load(session, who, reference, Permission.DESK)
        form = decision_form(case)
        form.refuse(error.problems)
        return page(case, form, status=error.status)
    if preview is None:
        raise NotFound()
    entries.record(
        session, who, "case.previewed", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id,
    )  # fmt: skip
    session.commit()  # before the second that rendering takes
    return downloads.file_answer(previews.render(preview), "application/pdf", "draft.pdf")
