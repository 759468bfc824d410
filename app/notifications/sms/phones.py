"""A person's telephone number: asking for it, confirming it with a code, choosing texts, taking it away.

Nobody learns from here whether a number is known to another account: no question about others is ever asked.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from datetime import timedelta

import phonenumbers
from phonenumbers import PhoneNumberType
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import Invalid, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity import keys
from app.identity.models import User
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.notifications.sms.models import TRIES, PhoneCode, PhoneNumber, TextMessage

LASTS = timedelta(minutes=10)
DIGITS = 6
_MOBILE = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


def normal(raw: str, pack: Pack) -> str:
    """E.164 with the plus. Raises Invalid at field ``number`` for anything but a mobile number of the country.

    Not the pattern of mobile money: that is one provider's, and texts reach every network. The Congo's numbers keep
    the zero after +242.
    """
    refused = Invalid(
        Problem(
            _l("Enter a mobile number of this country, starting with %(prefix)s or as you dial it.",
               prefix=pack.phone_prefix),
            "number",
            "number",
        )
    )  # fmt: skip
    if any(sign.isalpha() for sign in raw):  # letters would be read as keys of an old telephone
        raise refused
    try:
        parsed = phonenumbers.parse(raw, pack.country)
    except phonenumbers.NumberParseException:
        raise refused from None
    if f"+{parsed.country_code}" != pack.phone_prefix or parsed.extension:
        raise refused
    if not phonenumbers.is_valid_number(parsed) or phonenumbers.number_type(parsed) not in _MOBILE:
        raise refused
    return str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))


def masked(number: str) -> str:
    """Only the country and the last three digits: ``+250 ••• 001``."""
    return f"+{phonenumbers.parse(number).country_code} ••• {number[-3:]}"


def spoken(number: str) -> str:
    """As people write it, to its owner only: ``+250 788 123 001``."""
    return str(phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.INTERNATIONAL))


def limit_name(number: str) -> str:
    """For a rate limit's name: it must not show the number."""
    return keys.keyed_digest("phone limit", number)[:32]


def of(session: Session, user_id: int) -> PhoneNumber | None:
    return session.get(PhoneNumber, user_id, populate_existing=True)


def under_way(session: Session, user_id: int) -> PhoneCode | None:
    """The number that waits for its code; None once the code has run out."""
    found = session.get(PhoneCode, user_id, populate_existing=True)
    return found if found is not None and found.expires_at > clock.now() else None


def ran_out(session: Session, user_id: int) -> bool:
    """Whether a number was waiting and its code came too late."""
    found = session.get(PhoneCode, user_id, populate_existing=True)
    return found is not None and found.expires_at <= clock.now()


def ask(session: Session, user: User, number: str) -> str:
    """A new code for ``number``; the one before stops working. Raises Invalid when the number is theirs already."""
    held = of(session, user.id)
    if held is not None and held.number == number and held.stopped_at is None:
        raise Invalid(Problem(_l("This is the number of your account already."), "number", "same"))
    code = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
    now = clock.now()
    values = {
        "number": number, "digest": _digest(user.id, number, code), "tries": 0,
        "created_at": now, "expires_at": now + LASTS,
    }  # fmt: skip
    statement = insert(PhoneCode).values(user_id=user.id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[PhoneCode.user_id], set_=values))
    return code


def confirm(session: Session, user_id: int, code: str, *, wanted: bool) -> PhoneNumber | None:
    """The number, now the person's own; None for a wrong code, of which five end it.

    The try is counted in the caller's transaction, under a lock on the row: commit it in either case.
    """
    row = session.get(PhoneCode, user_id, with_for_update=True, populate_existing=True)
    if row is None or row.expires_at <= clock.now() or row.tries >= TRIES:
        return None
    typed = re.sub(r"[\s-]", "", code)
    if not hmac.compare_digest(row.digest, _digest(user_id, row.number, typed)):
        row.tries += 1
        session.flush()
        return None
    values = {
        "number": row.number, "confirmed_at": clock.now(), "wanted": wanted, "stopped_at": None, "stopped_reason": "",
    }  # fmt: skip
    session.delete(row)
    statement = insert(PhoneNumber).values(user_id=user_id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[PhoneNumber.user_id], set_=values))
    session.flush()
    return of(session, user_id)


def tries_left(code: PhoneCode) -> int:
    return max(0, TRIES - code.tries)


def choose(session: Session, user_id: int, wanted: bool) -> PhoneNumber | None:
    """Texts on or off; None when there is no number, or when it already was so."""
    row = session.get(PhoneNumber, user_id, with_for_update=True, populate_existing=True)
    if row is None or row.wanted == wanted:
        return None
    row.wanted = wanted
    session.flush()
    return row


def remove(session: Session, user_id: int) -> str | None:
    """Forget the number, and a code under way; the number that was, None when there was none."""
    session.execute(delete(PhoneCode).where(PhoneCode.user_id == user_id))
    gone = delete(PhoneNumber).where(PhoneNumber.user_id == user_id).returning(PhoneNumber.number)
    return session.scalar(gone, execution_options={"synchronize_session": "fetch"})


def stop(session: Session, number: str, reason: str) -> None:
    """Write nothing more to a number whose network says so; its people read why on their account page."""
    session.execute(
        update(PhoneNumber)
        .where(PhoneNumber.number == number, PhoneNumber.stopped_at.is_(None))
        .values(stopped_at=clock.now(), stopped_reason=reason)
    )


def to_write_to(session: Session, user_id: int) -> str | None:
    """The number texts go to, if the person wants them."""
    return session.scalar(
        select(PhoneNumber.number).where(
            PhoneNumber.user_id == user_id, PhoneNumber.wanted, PhoneNumber.stopped_at.is_(None)
        )
    )


def forget_codes(session: Session, pack: Pack, *, keep: Collection[int] = ()) -> None:
    """The numbers nobody confirmed, which may be strangers', and the texts with old codes. ``keep``: users of whom
    nothing goes, since a legal hold stands on them."""
    now = clock.now()
    over = now - timedelta(days=1)
    session.execute(delete(PhoneCode).where(PhoneCode.expires_at < over, PhoneCode.user_id.not_in(keep)))
    old = (TextMessage.message_id.is_(None), TextMessage.created_at < lookup.past(pack, "links", now))
    session.execute(delete(TextMessage).where(*old, TextMessage.user_id.not_in(keep)))


def _digest(user_id: int, number: str, code: str) -> str:
    return keys.keyed_digest("phone code", f"{user_id} {number} {code}")
