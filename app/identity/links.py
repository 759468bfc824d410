"""Links sent by mail: each works once and for a while; only its digest is stored."""

from datetime import timedelta
from typing import Literal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.core.errors import NotFound
from app.identity.models import Token, User

Purpose = Literal["verify_email", "reset_password", "welcome"]
LASTS: dict[Purpose, timedelta] = {
    "verify_email": timedelta(hours=24),
    "reset_password": timedelta(minutes=30),
    "welcome": timedelta(days=7),
}


def make(session: Session, user: User, purpose: Purpose) -> str:
    """A new link's token; older unused ones of the same purpose stop working."""
    now = clock.now()
    session.execute(delete(Token).where(Token.user_id == user.id, Token.purpose == purpose, Token.used_at.is_(None)))
    token = identifiers.token()
    session.add(
        Token(
            purpose=purpose,
            user_id=user.id,
            digest=identifiers.digest(token),
            created_at=now,
            expires_at=now + LASTS[purpose],
        )
    )
    session.flush()
    return token


def cancel(session: Session, user: User, *purposes: Purpose) -> None:
    """The person's open links of these purposes stop working."""
    session.execute(delete(Token).where(Token.user_id == user.id, Token.purpose.in_(purposes), Token.used_at.is_(None)))


def look(session: Session, token: str, *purposes: Purpose) -> User:
    """Whose open link this is, without using it; raises NotFound."""
    statement = (
        select(User)
        .join(Token, Token.user_id == User.id)
        .where(
            Token.digest == identifiers.digest(token),
            Token.purpose.in_(purposes),
            Token.used_at.is_(None),
            Token.expires_at > clock.now(),
            User.disabled_at.is_(None),
        )
    )
    found = session.execute(statement).scalar_one_or_none()
    if found is None:
        raise NotFound
    return found


def use(session: Session, token: str, *purposes: Purpose) -> User:
    """Use the link up: of two requests at once one succeeds, the other gets NotFound."""
    owner = look(session, token, *purposes)
    used = session.execute(
        update(Token)
        .where(Token.digest == identifiers.digest(token), Token.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(Token.id)
    ).first()
    if used is None:
        raise NotFound
    return owner
