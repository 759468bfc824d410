"""Users: making them, finding them, and the actor a session stands for."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity import keys, passwords
from app.identity.actor import Actor, MembershipRole, Role
from app.identity.models import AgencyMember, Membership, User, UserSession

_AGENCIES = (
    select(func.coalesce(func.array_agg(aggregate_order_by(AgencyMember.agency, AgencyMember.agency)), []))
    .where(AgencyMember.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)
_MEMBERSHIPS = (
    select(
        func.coalesce(
            func.jsonb_object_agg(Membership.business_id, Membership.role, type_=JSONB), func.jsonb_build_object()
        )
    )
    .where(Membership.user_id == User.id)
    .correlate(User)
    .scalar_subquery()
)
# Built once: the whole actor in one statement, for every request of a signed-in person.
_ACTOR = select(
    UserSession.id,
    UserSession.user_id,
    UserSession.business_id,
    UserSession.second_factor_at,
    UserSession.expires_at,
    UserSession.absolute_until,
    UserSession.ended_at,
    UserSession.seen_at,
    UserSession.ip,
    User.name,
    User.role,
    User.locale,
    User.disabled_at,
    _AGENCIES.label("agencies"),
    _MEMBERSHIPS.label("memberships"),
).join(User, User.id == UserSession.user_id)


def _actor(row: Any) -> Actor:
    memberships = {int(key): MembershipRole(role) for key, role in row.memberships.items()}
    return Actor(
        kind="user",
        name=row.name,
        user_id=row.user_id,
        role=Role(row.role),
        agencies=frozenset(row.agencies),
        memberships=memberships,
        # Until they choose another, a person acts for the first business they belong to.
        business_id=row.business_id if row.business_id in memberships else min(memberships, default=None),
        locale=row.locale,
        second_factor=row.second_factor_at is not None,
        session_id=row.id,
        ip=row.ip,
    )


def _live(row: Any, now: datetime) -> bool:
    return row.ended_at is None and row.disabled_at is None and row.expires_at > now and row.absolute_until > now


def actor_by_token(session: Session, token: str) -> tuple[Actor, datetime] | None:
    """Who a session's token stands for and when it was last seen; None when it ended. One statement."""
    row = session.execute(_ACTOR.where(UserSession.token_digest == identifiers.digest(token))).one_or_none()
    if row is None or not _live(row, clock.now()):
        return None
    return _actor(row), row.seen_at


def actor_for(session: Session, user_session: UserSession) -> Actor:
    """The actor of a session row; raises NotFound when it has ended."""
    session.flush()
    row = session.execute(_ACTOR.where(UserSession.id == user_session.id)).one_or_none()
    if row is None or not _live(row, clock.now()):
        raise NotFound
    return _actor(row)


def normal_email(email: str) -> str:
    return email.strip().lower()


def create_user(
    session: Session,
    *,
    email: str,
    name: str,
    password: str | None,
    role: Role | str,
    locale: str,
    agencies: Iterable[str] = (),
    verified: bool = True,
    totp_secret: str | None = None,
    is_demo: bool = False,
) -> User:
    """A new user; raises Invalid when the address is taken. ``password`` None: to be chosen through a link."""
    email = normal_email(email)
    now = clock.now()
    user = User(
        email=email,
        name=" ".join(name.split()),
        password_hash=passwords.hash_password(password) if password is not None else None,
        role=Role(role).value,
        locale=locale,
        verified_at=now if verified else None,
        password_changed_at=now if password is not None else None,
        is_demo=is_demo,
        totp_secret=keys.encrypt(totp_secret) if totp_secret else None,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise Invalid(Problem(_l("A person with this e-mail address already exists."), "email", "taken")) from None
    session.add_all([AgencyMember(user_id=user.id, agency=code) for code in sorted(set(agencies))])
    session.flush()
    return user


def user(session: Session, user_id: int) -> User:
    """Raises NotFound."""
    found = session.get(User, user_id)
    if found is None:
        raise NotFound
    return found


def by_email(session: Session, email: str) -> User | None:
    return session.execute(select(User).where(User.email == normal_email(email))).scalar_one_or_none()


def names(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Names by user id, in one statement; unknown ids are left out."""
    wanted = {key for key in ids if key is not None}
    if not wanted:
        return {}
    rows = session.execute(select(User.id, User.name).where(User.id.in_(wanted)))
    return {row.id: row.name for row in rows}


def agencies_of(session: Session, user_id: int) -> Sequence[str]:
    statement = select(AgencyMember.agency).where(AgencyMember.user_id == user_id).order_by(AgencyMember.agency)
    return session.execute(statement).scalars().all()


def set_agencies(session: Session, user_id: int, agencies: Iterable[str]) -> None:
    session.execute(delete(AgencyMember).where(AgencyMember.user_id == user_id))
    session.add_all([AgencyMember(user_id=user_id, agency=code) for code in sorted(set(agencies))])
    session.flush()
