"""Unguessable codes and tokens, and the check letter that catches a misread reference."""

import hashlib
import re
import secrets

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 signs, none that look alike
_BODY = re.compile(r"[A-Z][A-Z0-9-]*-\d{4}-\d{5,}")


def public_code(bits: int = 130) -> str:
    """A random code a person can copy from paper: 5 bits a sign, 26 signs for 130 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(-(-bits // 5)))


def token() -> str:
    """A 256-bit URL-safe secret; only ``digest`` of it is stored."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """SHA-256 in hex, for looking a high-entropy secret up without storing it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def check_letter(text: str) -> str:
    """One sign over the signs of ``text``, weighted by place: catches nearly every slip and swap."""
    signs = [sign for sign in text.upper() if sign.isalnum()]
    return ALPHABET[sum(place * int(sign, 36) for place, sign in enumerate(signs, start=2)) % 31]


def is_checked(text: str) -> bool:
    """Whether ``text`` is a whole reference: a series, a year, a number and the letter that checks them."""
    body, _, letter = text.strip().upper().rpartition("-")
    return _BODY.fullmatch(body) is not None and letter == check_letter(body)
