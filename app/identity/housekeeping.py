"""Forgetting what has expired: forms kept for a day, old links, ended sessions, devices, spent windows of attempts.

How long each stays is the retention schedule's to say. Ended sessions and used links stay a while: they answer "was
that you?" after a theft.
"""

from collections.abc import Collection

from sqlalchemy import delete, or_
from sqlalchemy.orm import Session

from app.core import clock
from app.identity import limits, parking
from app.identity.models import KnownDevice, Token, UserSession
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack


def forget_expired(session: Session, pack: Pack, *, keep: Collection[int] = ()) -> None:
    """Safe to run at any time and twice. ``keep``: users of whom nothing goes, since a legal hold stands on them."""
    now = clock.now()
    parking.purge(session)
    links, signed_in = lookup.past(pack, "links", now), lookup.past(pack, "sessions", now)
    session.execute(delete(Token).where(Token.expires_at < links, Token.user_id.not_in(keep)))
    over = or_(
        UserSession.ended_at < signed_in, UserSession.expires_at < signed_in, UserSession.absolute_until < signed_in
    )
    session.execute(delete(UserSession).where(over, UserSession.user_id.not_in(keep)))
    devices = lookup.past(pack, "devices", now)
    session.execute(delete(KnownDevice).where(KnownDevice.seen_at < devices, KnownDevice.user_id.not_in(keep)))
    limits.purge()
