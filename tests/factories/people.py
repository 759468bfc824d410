"""People for tests."""

from collections.abc import Iterable
from functools import cache
from itertools import count

import pyotp
from sqlalchemy.orm import Session

from app.identity import keys, passwords, people
from app.identity.actor import MembershipRole, Role
from app.identity.memberships import add as add_member
from app.identity.models import User
from config import DEFAULT_SECRET

PASSWORD = "a long enough password"
TOTP_SECRET = pyotp.random_base32()
_numbers = count(1)


@cache
def _hash() -> str:
    return passwords.hash_password(PASSWORD)


def make_user(
    session: Session,
    *,
    role: Role | str = Role.ENTREPRENEUR,
    agencies: Iterable[str] = (),
    email: str | None = None,
    name: str | None = None,
    locale: str = "en_RW",
    verified: bool = True,
    businesses: dict[int, MembershipRole] | None = None,
    enrolled: bool = True,
) -> User:
    """A person with ``PASSWORD``; officials have the second factor ``TOTP_SECRET`` unless ``enrolled`` is False."""
    if not keys.configured():
        keys.configure(DEFAULT_SECRET)
    number = next(_numbers)
    role = Role(role)
    user = people.create_user(
        session,
        email=email or f"person{number}@test.example",
        name=name or f"Person {number}",
        password=None,
        role=role,
        locale=locale,
        agencies=agencies,
        verified=verified,
        totp_secret=TOTP_SECRET if role.official and enrolled else None,
    )
    user.password_hash = _hash()
    for business_id, member_role in (businesses or {}).items():
        add_member(session, user.id, business_id, member_role)
    session.flush()
    return user


def totp_code(step: int = 0) -> str:
    """The code that ``TOTP_SECRET`` shows now, or ``step`` periods from now."""
    import app.core.clock as clock

    return pyotp.TOTP(TOTP_SECRET).generate_otp(int(clock.now().timestamp()) // 30 + step)
