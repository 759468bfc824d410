"""Who may be handed a case: agency, conflict of interest, training, absence. Next case, choosing and reassigning ask
here; four eyes is the engine's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal, null, or_, select, true, union_all
from sqlalchemy.orm import Session

from app.cases import corrections, routing
from app.cases.models import Case, Submission
from app.cases.work import Work
from app.cases.workflow import State
from app.core.errors import Invalid, NotAllowed, Problem
from app.core.i18n import format_date
from app.core.i18n import gettext as _
from app.identity import absences, skills
from app.identity.actor import Actor, Role
from app.identity.models import Absence, AgencyMember, Membership, OfficialSkill, OfficialTeam, User
from app.identity.skills import Skills
from app.jurisdictions import load

_AWAY, _FOR, _TEAM = "away", "for", "team"


@dataclass(frozen=True)
class Hand:
    """What bears on what an official is handed: training, the last day they are away, whom they stand in for."""

    skills: Skills = field(default_factory=Skills)
    away_until: date | None = None
    stands_for: Mapping[int, date] = field(default_factory=dict)  # absent colleague → their last day away
    teams: frozenset[str] = frozenset()  # of the agencies they work for
    team_agencies: frozenset[str] = frozenset()  # those whose teams they are in

    @property
    def absent(self) -> tuple[int, ...]:
        return tuple(sorted(self.stands_for))


def hand_of(session: Session, actor: Actor) -> Hand:
    """One statement."""
    user, today = actor.user_id, absences.today()
    rows = session.execute(
        union_all(
            select(OfficialSkill.kind, OfficialSkill.value, null().label("day")).where(OfficialSkill.user_id == user),
            select(literal(_AWAY), literal(""), Absence.last_day).where(
                Absence.user_id == user, absences.running(today)
            ),
            select(literal(_FOR), func.cast(Absence.user_id, User.name.type), Absence.last_day).where(
                Absence.delegate_id == user, absences.running(today)
            ),
            select(literal(_TEAM), OfficialTeam.team, null()).where(OfficialTeam.user_id == user),
        )
    ).all()
    chosen = {value for kind, value, _day in rows if kind == _TEAM}
    teams = [team for team in routing.teams_of(load.current(), actor.agencies, today) if team.code in chosen]
    return Hand(
        Skills.of((kind, value) for kind, value, _day in rows),
        next((day for kind, _value, day in rows if kind == _AWAY), None),
        {int(value): day for kind, value, day in rows if kind == _FOR},
        frozenset(team.code for team in teams),
        frozenset(team.agency for team in teams),
    )


def visible(actor: Actor) -> ColumnElement[bool]:
    """Cases of the actor's agencies, without those of a business they have an interest in or that they sent."""
    interest = exists().where(Membership.user_id == actor.user_id, Membership.business_id == Case.business_id)
    sent = exists().where(Submission.id == Case.current_submission_id, Submission.submitted_by == actor.user_id)
    return and_(
        Case.agency.in_(sorted(actor.agencies)),
        Case.applicant_id != actor.user_id,
        or_(Case.business_id.is_(None), ~interest),
        ~sent,
    )


def trained_for(skills: Skills) -> ColumnElement[bool]:
    """As ``Skills.fit``, of cases."""
    found: list[ColumnElement[bool]] = []
    if skills.services or skills.permit_kinds:
        found.append(or_(Case.service.in_(sorted(skills.services)), Case.permit_kind.in_(sorted(skills.permit_kinds))))
    if skills.offices:
        found.append(or_(Case.office.is_(None), Case.office.in_(sorted(skills.offices))))
    return and_(true(), *found)


def check_trained(skills: Skills, case: Case) -> None:
    if not skills.fit(case.service, case.permit_kind, case.office):
        raise NotAllowed(_("This kind of case is not among those you are trained for."), code="not_trained")


def left_alone(session: Session, holder: int, delegate: int) -> int:
    """How many of the cases ``holder`` has at work the delegate is not trained for: nobody acts on them."""
    untrained = trained_for(skills.of_user(session, delegate)).is_not(True)
    held = select(func.count()).select_from(Case).where(Case.assigned_to == holder, Case.state == State.IN_REVIEW.value)
    return session.scalar(held.where(untrained)) or 0


@dataclass(frozen=True)
class Colleague:
    """An official at work for an agency, and what keeps them from some cases."""

    id: int
    name: str
    role: Role
    skills: Skills
    away_until: date | None
    interested: bool  # in the business asked about


def colleagues(session: Session, agency: str, business_id: int | None, *, only: int | None = None) -> list[Colleague]:
    """Clerks and supervisors of ``agency`` by name; one statement."""
    day = absences.today()
    skills = (
        select(func.jsonb_agg(func.jsonb_build_array(OfficialSkill.kind, OfficialSkill.value)))
        .where(OfficialSkill.user_id == User.id)
        .correlate(User)
        .scalar_subquery()
    )
    until = (
        select(func.max(Absence.last_day))
        .where(Absence.user_id == User.id, absences.running(day))
        .correlate(User)
        .scalar_subquery()
    )
    interest = exists().where(Membership.user_id == User.id, Membership.business_id == business_id)
    statement: Any = (
        select(User.id, User.name, User.role, skills, until, interest)
        .join(AgencyMember, AgencyMember.user_id == User.id)
        .where(AgencyMember.agency == agency, User.role.in_(absences.DESK_ROLES), User.disabled_at.is_(None))
        .order_by(User.name, User.id)
    )
    if only is not None:
        statement = statement.where(User.id == only)
    return [
        Colleague(user_id, name, Role(role), Skills.of((k, v) for k, v in pairs or ()), away, interested)
        for user_id, name, role, pairs, away, interested in session.execute(statement)
    ]


def why_not(
    case: Case,
    person: Colleague,
    *,
    submission: Submission | None,
    recommended_by: int | None,
    bars: corrections.Bars | None = None,
) -> str | None:
    """What keeps ``person`` from being handed the case; None when nothing does.

    ``recommended_by`` of the recommendation that waits for a decision, if one does.
    """
    if person.id == case.assigned_to and person.id != recommended_by:
        return _("%(name)s has the case already.", name=person.name)
    if person.interested or person.id == case.applicant_id:
        return _("%(name)s has an interest in this case.", name=person.name)
    if submission is not None and submission.submitted_by == person.id:
        return _("%(name)s sent this case.", name=person.name)
    deciding = State(case.state) is State.RECOMMENDED
    if bars and corrections.barred(bars, person.id, deciding=deciding):
        return _("%(name)s had to do with the decision that is being corrected.", name=person.name)
    if deciding:
        if person.id == recommended_by:
            return _("%(name)s made the recommendation, so another person must decide.", name=person.name)
        if person.role is not Role.SUPERVISOR:
            return _("The case waits for a decision, which is a supervisor's.")
    if not person.skills.fit(case.service, case.permit_kind, case.office):
        return _("%(name)s is not trained for this kind of case.", name=person.name)
    if person.away_until is not None:
        return _("%(name)s is away until %(date)s.", name=person.name, date=format_date(person.away_until))
    return None


def check_may_be_handed(work: Work, user_id: int | None) -> None:
    """Raise Invalid (field ``to``) for a colleague who may not take the case of ``work``."""
    found = colleagues(work.session, work.case.agency or "", work.case.business_id, only=user_id or 0)
    if not found:
        raise Invalid(Problem(_("Choose a colleague of the same agency."), "to", "unknown"))
    recommended_by = work.recommendation.recommended_by if work.recommendation is not None else None
    refusal = why_not(work.case, found[0], submission=work.submission, recommended_by=recommended_by, bars=work.bars)
    if refusal is not None:
        raise Invalid(Problem(refusal, "to", "not_theirs"))
