"""Passwords and rights as they change; every change ends the sessions it must."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Invalid, NotAllowed, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity import links, passwords, people, second_factor, sessions
from app.identity.actor import Actor, Role
from app.identity.models import User


def set_password(session: Session, user: User, password: str, *, keep_session: int | None = None) -> None:
    """Give the user a new password; every session but ``keep_session`` and every link that could change it ends.

    Raises Invalid for a weak one.
    """
    problems = passwords.problems(password, email=user.email, name=user.name)
    if problems:
        raise Invalid(*problems)
    user.password_hash = passwords.hash_password(password)
    user.password_changed_at = clock.now()
    session.flush()
    links.cancel(session, user, "reset_password", "welcome")
    sessions.end_all(session, user.id, keep=keep_session)


def choose_password(session: Session, token: str, password: str) -> User:
    """Through a link from a mail: it also proves that the address is theirs. Raises NotFound for a dead link."""
    user = links.use(session, token, "reset_password", "welcome")
    set_password(session, user, password)
    user.verified_at = user.verified_at or clock.now()
    session.flush()
    return user


def sign_up(session: Session, *, email: str, name: str, password: str, locale: str) -> User | None:
    """A new entrepreneur whose address waits to be verified, or None when the address has an account already.

    An account that was never verified belongs to nobody yet: name and password are those of the last who signed up,
    and only who has both the mail and the password can verify it.
    """
    problems = passwords.problems(password, email=email, name=name)
    if problems:
        raise Invalid(*problems)
    password_hash = passwords.hash_password(password)  # before looking, so that both answers take as long
    user = people.by_email(session, email)
    if user is None:
        try:
            user = people.create_user(
                session, email=email, name=name, password=None, role=Role.ENTREPRENEUR, locale=locale, verified=False
            )
        except Invalid:  # the same address signed up in the same moment: that one gets the mail
            return None
    elif user.verified_at is not None or user.disabled_at is not None or user.official:
        return None  # an official's account waits for its welcome link and is nobody else's to name
    user.name, user.password_hash, user.locale = " ".join(name.split()), password_hash, locale
    session.flush()
    return user


@dataclass(frozen=True)
class Change:
    """What an administrator changed, for the audit entry."""

    role_before: str
    role_after: str
    agencies_before: list[str]
    agencies_after: list[str]

    @property
    def any(self) -> bool:
        return self.role_before != self.role_after or self.agencies_before != self.agencies_after


def change_rights(session: Session, actor: Actor, user: User, *, role: Role, agencies: Iterable[str]) -> Change:
    """Give another role or other agencies; their sessions end at once. Nobody changes their own rights."""
    _not_oneself(actor, user)
    before, after = list(people.agencies_of(session, user.id)), sorted(set(agencies) if role.official else set())
    change = Change(user.role, role.value, before, after)
    if role is not Role.ADMINISTRATOR:
        _keep_an_administrator(session, user)
    if change.any:
        user.role = role.value
        people.set_agencies(session, user.id, after)
        sessions.end_all(session, user.id)
    return change


def disable(session: Session, actor: Actor, user: User) -> None:
    """Close the account; their sessions end at once."""
    _not_oneself(actor, user)
    _keep_an_administrator(session, user)
    user.disabled_at = user.disabled_at or clock.now()
    session.flush()
    sessions.end_all(session, user.id)


def enable(session: Session, user: User) -> None:
    """Raises Invalid for an account whose person had their data erased: it stays closed."""
    if user.restricted_at is not None or user.erased_at is not None:
        raise Invalid(Problem(_l("This person had their data erased. The account stays closed."), None, "erased"))
    user.disabled_at = None
    session.flush()


def reset_second_factor(session: Session, actor: Actor, user: User) -> None:
    """For someone who lost the phone and the recovery codes: they set it up again at the next sign-in."""
    _not_oneself(actor, user)
    second_factor.reset(session, user)
    sessions.end_all(session, user.id)


def _not_oneself(actor: Actor, user: User) -> None:
    if actor.user_id == user.id:
        raise NotAllowed(_l("You cannot change your own rights. Ask another administrator."))


def _keep_an_administrator(session: Session, user: User) -> None:
    if user.role != Role.ADMINISTRATOR.value or user.disabled_at is not None:
        return
    rows = session.execute(
        select(User.id)
        .where(User.role == Role.ADMINISTRATOR.value, User.disabled_at.is_(None))
        .order_by(User.id)
        .with_for_update()
    )
    if {row.id for row in rows} <= {user.id}:
        raise Invalid(Problem(_l("There must be at least one administrator.")))
