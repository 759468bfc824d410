"""What an official is trained for: the next case, choosing and handing over keep to it."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app.audit import entries
from app.cases import registry
from app.core import clock, db
from app.core.errors import NotFound
from app.core.i18n import gettext as _
from app.identity import people, skills
from app.identity.absences import DESK_ROLES
from app.identity.models import User
from app.identity.policy import Permission
from app.identity.skills import Skills
from app.jurisdictions import load, lookup
from app.web import guards
from app.web.admin import blueprint
from app.web.desk import verbs
from app.web.guards import requires
from forms.assignment import SkillsForm
from forms.fields import options


def _official(user_id: int) -> User:
    person = people.user(db.session(), user_id)
    if person.role not in DESK_ROLES:
        raise NotFound
    return person


def _form(person: User) -> SkillsForm:
    """Of what the person's agencies do."""
    session, pack = db.session(), load.current()
    agencies, today = set(people.agencies_of(session, person.id)), clock.today(pack.zone)
    known = skills.of_user(session, person.id)
    form = SkillsForm(
        guards.posted_form() or None,
        data={
            "services": sorted(known.services),
            "permit_kinds": sorted(known.permit_kinds),
            "offices": sorted(known.offices),
        },
    )
    form.services.choices = options(
        [(each.code, str(each.noun)) for each in registry.services() if agencies & set(each.agencies(pack))]
    )
    form.permit_kinds.choices = options(
        [(kind.code, kind.name) for kind in lookup.in_force(pack.permit_kinds, today) if kind.agency in agencies]
    )
    form.offices.choices = options(
        [(office.code, office.name) for office in lookup.in_force(pack.offices, today) if office.agency in agencies]
    )
    return form


@blueprint.get("/users/<int:user_id>/skills", endpoint="skills")
@requires(Permission.ADMINISTER)
def show(user_id: int) -> ResponseReturnValue:
    person = _official(user_id)
    return render_template("web/admin/skills.html", person=person, form=_form(person))


@blueprint.post("/users/<int:user_id>/skills", endpoint="change_skills")
@requires(Permission.ADMINISTER)
def change(user_id: int) -> ResponseReturnValue:
    session = db.session()
    person = _official(user_id)
    form = _form(person)
    if not form.validate():
        return render_template("web/admin/skills.html", person=person, form=form), 422
    chosen = Skills(*(frozenset(field.data or ()) for field in (form.services, form.permit_kinds, form.offices)))
    if skills.set_skills(session, person.id, chosen):
        entries.record(
            session,
            guards.actor(),
            verbs.SKILLS_CHANGED,
            subject=f"user:{person.id}",
            detail={"skills": sorted(map(list, chosen.pairs()))},
        )
    session.commit()
    flash(_("Saved."), "ok")
    return redirect(url_for("admin.user", user_id=person.id), 303)
