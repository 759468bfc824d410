"""Teams and who is handed what: a team's own cases first, then those of its agency that are no team's."""

from dataclasses import dataclass
from datetime import datetime

from babel.support import LazyProxy
from sqlalchemy import ColumnElement, Select, func, or_, select, true
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries
from app.cases import access, routing
from app.cases.assignment import Hand
from app.cases.flags_models import TeamBy
from app.cases.grouping import in_states
from app.cases.models import Case
from app.cases.workflow import OPEN, State
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Problem, Stale
from app.core.i18n import gettext as _
from app.identity.actor import Actor
from app.identity.models import AgencyMember, OfficialTeam, User
from app.identity.policy import Permission
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.jurisdictions.routing_rows import Team

LEAST_REASON = 3  # characters
WHOLE_AGENCY = ""  # as a form and an address say it


def turns(hand: Hand) -> tuple[ColumnElement[bool], ...]:
    """Conditions of cases in the order of which an official is handed them; in an agency where they are in no team,
    every case is as much theirs as anybody's. A team that nobody is in, as a new one is at first, holds nothing up."""
    if not hand.teams:
        return (true(),)
    own = Case.team.in_(sorted(hand.teams))
    agencies = sorted(hand.team_agencies)
    return own, or_(Case.team.is_(None), Case.agency.not_in(agencies), Case.team.not_in(_manned(agencies)))


def _manned(agencies: list[str]) -> Select[str]:
    """Teams with somebody in them who works for one of the agencies."""
    at_work = select(AgencyMember.user_id).where(AgencyMember.agency.in_(agencies))
    return (
        select(OfficialTeam.team)
        .join(User, User.id == OfficialTeam.user_id)
        .where(User.disabled_at.is_(None), User.id.in_(at_work))
    )


def name_of(pack: Pack, code: str | None) -> str:
    """Empty for none; a team that is no more keeps its last name, or its code."""
    if not code:
        return ""
    team = lookup.find(pack.teams, code)
    return team.name if team is not None else code


@dataclass(frozen=True)
class TeamShare:
    """A team's open cases on the desk; ``team`` None: those of no team."""

    team: str | None
    members: int
    open: int
    overdue: int
    unassigned: int
    oldest: datetime | None  # sent


def shares(session: Session, actor: Actor, pack: Pack) -> list[TeamShare]:
    """Every team of the actor's agencies, and what is no team's; empty where the agencies have no teams."""
    known = routing.teams_of(pack, actor.agencies, clock.today(pack.zone))
    if not known:
        return []
    now, agencies = clock.now(), sorted(actor.agencies)
    work = (
        select(
            Case.team,
            func.count().label("open"),
            func.count().filter(Case.due_at < now).label("overdue"),
            func.count().filter(Case.state == State.SUBMITTED.value).label("unassigned"),
            func.min(Case.submitted_at).label("oldest"),
        )
        .where(Case.agency.in_(agencies), in_states(*sorted(OPEN)))
        .group_by(Case.team)
        .subquery()
    )
    members = (
        select(OfficialTeam.team, func.count().label("members"))
        .join(User, User.id == OfficialTeam.user_id)
        .where(
            User.disabled_at.is_(None),
            User.id.in_(select(AgencyMember.user_id).where(AgencyMember.agency.in_(agencies))),
        )
        .group_by(OfficialTeam.team)
        .subquery()
    )
    rows = session.execute(
        select(
            func.coalesce(work.c.team, members.c.team), func.coalesce(members.c.members, 0),
            func.coalesce(work.c.open, 0), func.coalesce(work.c.overdue, 0), func.coalesce(work.c.unassigned, 0),
            work.c.oldest,
        ).select_from(work.outerjoin(members, work.c.team == members.c.team, full=True))
    ).all()  # fmt: skip
    found = {row[0]: TeamShare(*row) for row in rows}
    codes = [team.code for team in known]
    listed = [found.get(code, TeamShare(code, 0, 0, 0, 0, None)) for code in codes]
    # What is no team's, and what a team still has that the rules do not know any more.
    return listed + [share for code, share in found.items() if code not in codes and share.open]


def offered(pack: Pack, case: Case) -> list[Team]:
    """The teams a case may go to."""
    today = clock.today(pack.zone)
    return [team for team in routing.teams_of(pack, [case.agency or ""], today) if team.code != case.team]


def may_move(pack: Pack, case: Case, actor: Actor) -> bool:
    """Whether this person may move the case, and there is somewhere to move it to."""
    if not access.may(actor, case, Permission.CASE_DECIDE) or State(case.state) not in OPEN:
        return False
    return bool(case.team or offered(pack, case))


def move(session: Session, pack: Pack, case: Case, actor: Actor, *, to: str, seen: str, reason: str) -> Case:
    """Give the case to another team of its agency (``WHOLE_AGENCY``: to none); the rules leave it there.

    ``seen``: the team the supervisor saw. Raises Stale, NotAllowed, or Invalid (``team`` or ``reason``).
    """
    case, reason = access.lock(session, case.id), reason.strip()
    if not access.may(actor, case, Permission.CASE_DECIDE):
        raise NotAllowed
    if State(case.state) not in OPEN:
        raise Stale(_("The case is closed. It stays in the team it has."))
    if (case.team or WHOLE_AGENCY) != seen:
        raise Stale(_("The case was moved to another team while you had it open."))
    if (to != WHOLE_AGENCY and to not in {team.code for team in offered(pack, case)}) or to == seen:
        raise Invalid(Problem(_("Choose another team of the same agency."), "team", "unknown"))
    if len(reason) < LEAST_REASON:
        raise Invalid(Problem(_("Write why the case goes to another team."), "reason", "required"))
    before, case.team, case.team_by = case.team, to or None, TeamBy.PERSON.value
    entries.record(
        session, actor, "case.moved_to_team", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, agency=case.agency or "",
        detail={"team": [before, case.team], "reason": reason}, authority=Permission.CASE_DECIDE.value,
    )  # fmt: skip
    if case.assigned_to is not None and case.assigned_to != actor.user_id:
        tell_holder(session, pack, case.assigned_to, case.id, case.reference, case.title, case.team)
    session.flush()
    return case


def tell_holder(
    session: Session, pack: Pack, holder: int, case_id: int, reference: str, title: str, team: str | None
) -> None:
    """Who has a case keeps it when its team changes, and decides with the supervisor what becomes of it."""
    name = LazyProxy(name_of, pack, team, enable_cache=False)  # in the language the message is written in
    notifications.send(
        session,
        user_id=holder,
        template="case_to_team",
        values={"reference": reference, "title": title, "team": name, "path": f"/desk/{reference}"},
        case_id=case_id,
    )
