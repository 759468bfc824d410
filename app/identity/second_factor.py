"""The second factor: time-based codes (RFC 6238), each accepted once, and recovery codes for a lost phone."""

import hmac

import pyotp
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.identity import keys
from app.identity.models import RecoveryCode, User

STEP_SECONDS = 30
# One step either side: phones' clocks drift.
DRIFT = 1
RECOVERY_CODES = 10
ISSUER = "Kibali"


def enrolled(user: User) -> bool:
    return user.totp_secret is not None


def begin(session: Session, user: User) -> str:
    """The secret to put into the phone (base32): the waiting one again, so that a reload shows the same picture."""
    if user.totp_pending is None:
        user.totp_pending = keys.encrypt(pyotp.random_base32())
        session.flush()
    return keys.decrypt(user.totp_pending)


def provisioning_uri(user: User, secret: str) -> str:
    """What the QR picture says (the ``otpauth`` key format)."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)


def confirm(session: Session, user: User, code: str) -> list[str] | None:
    """The phone shows a right code: the secret is in force from now on. The new recovery codes, or None."""
    if user.totp_pending is None:
        return None
    step = _step(keys.decrypt(user.totp_pending), code)
    if step is None:
        return None
    user.totp_secret, user.totp_pending, user.totp_last_step = user.totp_pending, None, step
    session.flush()
    return renew_recovery_codes(session, user)


def verify(session: Session, user: User, code: str) -> bool:
    """Whether the code is right and was never used: of two requests with the same code one succeeds."""
    if user.totp_secret is None:
        return False
    step = _step(keys.decrypt(user.totp_secret), code)
    if step is None:
        return False
    taken = session.execute(
        update(User)
        .where(User.id == user.id, or_(User.totp_last_step.is_(None), User.totp_last_step < step))
        .values(totp_last_step=step)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    ).first()
    return taken is not None


def current_code(user: User) -> str | None:
    """The code of this moment; shown on the demo's sign-in page only. One step on when this one was used already."""
    if user.totp_secret is None:
        return None
    step = int(clock.now().timestamp()) // STEP_SECONDS
    if user.totp_last_step is not None and user.totp_last_step >= step:
        step = min(user.totp_last_step + 1, step + DRIFT)
    return pyotp.TOTP(keys.decrypt(user.totp_secret)).generate_otp(step)


def renew_recovery_codes(session: Session, user: User) -> list[str]:
    """Ten new codes (60 bits each), shown once; the old ones stop working."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    signs = [identifiers.public_code(60) for _ in range(RECOVERY_CODES)]
    session.add_all([RecoveryCode(user_id=user.id, digest=_digest(code)) for code in signs])
    session.flush()
    return ["-".join(code[start : start + 4] for start in range(0, 12, 4)) for code in signs]


def use_recovery_code(session: Session, user: User, code: str) -> bool:
    """Whether it was one of the person's unused codes; it is used up."""
    used = session.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user.id, RecoveryCode.digest == _digest(code), RecoveryCode.used_at.is_(None))
        .values(used_at=clock.now())
        .returning(RecoveryCode.id)
    ).first()
    return used is not None


def recovery_codes_left(session: Session, user_id: int) -> int:
    statement = select(func.count()).where(RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.execute(statement).scalar_one()


def reset(session: Session, user: User) -> None:
    """Forget the phone and the codes: an administrator does this for someone who lost both."""
    user.totp_secret = user.totp_pending = user.totp_last_step = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user.id))
    session.flush()


def _digest(code: str) -> str:
    return keys.keyed_digest("recovery", "".join(sign for sign in code.upper() if sign.isalnum()))


def _step(secret: str, code: str) -> int | None:
    """The step whose code this is, near now; None for a wrong one."""
    digits = "".join(str(int(sign)) for sign in code if sign.isdecimal())  # of any script
    if len(digits) != 6:
        return None
    now = int(clock.now().timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    matches = [
        step for step in range(now - DRIFT, now + DRIFT + 1) if hmac.compare_digest(totp.generate_otp(step), digits)
    ]
    return matches[-1] if matches else None
