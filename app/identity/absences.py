"""When officials are away, in whole days of the country, and who stands in for them, acting in their own name."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem
from app.core.i18n import gettext as _
from app.identity import skills
from app.identity.actor import Actor, Role
from app.identity.models import Absence, AgencyMember, User
from app.jurisdictions import load

DESK_ROLES = (Role.CLERK.value, Role.SUPERVISOR.value)


def today() -> date:
    return clock.today(load.current().zone)


def running(day: date) -> ColumnElement[bool]:
    """Of absences: on ``day``."""
    return and_(Absence.ended_at.is_(None), Absence.first_day <= day, Absence.last_day >= day)


def delegate_of(session: Session, user_id: int | None) -> int | None:
    """Who stands in for this person today; None while they are here, or when nobody was named."""
    return session.scalar(select(Absence.delegate_id).where(Absence.user_id == user_id, running(today())))


def away(session: Session, user_id: int | None) -> Absence | None:
    """The person's absence that holds today."""
    return session.scalar(select(Absence).where(Absence.user_id == user_id, running(today())))


def enter(
    session: Session, actor: Actor, user_id: int, *, first_day: date, last_day: date, delegate_id: int | None
) -> Absence:
    """One's own absence, or as a supervisor that of a colleague. Raises Invalid, NotAllowed or NotFound."""
    person = _colleague(session, actor, user_id)
    if person.id != actor.user_id and actor.role is not Role.SUPERVISOR:
        raise NotAllowed
    if last_day < first_day:
        raise Invalid(Problem(_("The last day must not be before the first."), "last_day", "order"))
    if last_day < today():
        raise Invalid(Problem(_("These days are over."), "last_day", "past"))
    if delegate_id is not None:
        _check_delegate(session, person, delegate_id, first_day, last_day)
    absence = Absence(
        user_id=person.id,
        delegate_id=delegate_id,
        first_day=first_day,
        last_day=last_day,
        entered_by=actor.user_id,
        entered_at=clock.now(),
    )
    try:
        with session.begin_nested():
            session.add(absence)
    except IntegrityError:
        message = _("%(name)s is already away on some of these days. End that absence first.", name=person.name)
        raise Invalid(Problem(message, "first_day", "overlap")) from None
    return absence


def end(session: Session, actor: Actor, absence_id: int) -> Absence:
    """They are back, or do not go. Raises NotFound when it is nothing of theirs or ended."""
    absence = session.get(Absence, absence_id, with_for_update=True, populate_existing=True)
    if absence is None or absence.ended_at is not None:
        raise NotFound
    person = _colleague(session, actor, absence.user_id)
    if person.id != actor.user_id and actor.role is not Role.SUPERVISOR:
        raise NotFound
    absence.ended_at = clock.now()
    session.flush()
    return absence


def _colleague(session: Session, actor: Actor, user_id: int) -> User:
    found = next(iter(colleagues(session, actor.agencies, only=user_id)), None)
    if found is None:
        raise NotFound
    return found


def _check_delegate(session: Session, person: User, delegate_id: int, first_day: date, last_day: date) -> None:
    theirs = session.scalars(select(AgencyMember.agency).where(AgencyMember.user_id == person.id)).all()
    if delegate_id == person.id or not colleagues(session, theirs, only=delegate_id):
        raise Invalid(Problem(_("Choose a colleague of the same agency."), "delegate", "unknown"))
    also_away = exists().where(
        Absence.user_id == delegate_id,
        Absence.ended_at.is_(None),
        Absence.first_day <= last_day,
        Absence.last_day >= first_day,
    )
    if session.scalar(select(also_away)):
        raise Invalid(Problem(_("This colleague is away on some of these days as well."), "delegate", "away"))
    if not skills.of_user(session, person.id).may_meet(skills.of_user(session, delegate_id)):
        message = _("This colleague is trained for none of the cases of %(name)s. Choose another.", name=person.name)
        raise Invalid(Problem(message, "delegate", "not_trained"))


def at_work(agencies: Collection[str]) -> Select[User]:
    """The clerks and supervisors at work in any of ``agencies``."""
    member = exists().where(AgencyMember.user_id == User.id, AgencyMember.agency.in_(sorted(agencies)))
    return select(User).where(User.role.in_(DESK_ROLES), User.disabled_at.is_(None), member)


def colleagues(session: Session, agencies: Collection[str], *, only: int | None = None) -> list[User]:
    """As ``at_work``, by name."""
    statement = at_work(agencies)
    if only is not None:
        statement = statement.where(User.id == only)
    return list(session.scalars(statement.order_by(User.name, User.id)))


@dataclass(frozen=True)
class Away:
    """A line of the page of absences; ``delegate`` is empty when nobody stands in."""

    absence: Absence
    name: str
    delegate: str


def coming(session: Session, actor: Actor) -> list[Away]:
    """Absences that hold or are to come: of colleagues for a supervisor, one's own and those one stands in for."""
    person, delegate = aliased(User), aliased(User)
    statement = (
        select(Absence, person.name, delegate.name)
        .join(person, person.id == Absence.user_id)
        .outerjoin(delegate, delegate.id == Absence.delegate_id)
        .where(Absence.ended_at.is_(None), Absence.last_day >= today())
        .order_by(Absence.first_day, Absence.id)
        .limit(200)
    )
    mine = or_(Absence.user_id == actor.user_id, Absence.delegate_id == actor.user_id)
    if actor.role is Role.SUPERVISOR:
        member = exists().where(
            AgencyMember.user_id == Absence.user_id, AgencyMember.agency.in_(sorted(actor.agencies))
        )
        statement = statement.where(or_(mine, member))
    else:
        statement = statement.where(mine)
    return [Away(absence, name, other or "") for absence, name, other in session.execute(statement)]
