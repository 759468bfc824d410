"""Flags and the team of one case: clearing a flag, moving the case to another team."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.cases import access, corrections, flags, registry, teams
from app.cases.flags_models import CaseFlag
from app.cases.models import Case
from app.core import db
from app.core.errors import DomainError, Invalid, NotFound
from app.core.i18n import gettext as _
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web.desk import blueprint
from app.web.guards import actor, posted_form, requires
from forms.routing import ClearFlagForm, MoveToTeamForm


def _flag(case: Case, flag_id: int) -> CaseFlag:
    """One that this person may clear, or NotFound."""
    session = db.session()
    found = next((each for each in flags.of_case(session, case.id) if each.id == flag_id), None)
    bars = corrections.bars_of(session, case)
    if found is None or not flags.may_clear(session, case, found, actor(), bars):
        raise NotFound
    return found


@blueprint.get("/desk/<reference>/flags/<int:flag_id>", endpoint="flag")
@requires(Permission.DESK)
def show_flag(reference: str, flag_id: int) -> ResponseReturnValue:
    case = access.load(db.session(), actor(), reference, Permission.DESK)
    return _flag_page(case, _flag(case, flag_id), ClearFlagForm(posted_form() or None))


@blueprint.post("/desk/<reference>/flags/<int:flag_id>", endpoint="clear_flag")
@requires(Permission.DESK)
def clear_flag(reference: str, flag_id: int) -> ResponseReturnValue:
    session, who = db.session(), actor()
    case = access.load(session, who, reference, Permission.DESK)
    form = ClearFlagForm(request.form)
    if not form.validate():
        return _flag_page(case, _flag(case, flag_id), form, status=422)
    try:
        flag = flags.clear(session, case, flag_id, who, form.reason.data)
        said = _("The flag “%(flag)s” is cleared.", flag=flag.name)
        session.commit()
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _flag_page(case, _flag(case, flag_id), form, status=422)
    except NotFound:
        raise
    except DomainError as error:
        session.rollback()
        flash(str(error.message), "problem")
        return redirect(url_for("desk.review", reference=reference), 303)
    flash(said)
    return redirect(url_for("desk.review", reference=reference), 303)


def _flag_page(case: Case, flag: CaseFlag, form: ClearFlagForm, *, status: int = 200) -> ResponseReturnValue:
    service = registry.service(case.service)
    return render_template("web/desk/flag.html", case=case, service=service, flag=flag, form=form), status


@blueprint.get("/desk/<reference>/team", endpoint="case_team")
@requires(Permission.CASE_DECIDE)
def show_team(reference: str) -> ResponseReturnValue:
    case = access.load(db.session(), actor(), reference, Permission.CASE_DECIDE)
    if not teams.may_move(load.current(), case, actor()):
        raise NotFound
    return _team_page(case, MoveToTeamForm(posted_form() or None, teams=_offered(case)))


@blueprint.post("/desk/<reference>/team", endpoint="move_to_team")
@requires(Permission.CASE_DECIDE)
def move_to_team(reference: str) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    case = access.load(session, who, reference, Permission.CASE_DECIDE)
    form = MoveToTeamForm(request.form, teams=_offered(case))
    seen = request.form.get("seen", "")
    if seen == (case.team or teams.WHOLE_AGENCY) and not form.validate():
        return _team_page(case, form, status=422)
    try:
        teams.move(session, pack, case, who, to=form.to, seen=seen, reason=form.reason.data or "")
        session.commit()
    except Invalid as error:
        session.rollback()
        form.refuse(error.problems)
        return _team_page(access.load(session, who, reference, Permission.CASE_DECIDE), form, status=422)
    except DomainError as error:
        session.rollback()
        flash(str(error.message), "problem")
        return redirect(url_for("desk.review", reference=reference), 303)
    name = teams.name_of(pack, case.team)
    if name:
        flash(_("%(reference)s is now of the team “%(team)s”.", reference=reference, team=name))
    else:
        flash(_("%(reference)s is now the whole agency’s.", reference=reference))
    return redirect(url_for("desk.review", reference=reference), 303)


def _offered(case: Case) -> list[tuple[str, str]]:
    found = [(team.code, team.name) for team in teams.offered(load.current(), case)]
    return found if case.team is None else [*found, (MoveToTeamForm.WHOLE_AGENCY, _("No team: the whole agency"))]


def _team_page(case: Case, form: MoveToTeamForm, *, status: int = 200) -> ResponseReturnValue:
    return (
        render_template(
            "web/desk/case_team.html",
            case=case,
            service=registry.service(case.service),
            team=teams.name_of(load.current(), case.team),
            form=form,
        ),
        status,
    )
