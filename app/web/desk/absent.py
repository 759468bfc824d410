"""Absences: entering one's own or, as a supervisor, a colleague's, and ending it."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from app import notifications
from app.audit import entries
from app.cases import assignment
from app.core import db
from app.core.errors import Invalid
from app.core.i18n import gettext as _
from app.core.i18n import ngettext
from app.identity import absences
from app.identity.actor import Role
from app.identity.models import Absence
from app.identity.policy import Permission
from app.web.desk import blueprint, verbs
from app.web.guards import actor, posted_form, requires
from forms.assignment import AbsenceForm


def _form(data: object = None) -> AbsenceForm:
    who = actor()
    colleagues = [
        (str(person.id), person.name)
        for person in absences.colleagues(db.session(), who.agencies)
        if person.id != who.user_id
    ]
    oneself = (str(who.user_id), _("I am: %(name)s", name=who.name))
    people = [oneself, *colleagues] if who.role is Role.SUPERVISOR else [oneself]
    delegates = [(str(who.user_id), who.name), *colleagues] if who.role is Role.SUPERVISOR else colleagues
    return AbsenceForm(data or None, people=people, delegates=delegates, data={"person": str(who.user_id)})


def _page(form: AbsenceForm, status: int = 200) -> ResponseReturnValue:
    coming = absences.coming(db.session(), actor())
    return render_template("web/desk/absences.html", form=form, coming=coming, today=absences.today()), status


@blueprint.get("/desk/absences", endpoint="absences")
@requires(Permission.DESK)
def show() -> ResponseReturnValue:
    return _page(_form(posted_form()))


@blueprint.post("/desk/absences", endpoint="enter_absence")
@requires(Permission.DESK)
def enter() -> ResponseReturnValue:
    session, who = db.session(), actor()
    form = _form(posted_form())
    if not form.validate():
        return _page(form, 422)
    try:
        absence = absences.enter(
            session,
            who,
            int(form.person.data),
            first_day=form.first_day.data,
            last_day=form.last_day.data,
            delegate_id=int(form.delegate.data) if form.delegate.data else None,
        )
    except Invalid as error:
        form.refuse(error.problems)
        return _page(form, 422)
    _record(verbs.ABSENCE_ENTERED, absence)
    if absence.delegate_id is not None:
        notifications.send(
            session,
            user_id=absence.delegate_id,
            template="stand_in",
            values={
                "name": dict(choice[:2] for choice in form.person.iter_choices()).get(form.person.data, "")
                if absence.user_id != who.user_id
                else who.name,
                "first_day": absence.first_day,
                "last_day": absence.last_day,
                "path": "/desk",
            },
        )
    left = assignment.left_alone(session, absence.user_id, absence.delegate_id) if absence.delegate_id else 0
    session.commit()
    flash(_("The absence is entered."), "ok")
    if left:
        flash(
            ngettext(
                "Who stands in is not trained for %(num)s of the open cases, and neither sees it as theirs nor can act"
                " on it. A supervisor can hand it to a colleague who is.",
                "Who stands in is not trained for %(num)s of the open cases, and neither sees them as theirs nor can"
                " act on them. A supervisor can hand them to a colleague who is.",
                left,
            ),
            "warn",
        )
    return redirect(url_for("desk.absences"), 303)


def _record(verb: str, absence: Absence) -> None:
    entries.record(
        db.session(),
        actor(),
        verb,
        subject=f"user:{absence.user_id}",
        detail={
            "absence": absence.id,
            "first_day": absence.first_day.isoformat(),
            "last_day": absence.last_day.isoformat(),
            "delegate": absence.delegate_id,
        },
    )


@blueprint.post("/desk/absences/<int:absence_id>/end")
@requires(Permission.DESK)
def end_absence(absence_id: int) -> ResponseReturnValue:
    _record(verbs.ABSENCE_ENDED, absences.end(db.session(), actor(), absence_id))
    db.session().commit()
    flash(_("The absence is over."), "ok")
    return redirect(url_for("desk.absences"), 303)
