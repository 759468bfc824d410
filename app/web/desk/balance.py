"""The supervisor's view of the team: who has what, how old it is, and handing cases on, several at once."""

from datetime import datetime

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from app.cases import access, balance, engine, registry, teams
from app.cases.teams import TeamShare
from app.cases.work import Payload
from app.cases.workflow import Action
from app.core import clock, db
from app.core.errors import DomainError
from app.core.i18n import Text, ngettext
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.together import Together
from app.identity import absences, people
from app.identity.actor import Actor, Role
from app.identity.policy import Permission
from app.jurisdictions import load, working_days
from app.jurisdictions.model import Pack
from app.statistics import durations
from app.web import navigation, templating
from app.web.desk import blueprint
from app.web.desk.queue import rows
from app.web.guards import actor, posted_form, requires
from app.web.paging import read_id
from forms.assignment import HandOverForm

navigation.register(
    navigation.NavigationItem(_l("Team"), "/desk/team", roles=frozenset({Role.SUPERVISOR}), order=15),
)
MOST = 50  # cases handed over at once


def _buckets() -> list[str]:
    return [
        _("%(first)s to %(last)s days", first=first, last=last)
        if last is not None
        else _("over %(days)s days", days=first - 1)
        for first, last in balance.BUCKETS
    ]


@blueprint.get("/desk/team")
@requires(Permission.CASE_DECIDE)
def team() -> ResponseReturnValue:
    kept = posted_form()  # after a session ended
    return _page(HandOverForm(kept or None, colleagues=_names()), set(kept.getlist("case")))


def _names() -> list[tuple[str, str]]:
    """Of the colleagues. How long cases take comes with them, in the same statement."""
    agencies = actor().agencies
    people_at_work, g.usual_durations = Together(absences.at_work(agencies), durations.counted(agencies)).read(
        db.session()
    )
    by_name = sorted(people_at_work, key=lambda person: (person.name, person.id))
    return [(str(person.id), person.name) for person in by_name]


def _page(form: HandOverForm, ticked: set[str], *, status: int = 200) -> ResponseReturnValue:
    session, who, pack = db.session(), actor(), load.current()
    now = clock.now()
    shares = balance.shares(session, who, pack, after=read_id(request.args.get("after")))
    of = read_id(request.values.get("of"))
    held = balance.held_by(session, who, of, after=read_id(request.args.get("from"))) if of is not None else None
    cases = held.cases if held is not None else balance.unassigned(session, who)
    return (
        render_template(
            "web/desk/team.html",
            shares=shares.rows,
            ages={share.id: working_days.between(pack, share.oldest, now) for share in shares.rows if share.oldest},
            following=templating.url_with(after=shares.following) if shares.following else None,
            first=templating.url_with(after=None) if request.args.get("after") else None,
            teams=_teams(session, who, pack, now),
            ageing=balance.ageing(session, who, pack),
            usual=durations.said(g.usual_durations),
            kinds={kind.code: kind.name for kind in pack.permit_kinds},
            buckets=_buckets(),
            services={definition.code: definition.noun for definition in registry.services()},
            of=of,
            holder=dict(_choices(form)).get(str(of), "") if of is not None else "",
            cases=rows(list(cases)),
            more=templating.url_with(**{"from": held.following}) if held is not None and held.following else None,
            form=form,
            ticked=ticked,
        ),
        status,
    )


def _teams(session: Session, who: Actor, pack: Pack, now: datetime) -> list[tuple[str, TeamShare, int | None]]:
    """Name, numbers, and how many working days the oldest is old."""
    return [
        (
            teams.name_of(pack, share.team) or _("No team"),
            share,
            working_days.between(pack, share.oldest, now) if share.oldest else None,
        )
        for share in teams.shares(session, who, pack)
    ]


def _choices(form: HandOverForm) -> list[tuple[str, str]]:
    return [(choice.value, str(choice.label)) for choice in form.to.choices]


@blueprint.post("/desk/team")
@requires(Permission.CASE_DECIDE)
def hand_over() -> ResponseReturnValue:
    """Each ticked case as it was seen (``reference:version``); what cannot be handed over is said, the rest is."""
    session, who = db.session(), actor()
    ticked = list(dict.fromkeys(request.form.getlist("case")))[:MOST]
    form = HandOverForm(request.form, colleagues=_names())
    valid = form.validate()
    if not ticked:
        form.form_errors.append(_("Tick the cases to hand over."))
    if not valid or not ticked:
        return _page(form, set(ticked), status=422)
    to, done = int(form.to.data), 0
    for one in sorted(ticked):  # in one order, so that two supervisors never wait for each other
        reference, _colon, version = one.partition(":")
        try:
            with session.begin_nested():
                case = access.load(session, who, reference, Permission.CASE_DECIDE)
                engine.perform(
                    session, case, Action.REASSIGN, who, version=read_id(version) or 0, reason=form.reason.data,
                    payload=Payload(to=to),
                )  # fmt: skip
            done += 1
        except DomainError as error:
            session.expire_all()
            why: Text = "; ".join(str(problem.message) for problem in error.problems) or error.message
            flash(_("%(reference)s: %(problem)s", reference=reference, problem=why), "problem")
    session.commit()
    if done:
        name = people.names(session, [to]).get(to, "")
        flash(
            ngettext("%(num)s case was handed to %(name)s.", "%(num)s cases were handed to %(name)s.", done, name=name)
        )
    return redirect(url_for("desk.team", of=read_id(request.form.get("of"))), 303)
