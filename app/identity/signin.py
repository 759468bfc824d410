"""Who is at the door: password checks that count attempts, and the devices a person is known by.

Nothing here tells whether an address has an account: not the words, not the counting, not the time it takes.
"""

import ipaddress

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.core.errors import Busy, Invalid, Problem
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity import limits, passwords, people, second_factor
from app.identity.models import KnownDevice, User

WINDOW = 15 * 60
PASSWORD_ATTEMPTS = 10
CODE_ATTEMPTS = 5
ADDRESS_FAILURES = 50
HOUR = 3600

WRONG = _l("The e-mail address or the password is wrong. Check both and try again.")
LOCKED = _l("Too many attempts to sign in. Wait 15 minutes, or choose a new password by e-mail.")
WRONG_CODE = _l("This code is not right, or it was used already. Wait for the next one and try again.")
LOCKED_CODES = _l("Too many wrong codes. Wait 15 minutes, then try again.")


def network(ip: str | None) -> str:
    """Attempts are counted by address; of IPv6 by /64, which is what one customer has."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
    return str(address)


def limit_address(action: str, ip: str | None, limit: int, seconds: int = HOUR) -> None:
    """Count one ``action`` (sign_up, reset) of an address; raises Busy."""
    limits.hit(f"{action}:ip:{network(ip)}", limit, seconds)


def mail_allowed(action: str, email: str, limit: int = 5, seconds: int = HOUR) -> bool:
    """Whether one more mail may go to this address; when not, the page still says the same."""
    try:
        limits.hit(f"{action}:mail:{identifiers.digest(people.normal_email(email))}", limit, seconds)
    except Busy:
        return False
    return True


def authenticate(session: Session, *, email: str, password: str, ip: str | None, device: str | None) -> User:
    """The enabled user with this password (verified address or not).

    Attempts are counted before the password is looked at, so that parallel ones cannot pass the limit. From a device
    the person is known by they are counted apart: whoever locks the account from elsewhere does not lock them out.
    Raises Invalid for a wrong password and for no such user alike, Busy when locked.
    """
    address = f"sign_in:ip:{network(ip)}"
    _hit(address, ADDRESS_FAILURES, LOCKED)
    user = people.by_email(session, email)
    bucket = _bucket(session, "sign_in", user, email, device)
    _hit(bucket, PASSWORD_ATTEMPTS, LOCKED)
    usable = user is not None and user.disabled_at is None
    if not passwords.verify(user.password_hash if user is not None and usable else None, password) or user is None:
        raise Invalid(Problem(WRONG, "password", "wrong"))
    limits.clear(bucket)
    limits.give_back(address)
    if user.password_hash is not None and passwords.outdated(user.password_hash):
        user.password_hash = passwords.hash_password(password)
    return user


def check_password(session: Session, user: User, password: str, *, ip: str | None, device: str | None) -> None:
    """Ask a person we already know for their password again; raises Invalid or Busy as ``authenticate`` does."""
    authenticate(session, email=user.email, password=password, ip=ip, device=device)


def check_code(session: Session, user: User, code: str, *, device: str | None) -> bool:
    """Check a code of the phone or a recovery code; True when it was a recovery code. Raises Invalid or Busy."""
    bucket = _bucket(session, "code", user, user.email, device)
    _hit(bucket, CODE_ATTEMPTS, LOCKED_CODES)
    if second_factor.verify(session, user, code):
        limits.clear(bucket)
        return False
    if second_factor.use_recovery_code(session, user, code):
        limits.clear(bucket)
        return True
    raise Invalid(Problem(WRONG_CODE, "one_time_code", "wrong"))


def forgive(email: str) -> None:
    """End a lock-out: the person proved by mail who they are."""
    limits.clear(_account("sign_in", email))


def knows(session: Session, user_id: int, device: str | None) -> bool:
    """Whether the person has signed in from this device before."""
    if not device:
        return False
    statement = select(KnownDevice.id).where(
        KnownDevice.user_id == user_id, KnownDevice.digest == identifiers.digest(device)
    )
    return session.execute(statement).first() is not None


def remember_device(session: Session, user_id: int, device: str) -> bool:
    """Note that they signed in from here; True when this is a new device and they had another one before."""
    had_any = session.execute(select(KnownDevice.id).where(KnownDevice.user_id == user_id).limit(1)).first()
    known = knows(session, user_id, device)
    now = clock.now()
    statement = insert(KnownDevice).values(
        user_id=user_id, digest=identifiers.digest(device), created_at=now, seen_at=now
    )
    session.execute(
        statement.on_conflict_do_update(constraint="uq_known_devices_user_id_digest", set_={"seen_at": now})
    )
    return had_any is not None and not known


def _account(action: str, email: str) -> str:
    return f"{action}:account:{identifiers.digest(people.normal_email(email))}"


def _bucket(session: Session, action: str, user: User | None, email: str, device: str | None) -> str:
    if user is not None and device and knows(session, user.id, device):
        return f"{action}:device:{user.id}:{identifiers.digest(device)}"
    return _account(action, email)


def _hit(bucket: str, limit: int, message: Text) -> None:
    try:
        limits.hit(bucket, limit, WINDOW)
    except Busy as busy:
        raise Busy(message, retry_after=busy.retry_after) from None
