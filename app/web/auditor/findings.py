"""``/audit/findings``: an auditor's marks and findings, from the draft to the conclusion."""

from dataclasses import replace
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries, verbs
from app.cases import access, findings, findings_lists, registry, summary
from app.cases.findings_models import (
    ACTION_TITLES,
    SEVERITY_TITLES,
    STATE_KINDS,
    STATE_TITLES,
    Finding,
    FindingAction,
    FindingState,
    Severity,
)
from app.cases.models import Case, Submission
from app.core import db, i18n
from app.core.errors import DomainError, Invalid, NotAllowed, Stale
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import navigation
from app.web.auditor import blueprint
from app.web.guards import actor, posted_form, requires
from app.web.paging import cursor, read_cursor
from app.web.templating import url_with
from forms.findings import ConclusionForm, FindingForm, MarkForm, WithdrawForm

navigation.register(
    navigation.NavigationItem(_l("Findings"), "/audit/findings", roles=frozenset({Role.AUDITOR}), order=14),
    navigation.NavigationItem(_l("Patterns"), "/audit/patterns", roles=frozenset({Role.AUDITOR}), order=16),
)
MARKED = "marked"
SHOWS: dict[str, Text] = {
    findings_lists.Show.DUE: _l("Waiting for an answer"),
    findings_lists.Show.ANSWERED: _l("Answered: your conclusion is due"),
    findings_lists.Show.DRAFTS: _l("Your drafts"),
    findings_lists.Show.CLOSED: _l("Closed and withdrawn"),
    MARKED: _l("Cases to look at again"),
}
WORDS: dict[str, Any] = {
    "states": {state.value: (STATE_TITLES[state], STATE_KINDS[state]) for state in FindingState},
    "severities": {severity.value: title for severity, title in SEVERITY_TITLES.items()},
    "actions": {action.value: title for action, title in ACTION_TITLES.items()},
    "overdue": findings_lists.overdue,
}
ENTRIES = 25  # of the case's latest audit entries, to point at


@blueprint.get("/audit/findings", endpoint="findings")
@requires(Permission.AUDIT)
def overview() -> ResponseReturnValue:
    session, who = db.session(), actor()
    asked = request.args.get("show", "")
    show = asked if asked in SHOWS else findings_lists.Show.DUE.value
    after = read_cursor(request.args.get("after"))
    if show == MARKED:
        marks, following = findings_lists.marked(session, who, after)
        listed = None
    else:
        marks, listed = [], findings_lists.for_auditor(session, who, findings_lists.Show(show), after)
        following = listed.following
    return render_template(
        "web/auditor/findings.html",
        show=show,
        shows=SHOWS,
        listed=listed,
        marks=marks,
        counts=findings_lists.counts(session, who, agency=False),
        agencies={agency.code: agency.name for agency in load.current().agencies},
        following=url_with(after=cursor(following)) if following else None,
        first=url_with(after=None) if after else None,
        **WORDS,
    )


# --- marks ----------------------------------------------------------------------------------------------------------


@blueprint.route("/audit/<reference>/mark", methods=["GET", "POST"])
@requires(Permission.AUDIT)
def mark(reference: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.AUDIT)
    if request.method == "POST" and "remove" in request.form:
        findings.unmark(session, who, case)
        session.commit()
        flash(_("Your mark on %(reference)s is taken off.", reference=case.reference))
        return _back_to(case)
    standing = findings_lists.mark_of(session, who, case.id)
    form = MarkForm(posted_form() or None, data={"note": standing.note} if standing else None)
    status = 200
    if request.method == "POST":
        if form.validate():
            findings.mark(session, who, case, form.note.data)
            session.commit()
            flash(_("%(reference)s is marked to look at again.", reference=case.reference))
            return _back_to(case)
        status = 422
    return render_template("web/auditor/findings_mark.html", case=case, form=form, standing=standing), status


def _back_to(case: Case) -> ResponseReturnValue:
    return redirect(url_for("auditor.case_file", reference=case.reference, look=1, _anchor="findings"), 303)


# --- writing --------------------------------------------------------------------------------------------------------


@blueprint.route("/audit/<reference>/findings/new", methods=["GET", "POST"])
@requires(Permission.AUDIT)
def new_finding(reference: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    case = access.load(session, who, reference, Permission.AUDIT)
    start = {"agency": case.agency, "severity": Severity.OBSERVATION.value, "answer_days": findings.ANSWER_DAYS}
    form = _form(case, data=start)
    if request.method != "POST":
        return _editor(case, form)
    if not form.validate():
        return _editor(case, form, status=422)
    try:
        finding = findings.write(session, pack, who, case, _content(form))
        if "send" in request.form and finding.state == FindingState.DRAFT:
            findings.send(session, pack, who, finding, case, version=finding.version)
        session.commit()
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _editor(access.load(session, who, reference, Permission.AUDIT), form, status=error.status)
    return _saved(finding)


@blueprint.route("/audit/findings/<number>/edit", methods=["GET", "POST"])
@requires(Permission.AUDIT)
def edit_finding(number: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    finding, case = findings.load(session, who, number, Permission.AUDIT)
    if finding.state != FindingState.DRAFT or finding.author_id != who.user_id:
        flash(_("A finding that was sent can no longer be edited."), "problem")
        return redirect(url_for("auditor.finding", number=finding.number), 303)
    form = _form(case, data=_as_data(finding), also=finding.points)
    if request.method != "POST":
        return _editor(case, form, finding)
    seen = request.form.get("version", type=int) or 0
    if seen != finding.version:
        return _editor(case, form, finding, changed=True, status=409)
    if not form.validate():
        return _editor(case, form, finding, status=422)
    try:
        findings.edit(session, who, finding, case, _content(form), version=seen)
        if "send" in request.form:
            findings.send(session, pack, who, finding, case, version=finding.version)
        session.commit()
    except (Invalid, Stale) as error:
        session.rollback()
        finding, case = findings.load(session, who, number, Permission.AUDIT)
        form.refuse(error.problems)
        return _editor(case, form, finding, status=error.status)
    return _saved(finding)


_COLUMNS = ("title", "seen", "severity", "legal_basis", "agency", "answer_days")


def _saved(finding: Finding) -> ResponseReturnValue:
    if finding.state == FindingState.SENT:
        flash(_("Finding %(number)s is sent. You see the answer here.", number=finding.number))
    else:
        flash(_("Draft %(number)s is saved. Only you see it until you send it.", number=finding.number))
    return redirect(url_for("auditor.finding", number=finding.number), 303)


def _as_data(finding: Finding) -> dict[str, Any]:
    kept = {name: getattr(finding, name) for name in _COLUMNS}
    return kept | {"points": [f"{point['kind']}:{point['key']}" for point in finding.points]}


def _form(case: Case, *, data: dict[str, Any], also: list[Any] | None = None, typed: bool = True) -> FindingForm:
    """``typed``: filled with what was posted, where something was."""
    form = FindingForm((posted_form() or None) if typed else None, data=data)
    form.severity.offer([(severity.value, title) for severity, title in SEVERITY_TITLES.items()])
    form.agency.offer(load.current().agencies)
    offered = _points(case)
    for point in also or []:  # what it pointed at before stays, though a later version may not have it
        offered.setdefault(f"{point['kind']}:{point['key']}", point["label"])
    form.points.offer(offered.items())
    # Made anew when the choices are known: the boxes are put in the order of the page.
    if form.points.raw_data:
        form.points.process_formdata(form.points.raw_data)
    return form


def _points(case: Case) -> dict[str, str]:
    """What can be pointed at, ``kind:key`` to label: answers and documents as last sent, and audit entries."""
    session, pack = db.session(), load.current()
    found: dict[str, str] = {}
    definition = registry.service(case.service)
    if case.current_submission_id is not None:
        sent = session.get_one(Submission, case.current_submission_id)
        titles = {each.code: str(each.title) for each in definition.documents(pack, sent.data)}
        for section in summary.sections(session, definition, pack, case, sent.data):
            found |= {f"field:{row.path}": row.label for row in section.rows if row.value}
        for paper in sent.documents:
            found[f"document:{paper['upload_id']}"] = f"{titles.get(paper['code'], paper['code'])}: {paper['filename']}"
    for entry in entries.for_case(session, case.id, limit=ENTRIES).entries:
        if not entry.verb.startswith(("finding.", "case.viewed", "case.marked", "case.unmarked")):
            when = i18n.format_datetime(entry.at)
            found[f"entry:{entry.id}"] = f"{verbs.title(entry.verb)}, {entry.actor_name}, {when}"
    return found


def _content(form: FindingForm) -> findings.Content:
    labels = {choice.value: str(choice.label) for choice in form.points.choices}
    points = tuple(
        {"kind": value.partition(":")[0], "key": value.partition(":")[2], "label": labels[value]}
        for value in form.points.data or []
    )
    content = findings.Content(title=form.title.data or "", agency=form.agency.data or "", points=points)
    return replace(
        content,
        seen=form.seen.data or "",
        severity=form.severity.data,
        legal_basis=form.legal_basis.data or "",
        answer_days=form.answer_days.data,
    )


def _editor(
    case: Case, form: FindingForm, finding: Finding | None = None, *, changed: bool = False, status: int = 200
) -> ResponseReturnValue:
    page = render_template("web/auditor/findings_edit.html", case=case, form=form, finding=finding, changed=changed)
    return page, status


# --- one finding ----------------------------------------------------------------------------------------------------


@blueprint.route("/audit/findings/<number>", methods=["GET", "POST"], endpoint="finding")
@requires(Permission.AUDIT)
def finding_page(number: str) -> ResponseReturnValue:
    """Reading one; sending, concluding on and withdrawing it are the posts of its page."""
    session, who = db.session(), actor()
    finding, case = findings.load(session, who, number, Permission.AUDIT)
    kept = posted_form()
    form, withdrawal = ConclusionForm(kept or None), WithdrawForm(kept or None)
    if request.method != "POST":
        return _show(finding, case, form, withdrawal)
    seen = request.form.get("version", type=int) or 0
    what = request.form.get("action", "")
    active = {"close": form, "withdraw": withdrawal}.get(what)
    if active is not None and not active.validate():
        return _show(finding, case, form, withdrawal, status=422)
    try:
        _perform(what, finding, case, form, withdrawal, seen)
        session.commit()
    except (Invalid, NotAllowed, Stale) as error:
        session.rollback()
        finding, case = findings.load(session, who, number, Permission.AUDIT)
        if isinstance(error, Invalid) and what == "send":
            return _unfinished(finding, case, error)
        (active or form).refuse(error.problems)
        return _show(finding, case, form, withdrawal, status=error.status)
    return redirect(url_for("auditor.finding", number=finding.number), 303)


def _perform(
    what: str, finding: Finding, case: Case, form: ConclusionForm, withdrawal: WithdrawForm, seen: int
) -> None:
    session, who = db.session(), actor()
    if what == "send":
        findings.send(session, load.current(), who, finding, case, version=seen)
        flash(_("Finding %(number)s is sent. You see the answer here.", number=finding.number))
    elif what == "close":
        accepted = form.verdict.data == "accepted"
        findings.close(session, who, finding, case, accepted=accepted, conclusion=form.conclusion.data, version=seen)
        flash(_("Finding %(number)s is closed.", number=finding.number))
    elif what == "withdraw":
        findings.withdraw(session, who, finding, case, reason=withdrawal.reason.data, version=seen)
        flash(_("Finding %(number)s is withdrawn.", number=finding.number))
    else:
        raise NotAllowed


def _unfinished(finding: Finding, case: Case, error: DomainError) -> ResponseReturnValue:
    """The draft's form with what is missing before it can be sent."""
    form = _form(case, data=_as_data(finding), also=finding.points, typed=False)
    form.refuse(error.problems)
    return _editor(case, form, finding, status=error.status)


def _show(
    finding: Finding, case: Case, form: ConclusionForm, withdrawal: WithdrawForm, *, status: int = 200
) -> ResponseReturnValue:
    session, who = db.session(), actor()
    state = FindingState(finding.state)
    ids = [each for each in (finding.author_id, finding.answered_by) if each is not None]
    page = render_template(
        "web/auditor/findings_one.html",
        finding=finding,
        case=case,
        history=findings_lists.history(session, finding),
        names=people.names(session, ids),
        agency=next((each.name for each in load.current().agencies if each.code == finding.agency), finding.agency),
        mine=finding.author_id == who.user_id,
        open=state in {FindingState.SENT, FindingState.ANSWERED} or finding.author_id == who.user_id,
        form=form if form.errors or not withdrawal.errors else withdrawal,
        conclusion=form,
        withdrawal=withdrawal,
        withdraw_action=FindingAction.WITHDRAW.value,
        **WORDS,
    )
    return page, status
