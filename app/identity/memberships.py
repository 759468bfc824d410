"""Who acts for which business, and the invitations that lead there. A business always keeps an owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.core.errors import Invalid, NotAllowed, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor, MembershipRole
from app.identity.models import Invitation, Membership, User, UserSession
from app.identity.people import normal_email

OFFER_LASTS = timedelta(days=7)
_GIVES: dict[MembershipRole, tuple[MembershipRole, ...]] = {
    MembershipRole.OWNER: tuple(MembershipRole),
    MembershipRole.MANAGER: (MembershipRole.AGENT,),
    MembershipRole.AGENT: (),
}


@dataclass(frozen=True)
class Member:
    """A person of a business, as the members page lists them."""

    user_id: int
    name: str
    email: str
    role: MembershipRole
    since: datetime


def add(session: Session, user_id: int, business_id: int, role: MembershipRole | str) -> None:
    """Give the person this role in the business; replaces the one they had."""
    statement = insert(Membership).values(
        user_id=user_id, business_id=business_id, role=MembershipRole(role).value, created_at=clock.now()
    )
    session.execute(
        statement.on_conflict_do_update(
            constraint="uq_memberships_user_id_business_id", set_={"role": statement.excluded.role}
        )
    )


def businesses_of(session: Session, user_id: int) -> dict[int, MembershipRole]:
    """The person's role by business id."""
    rows = session.execute(
        select(Membership.business_id, Membership.role)
        .where(Membership.user_id == user_id)
        .order_by(Membership.business_id)
    )
    return {row.business_id: MembershipRole(row.role) for row in rows}


def members_of(session: Session, business_id: int) -> list[Member]:
    """Owners first, then by name."""
    order = func.array_position(["owner", "manager", "agent"], Membership.role)
    rows = session.execute(
        select(User.id, User.name, User.email, Membership.role, Membership.created_at)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.business_id == business_id)
        .order_by(order, User.name, User.id)
    )
    return [Member(row.id, row.name, row.email, MembershipRole(row.role), row.created_at) for row in rows]


def remove(session: Session, actor: Actor, business_id: int, user_id: int) -> Member:
    """Take a person out of the business; they stop acting for it at once. The member that was.

    Owners remove anyone, managers remove agents, everyone may leave. Raises NotFound for who is not a member, Invalid
    for the last owner.
    """
    role = _lock(session, business_id).get(user_id)
    if role is None:
        raise NotFound
    if user_id != actor.user_id and role not in may_give(actor, business_id):
        raise NotAllowed
    if role is MembershipRole.OWNER:
        _keep_an_owner(session, business_id, without=user_id)
    member = next(member for member in members_of(session, business_id) if member.user_id == user_id)
    session.execute(delete(Membership).where(Membership.user_id == user_id, Membership.business_id == business_id))
    _withdraw_offers_of(session, business_id, user_id)
    session.execute(
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.business_id == business_id)
        .values(business_id=None)
    )
    return member


def change_role(session: Session, actor: Actor, business_id: int, user_id: int, role: MembershipRole) -> Member:
    """Owners only. Raises Invalid when the last owner would go."""
    current = _lock(session, business_id).get(user_id)
    if current is None:
        raise NotFound
    if actor.memberships.get(business_id) is not MembershipRole.OWNER:
        raise NotAllowed
    if current is MembershipRole.OWNER and role is not MembershipRole.OWNER:
        _keep_an_owner(session, business_id, without=user_id)
    add(session, user_id, business_id, role)
    _withdraw_offers_of(session, business_id, user_id, but=_GIVES[role])
    return next(member for member in members_of(session, business_id) if member.user_id == user_id)


def may_give(actor: Actor, business_id: int) -> tuple[MembershipRole, ...]:
    """The roles this person may hand out or take away in the business."""
    role = actor.memberships.get(business_id)
    return _GIVES[role] if role is not None else ()


def _withdraw_offers_of(
    session: Session, business_id: int, user_id: int, *, but: Sequence[MembershipRole] = ()
) -> None:
    """A person's open offers end with their right to make them: nobody comes back by an invitation of their own."""
    session.execute(
        update(Invitation)
        .where(
            Invitation.business_id == business_id,
            Invitation.invited_by == user_id,
            Invitation.role.not_in([role.value for role in but]),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now())
    )


def _lock(session: Session, business_id: int) -> dict[int, MembershipRole]:
    """The members, their rows locked: two owners leaving at once must see each other."""
    rows = session.execute(
        select(Membership.user_id, Membership.role)
        .where(Membership.business_id == business_id)
        .order_by(Membership.id)
        .with_for_update()
    )
    return {row.user_id: MembershipRole(row.role) for row in rows}


def _keep_an_owner(session: Session, business_id: int, *, without: int) -> None:
    others = session.execute(
        select(Membership.id).where(
            Membership.business_id == business_id,
            Membership.role == MembershipRole.OWNER.value,
            Membership.user_id != without,
        )
    ).first()
    if others is None:
        raise Invalid(Problem(_l("A business must keep at least one owner. Make someone else an owner first.")))


def invite(
    session: Session, actor: Actor, *, business_id: int, email: str, role: MembershipRole
) -> tuple[Invitation, str]:
    """Offer a role to an e-mail address: the invitation and its token. An older open offer to it is withdrawn."""
    if role not in may_give(actor, business_id) or actor.user_id is None:
        raise NotAllowed
    email = normal_email(email)
    if any(member.email == email for member in members_of(session, business_id)):
        raise Invalid(Problem(_l("This person is already a member of the business."), "email", "taken"))
    now = clock.now()
    session.execute(
        update(Invitation)
        .where(
            Invitation.business_id == business_id,
            Invitation.email == email,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
        )
        .values(revoked_at=now)
    )
    token = identifiers.token()
    invitation = Invitation(
        business_id=business_id,
        email=email,
        role=role.value,
        digest=identifiers.digest(token),
        invited_by=actor.user_id,
        created_at=now,
        expires_at=now + OFFER_LASTS,
    )
    session.add(invitation)
    session.flush()
    return invitation, token


def open_invitations(session: Session, business_id: int) -> Sequence[Invitation]:
    statement = (
        select(Invitation)
        .where(
            Invitation.business_id == business_id,
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > clock.now(),
        )
        .order_by(Invitation.id)
    )
    return session.execute(statement).scalars().all()


def invitation_for(session: Session, token: str) -> Invitation:
    """The open invitation of a link; raises NotFound for a used, withdrawn, expired or unknown one."""
    found = session.execute(
        select(Invitation).where(
            Invitation.digest == identifiers.digest(token),
            Invitation.accepted_at.is_(None),
            Invitation.revoked_at.is_(None),
            Invitation.expires_at > clock.now(),
        )
    ).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def accept(session: Session, actor: Actor, token: str) -> Invitation:
    """Take the offer; it works once. Raises NotFound when it is not this person's or no longer open, Invalid for a
    member: an old offer changes no role."""
    invitation = invitation_for(session, token)
    address = session.execute(select(User.email).where(User.id == actor.user_id)).scalar_one_or_none()
    if actor.user_id is None or address != invitation.email:
        raise NotFound
    taken = session.execute(
        update(Invitation)
        .where(Invitation.id == invitation.id, Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None))
        .values(accepted_at=clock.now())
        .returning(Invitation.id)
    ).first()
    if taken is None:
        raise NotFound
    if actor.user_id in _lock(session, invitation.business_id):
        raise Invalid(Problem(_l("You act for this business already.")))
    add(session, actor.user_id, invitation.business_id, invitation.role)
    return invitation


def revoke(session: Session, actor: Actor, business_id: int, invitation_id: int) -> Invitation:
    """Withdraw an open offer."""
    invitation = session.get(Invitation, invitation_id)
    if invitation is None or invitation.business_id != business_id:
        raise NotFound
    if MembershipRole(invitation.role) not in may_give(actor, business_id):
        raise NotAllowed
    if invitation.accepted_at is None:
        invitation.revoked_at = clock.now()
    return invitation
