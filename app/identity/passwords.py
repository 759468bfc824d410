"""Passwords: Argon2id, few at a time so that a flood of sign-ins cannot take all memory and processors."""

import threading
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from app.core.errors import Busy, Problem
from app.core.i18n import lazy_gettext as _l

# 19 MiB, two passes, one lane: OWASP's minimum for Argon2id, about 30 ms here.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
_slots = threading.BoundedSemaphore(4)
WAIT_SECONDS = 10

MINIMUM = 10
MAXIMUM = 200
# The commonest choices that are long enough to pass; a longer list buys little against a lock-out of ten attempts.
_COMMON = frozenset(
    {
        "1234567890",
        "0123456789",
        "12345678910",
        "123456789a",
        "0987654321",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "password12",
        "password123",
        "password1234",
        "passw0rd123",
        "qwerty1234",
        "qwerty12345",
        "qwertyuiop",
        "azertyuiop",
        "azerty1234",
        "motdepasse",
        "motdepasse1",
        "motdepasse123",
        "iloveyou12",
        "welcome123",
        "bienvenue1",
        "administrator",
        "changeme123",
        "kigali1234",
        "brazzaville",
    }
)


def hash_password(password: str) -> str:
    with _slot():
        return _hasher.hash(password)


@cache
def _decoy() -> str:
    return _hasher.hash("nobody has this password")


def verify(password_hash: str | None, password: str) -> bool:
    """Takes as long for a person who does not exist (None) as for a wrong password."""
    with _slot():
        try:
            _hasher.verify(password_hash or _decoy(), password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def outdated(password_hash: str) -> bool:
    """Whether the hash was made with weaker settings than today's."""
    return _hasher.check_needs_rehash(password_hash)


def problems(password: str, *, email: str = "", name: str = "", field: str = "password") -> tuple[Problem, ...]:
    """What is wrong with a new password: length and the obvious, no rules about signs (NIST SP 800-63B §5.1.1.2)."""
    if len(password) < MINIMUM:
        return (Problem(_l("Use 10 characters or more. A short sentence is easy to remember."), field, "too_short"),)
    if len(password) > MAXIMUM:
        return (Problem(_l("Use 200 characters or fewer."), field, "too_long"),)
    lowered = password.casefold()
    own = {part for part in (email.split("@")[0].casefold(), email.casefold(), name.casefold()) if part}
    if lowered in _COMMON or lowered in own or len(set(lowered)) < 4:
        return (Problem(_l("This password is too easy to guess. Choose another one."), field, "too_common"),)
    return ()


class _slot:
    """One of the few places for hashing; raises Busy when none comes free in time."""

    def __enter__(self) -> None:
        if not _slots.acquire(timeout=WAIT_SECONDS):
            raise Busy(retry_after=5)

    def __exit__(self, *_: object) -> None:
        _slots.release()
