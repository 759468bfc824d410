"""The teams an official is in: "next case" hands out a team's cases to its people first."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries
from app.cases import routing
from app.core import clock, db
from app.core.errors import NotFound
from app.core.i18n import gettext as _
from app.identity import people, teams
from app.identity.absences import DESK_ROLES
from app.identity.models import User
from app.identity.policy import Permission
from app.jurisdictions import load
from app.web import guards
from app.web.admin import blueprint
from app.web.desk import verbs
from app.web.guards import requires
from forms.fields import options
from forms.routing import TeamsForm


def _official(user_id: int) -> User:
    person = people.user(db.session(), user_id)
    if person.role not in DESK_ROLES:
        raise NotFound
    return person


def _form(person: User) -> TeamsForm:
    session, pack = db.session(), load.current()
    offered = routing.teams_of(pack, people.agencies_of(session, person.id), clock.today(pack.zone))
    form = TeamsForm(guards.posted_form() or None, data={"teams": sorted(teams.of_user(session, person.id))})
    form.teams.choices = options([(team.code, team.name) for team in offered])
    return form


def _page(person: User, form: TeamsForm, status: int = 200) -> ResponseReturnValue:
    return render_template("web/admin/teams.html", person=person, form=form), status


@blueprint.get("/users/<int:user_id>/teams", endpoint="teams")
@requires(Permission.ADMINISTER)
def show(user_id: int) -> ResponseReturnValue:
    person = _official(user_id)
    return _page(person, _form(person))


@blueprint.post("/users/<int:user_id>/teams", endpoint="change_teams")
@requires(Permission.ADMINISTER)
def change(user_id: int) -> ResponseReturnValue:
    session = db.session()
    person = _official(user_id)
    form = _form(person)
    if not form.validate():
        return _page(person, form, 422)
    chosen = sorted(set(form.teams.data or ()))
    if teams.set_teams(session, person.id, chosen):
        entries.record(
            session, guards.actor(), verbs.TEAMS_CHANGED, subject=f"user:{person.id}", detail={"teams": chosen}
        )
    session.commit()
    flash(_("Saved."), "ok")
    return redirect(url_for("admin.user", user_id=person.id), 303)
