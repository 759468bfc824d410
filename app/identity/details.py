"""A person's own details: name, language, and the move to another e-mail address.

The link that confirms a new address names the old one inside, so it is dead once the person has moved; and only the
person, signed in, can use it, so a mistyped address gives nobody else the account.
"""

import json
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity import keys, links, sessions
from app.identity.models import User
from app.identity.people import normal_email

LASTS = timedelta(hours=24)
_PURPOSE = "new address"


def change(session: Session, user: User, *, name: str, locale: str) -> dict[str, list[str]]:
    """Save name and language; what changed, as ``{"name": [before, after]}``, for the audit entry."""
    before = {"name": user.name, "locale": user.locale}
    user.name, user.locale = " ".join(name.split()), locale
    session.flush()
    after = {"name": user.name, "locale": user.locale}
    return {key: [before[key], after[key]] for key in before if before[key] != after[key]}


def address_link(user: User, email: str) -> str:
    """The token that moves the person to ``email``. Raises Invalid when it is theirs already.

    Whether somebody else has it is not said here, but to who has shown that they read its mail.
    """
    email = normal_email(email)
    if email == user.email:
        raise Invalid(Problem(_l("This is the address of your account already."), "email", "same"))
    return keys.seal(_PURPOSE, json.dumps([user.id, user.email, email]))


def asked_address(user: User, token: str) -> str:
    """The address a link moves this person to; raises NotFound for a used, old or another person's link."""
    sealed = keys.unseal(_PURPOSE, token, LASTS)
    if sealed is None:
        raise NotFound
    user_id, before, after = json.loads(sealed)
    if (user_id, before) != (user.id, user.email):
        raise NotFound
    return str(after)


def move(session: Session, user: User, token: str, *, keep_session: int | None) -> str:
    """Take the new address; the old one is returned. Links sent to the old one and other sessions end.

    Raises NotFound as ``asked_address`` does, Invalid when another account has the address.
    """
    session.refresh(user, with_for_update=True)  # of two requests with the same link the second finds it dead
    old, new = user.email, asked_address(user, token)
    try:
        with session.begin_nested():
            user.email, user.verified_at = new, clock.now()
            session.flush()
    except IntegrityError:
        session.refresh(user)
        raise Invalid(
            Problem(_l("Another account has this address. Sign in with that one, or choose another address."), "email")
        ) from None
    links.cancel(session, user, "reset_password", "welcome", "verify_email")
    sessions.end_all(session, user.id, keep=keep_session)
    return old
