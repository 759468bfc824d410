"""Forgetting what has expired: forms kept for a day, old links, ended sessions, devices, spent windows of attempts."""

from datetime import timedelta

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from app.core import clock
from app.identity import limits, parking
from app.identity.models import KnownDevice, Token, UserSession

# Ended sessions and used links stay a while: they answer "was that you?" after a theft.
KEPT = timedelta(days=30)
# As long as the cookie by which a device is known.
DEVICES_KEPT = timedelta(days=2 * 365)


def forget_expired(session: Session) -> None:
    """Safe to run at any time and twice."""
    before = clock.now() - KEPT
    parking.purge(session)
    session.execute(delete(Token).where(Token.expires_at < before))
    session.execute(
        delete(UserSession).where(
            or_(UserSession.ended_at < before, UserSession.expires_at < before, UserSession.absolute_until < before)
        )
    )
    session.execute(delete(KnownDevice).where(KnownDevice.seen_at < clock.now() - DEVICES_KEPT))
    limits.purge()
