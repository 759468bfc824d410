"""Keys derived from the portal's one secret: encryption at rest and keyed digests of short secrets."""

import base64
import hashlib
import hmac
from datetime import timedelta
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core import clock

_secret: str | None = None


def configure(secret: str) -> None:
    """Take the portal's secret (once, by the application factory)."""
    global _secret
    _secret = secret


def configured() -> bool:
    return _secret is not None


@cache
def _derive(secret: str, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"kibali/{purpose}".encode()).derive(secret.encode())


def key(purpose: str) -> bytes:
    """32 bytes for one purpose (RFC 5869)."""
    if _secret is None:
        raise RuntimeError("no secret: call identity.keys.configure() first")
    return _derive(_secret, purpose)


def _fernet(purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(key(purpose)))


def encrypt(text: str) -> str:
    return _fernet("totp").encrypt(text.encode()).decode()


def decrypt(text: str) -> str:
    """Raises RuntimeError when the portal's secret is not the one it was encrypted with."""
    try:
        return _fernet("totp").decrypt(text.encode()).decode()
    except InvalidToken as error:
        raise RuntimeError("a stored secret cannot be read: was KIBALI_SECRET_KEY changed?") from error


def seal(purpose: str, text: str) -> str:
    """``text`` for a link: unreadable and unchangeable outside, and dated."""
    return _fernet(purpose).encrypt_at_time(text.encode(), int(clock.now().timestamp())).decode()


def unseal(purpose: str, sealed: str, lasts: timedelta) -> str | None:
    """What was sealed for this purpose less than ``lasts`` ago; None for anything else."""
    try:
        return (
            _fernet(purpose)
            .decrypt_at_time(sealed.encode(), int(lasts.total_seconds()), int(clock.now().timestamp()))
            .decode()
        )
    except InvalidToken:
        return None


def keyed_digest(purpose: str, text: str) -> str:
    """For secrets too short for a plain digest: useless without the portal's secret."""
    return hmac.new(key(purpose), text.encode(), hashlib.sha256).hexdigest()
