"""The key that signs heads: Ed25519, in a file of its own that only the worker's user reads. Not in the database: who
can rewrite that must not be able to sign what they wrote."""

import base64
import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


class KeyUnusable(Exception):
    """The message is a sentence for who runs the portal."""


@dataclass(frozen=True)
class LogKey:
    private: Ed25519PrivateKey

    @property
    def public(self) -> bytes:
        """The raw 32 bytes."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def id(self) -> str:
        return key_id(self.public)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


def key_id(public: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of the raw public key."""
    return hashlib.sha256(public).hexdigest()[:16]


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def load(path: Path, *, create: bool = False) -> LogKey:
    """The key in the PEM file; ``create``: make one, readable by nobody else, where there is none yet.

    Raises KeyUnusable.
    """
    if create:
        _create(path)
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise KeyUnusable(f"The log's key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError) as error:
        raise KeyUnusable(f"{path} is not a PEM file with a private key without a password.") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise KeyUnusable(f"The key in {path} is not an Ed25519 key. Make one with: openssl genpkey -algorithm ed25519")
    return LogKey(found)


def _create(path: Path) -> None:
    """Appears whole or not at all, and the first of several processes wins."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def as_text(public: bytes) -> str:
    return base64.b64encode(public).decode()


__all__ = ["KeyUnusable", "LogKey", "as_text", "key_id", "load", "verify"]
