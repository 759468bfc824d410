"""``/desk/findings``: what auditors asked the agency, for its supervisors, and their answers."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import access, findings, findings_lists
from app.cases.findings_models import (
    ACTION_TITLES,
    SEVERITY_TITLES,
    STATE_KINDS,
    STATE_TITLES,
    Finding,
    FindingState,
)
from app.cases.models import Case
from app.core import db
from app.core.errors import Invalid, NotAllowed, Stale
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import people
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import navigation
from app.web.desk import blueprint
from app.web.guards import actor, posted_form, requires
from app.web.paging import cursor, read_cursor
from app.web.templating import url_with
from forms.findings import AnswerForm

navigation.register(
    navigation.NavigationItem(_l("Findings"), "/desk/findings", roles=frozenset({Role.SUPERVISOR}), order=50)
)
Show = findings_lists.Show
SHOWS: dict[str, Text] = {
    Show.DUE: _l("To answer"),
    Show.ANSWERED: _l("Answered"),
    Show.CLOSED: _l("Closed and withdrawn"),
}


@blueprint.get("/desk/findings", endpoint="findings")
@requires(Permission.CASE_DECIDE)
def overview() -> ResponseReturnValue:
    session, who = db.session(), actor()
    asked = request.args.get("show", "")
    show = Show(asked) if asked in SHOWS else Show.DUE
    after = read_cursor(request.args.get("after"))
    listed = findings_lists.for_agency(session, who, show, after)
    return render_template(
        "web/desk/findings.html",
        show=show.value,
        shows=SHOWS,
        listed=listed,
        counts=findings_lists.counts(session, who, agency=True),
        agencies={agency.code: agency.name for agency in load.current().agencies},
        severities={severity.value: title for severity, title in SEVERITY_TITLES.items()},
        states={state.value: (STATE_TITLES[state], STATE_KINDS[state]) for state in FindingState},
        following=url_with(after=cursor(listed.following)) if listed.following else None,
        first=url_with(after=None) if after else None,
    )


@blueprint.route("/desk/findings/<number>", methods=["GET", "POST"], endpoint="finding")
@requires(Permission.CASE_DECIDE)
def finding_page(number: str) -> ResponseReturnValue:
    session, who = db.session(), actor()
    finding, case = findings.load(session, who, number, Permission.CASE_DECIDE)
    form = AnswerForm(posted_form() or None)
    if request.method != "POST":
        return _show(finding, case, form)
    if not form.validate():
        return _show(finding, case, form, status=422)
    seen = request.form.get("version", type=int) or 0
    try:
        findings.answer(session, who, finding, case, text=form.answer.data, done=form.done.data, version=seen)
        session.commit()
    except (Invalid, NotAllowed, Stale) as error:
        session.rollback()
        finding, case = findings.load(session, who, number, Permission.CASE_DECIDE)
        form.refuse(error.problems)
        return _show(finding, case, form, status=error.status)
    flash(_("Your answer to %(number)s is with the auditor.", number=finding.number))
    return redirect(url_for("desk.finding", number=finding.number), 303)


def _show(finding: Finding, case: Case, form: AnswerForm, *, status: int = 200) -> ResponseReturnValue:
    session, who = db.session(), actor()
    ids = [each for each in (finding.author_id, finding.answered_by) if each is not None]
    page = render_template(
        "web/desk/findings_one.html",
        finding=finding,
        case=case,
        may_open=access.may(who, case, Permission.DESK),
        decided=finding.state == FindingState.SENT and findings.decided(session, who, case.id),
        history=[event for event in findings_lists.history(session, finding) if event.to_state != FindingState.DRAFT],
        names=people.names(session, ids),
        form=form,
        states={state.value: (STATE_TITLES[state], STATE_KINDS[state]) for state in FindingState},
        severities={severity.value: title for severity, title in SEVERITY_TITLES.items()},
        actions={action.value: title for action, title in ACTION_TITLES.items()},
        overdue=findings_lists.overdue,
    )
    return page, status
