"""Sessions: a row for each signed-in browser. A copied cookie dies with its row."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.core import clock, db, identifiers
from app.core.errors import NotFound
from app.identity.models import Membership, User, UserSession

IDLE = timedelta(hours=2)
ABSOLUTE = timedelta(days=7)
ABSOLUTE_OFFICIAL = timedelta(hours=12)
# How stale ``seen_at`` may be: one write in five minutes and not one a page.
TOUCH_AFTER = timedelta(minutes=5)


def open_session(
    session: Session, user: User, *, ip: str | None, user_agent: str = "", second_factor: bool = False
) -> tuple[UserSession, str]:
    """A new session and its token; only a digest of the token is stored."""
    now = clock.now()
    token = identifiers.token()
    row = UserSession(
        token_digest=identifiers.digest(token),
        user_id=user.id,
        second_factor_at=now if second_factor else None,
        created_at=now,
        seen_at=now,
        expires_at=now + IDLE,
        absolute_until=now + (ABSOLUTE_OFFICIAL if user.official else ABSOLUTE),
        ip=ip,
        user_agent=user_agent[:300],
    )
    session.add(row)
    session.flush()
    return row, token


def rotate(session: Session, session_id: int, *, second_factor: bool = False) -> str:
    """A new token for the session: the old one is worth nothing. ``second_factor``: a code was given just now."""
    token = identifiers.token()
    now = clock.now()
    values = {"token_digest": identifiers.digest(token), "seen_at": now, "expires_at": now + IDLE}
    if second_factor:
        values["second_factor_at"] = now
    session.execute(update(UserSession).where(UserSession.id == session_id).values(**values))
    return token


def touch(token: str, seen_at: datetime) -> None:
    """Move the end of an idle session; in a connection of its own, because most pages commit nothing."""
    now = clock.now()
    if now - seen_at < TOUCH_AFTER:
        return
    statement = (
        update(UserSession)
        .where(UserSession.token_digest == identifiers.digest(token), UserSession.ended_at.is_(None))
        .values(seen_at=now, expires_at=now + IDLE)
    )
    with db.database().engine.begin() as connection:
        connection.execute(statement)


def owner_of(session: Session, token: str) -> int | None:
    """The user a session belonged to, ended or not."""
    statement = select(UserSession.user_id).where(UserSession.token_digest == identifiers.digest(token))
    return session.execute(statement).scalar_one_or_none()


def of_user(session: Session, user_id: int) -> Sequence[UserSession]:
    """The sessions that are open now, the latest used first."""
    now = clock.now()
    statement = (
        select(UserSession)
        .where(
            UserSession.user_id == user_id,
            UserSession.ended_at.is_(None),
            UserSession.expires_at > now,
            UserSession.absolute_until > now,
        )
        .order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    )
    return session.execute(statement).scalars().all()


def end(session: Session, user_id: int, session_id: int) -> None:
    """End one of this user's sessions; raises NotFound for another's."""
    found = session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user_id, UserSession.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(UserSession.id)
    ).first()
    if found is None:
        raise NotFound


def end_all(session: Session, user_id: int, *, keep: int | None = None) -> int:
    """End every open session of the user but ``keep``; how many ended."""
    statement = (
        update(UserSession)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
        .values(ended_at=clock.now())
        .returning(UserSession.id)
    )
    if keep is not None:
        statement = statement.where(UserSession.id != keep)
    return len(session.execute(statement).all())


def act_for(session: Session, user_id: int, session_id: int, business_id: int) -> None:
    """Choose the business this session acts for; raises NotFound when the user does not belong to it."""
    belongs = select(Membership.id).where(Membership.user_id == user_id, Membership.business_id == business_id)
    if session.execute(belongs).first() is None:
        raise NotFound
    session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user_id)
        .values(business_id=business_id)
    )
