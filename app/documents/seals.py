"""Seals: the certificates an agency signs its records with, and the keys, in files or in a hardware module.

A folder holds what is public, for files and hardware alike: ``<agency>.pem`` for each agency and ``PORTAL.pem`` for
what no agency issues, ``chain.pem`` (the authorities between them and the root), ``root.pem`` and ``tsa-roots.pem``
(whom to trust for seals and for time stamps). Keys in files stand beside, ``<agency>.key``, readable by one user only.
"""

import hashlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

PORTAL = "PORTAL"
DEMONSTRATION = "DEMONSTRATION"  # the organisational unit in every certificate that is not meant seriously
LONGEST_CHAIN = 8


class SealError(Exception):
    """The seal cannot be used as it is set up; one sentence says why. It holds no secret."""


class KeyAway(Exception):
    """The hardware that holds the keys does not answer, or refuses. It may pass."""


@dataclass(frozen=True)
class Place:
    """Where certificates and keys are. ``module`` empty: the keys are files in ``folder``."""

    folder: Path
    module: str = ""
    token: str = ""
    label: str = ""  # of a key in the token, with {agency} in it

    @classmethod
    def read(cls, setting: str) -> "Place":
        """``file:<folder>`` or ``pkcs11:<module>?token=…&label=…{agency}…&certificates=<folder>``."""
        kind, _colon, rest = setting.partition(":")
        if kind == "file" and rest:
            return cls(Path(rest))
        path, _mark, query = rest.partition("?")
        given = {name: values[-1] for name, values in parse_qs(query).items()}
        if kind != "pkcs11" or not path or not {"token", "label", "certificates"} <= given.keys():
            raise SealError(
                "KIBALI_SEAL must be file:<folder>, or "
                "pkcs11:<module>?token=<token>&label=<key, with {agency}>&certificates=<folder>."
            )
        if "{agency}" not in given["label"]:
            raise SealError("The label in KIBALI_SEAL has no {agency} in it: each agency has a key of its own.")
        return cls(Path(given["certificates"]), unquote(path), given["token"], given["label"])


@dataclass(frozen=True)
class Seal:
    """What one agency signs with. ``chain`` begins above its certificate and ends with the root."""

    code: str
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def name(self) -> str:
        """Of the organisation: in full, where a common name ends after 64 bytes."""
        found = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return str(found[0].value) if found else common_name(self.certificate)


@dataclass(frozen=True)
class Trust:
    """Whom a checker has to trust, as PEM."""

    issuers: tuple[str, ...]
    tsa: tuple[str, ...]


class Keys(Protocol):
    def sign(self, code: str, data: bytes) -> bytes:
        """The signature over ``data`` (SHA-256; ECDSA as DER, or RSA PKCS #1) by the key of ``code``."""


def certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Those in a PEM file. Raises SealError."""
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise SealError(f"The seal's file {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise SealError(f"The seal's file {path} holds no certificate in PEM.") from None


def common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else certificate.subject.rfc4514_string()


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate, in hex: what people compare."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def is_demonstration(certificate: x509.Certificate) -> bool:
    units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
    names = (*units, *certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))
    return any(DEMONSTRATION in str(name.value).upper() for name in names)


def chain(
    certificate: x509.Certificate, between: Iterable[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...]:
    """The certificates above ``certificate``, the last one of ``roots``. Raises SealError when none is reached."""
    known = [*roots, *between]
    found: list[x509.Certificate] = []
    current = certificate
    while current not in roots and len(found) < LONGEST_CHAIN:
        above = next((each for each in known if _issued(each, current)), None)
        if above is None:
            break
        found.append(above)
        current = above
    if current not in roots:
        raise SealError(f"No trusted root stands above the certificate of {common_name(certificate)}.")
    return tuple(found)


def _issued(above: x509.Certificate, below: x509.Certificate) -> bool:
    if above.subject != below.issuer:
        return False
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def load(folder: Path, code: str) -> Seal:
    """The seal of an agency. Raises SealError."""
    (certificate, *_rest) = certificates(folder / f"{code}.pem")
    above = chain(certificate, certificates(folder / "chain.pem"), certificates(folder / "root.pem"))
    return Seal(code, certificate, above)


def trust(folder: Path) -> Trust:
    return Trust(
        tuple(_pem(each) for each in certificates(folder / "root.pem")),
        tuple(_pem(each) for each in certificates(folder / "tsa-roots.pem")),
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def verify(certificate: x509.Certificate, signature: bytes, data: bytes) -> None:
    """Raises SealError when the signature is not by the key of the certificate (SHA-256)."""
    key = certificate.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
            return
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
            return
    except InvalidSignature:
        raise SealError(f"The key of {common_name(certificate)} is not the one in its certificate.") from None
    raise SealError(f"The key of {common_name(certificate)} is neither elliptic nor RSA.")


class FileKeys:
    """Keys in the folder, read once. ``pin`` opens those that are encrypted."""

    def __init__(self, folder: Path, pin: str) -> None:
        self._folder = folder
        self._pin = pin.encode() or None
        self._read = lru_cache(self._load)

    def _load(self, code: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
        path = self._folder / f"{code}.key"
        try:
            if path.stat().st_mode & 0o077:
                raise SealError(f"The key {path} can be read by others than its owner: chmod 600 it.")
            key = serialization.load_pem_private_key(path.read_bytes(), self._pin)
        except OSError as error:
            raise SealError(f"The key {path} cannot be read: {error.strerror}.") from None
        except (ValueError, TypeError):
            raise SealError(f"The key {path} cannot be opened: is KIBALI_SEAL_PIN right?") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise SealError(f"The key {path} is neither elliptic nor RSA.")
        return key

    def sign(self, code: str, data: bytes) -> bytes:
        key = self._read(code)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key.sign(data, ec.ECDSA(hashes.SHA256()))
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


class Pkcs11Keys:
    """Keys that never leave their hardware: one session for the process, used by one thread at a time.

    After an error the session is dropped, so that the next signature opens a new one.
    """

    def __init__(self, place: Place, pin: str) -> None:
        self._place = place
        self._pin = pin
        self._lock = threading.Lock()
        self._session: Any = None
        self._keys: dict[str, Any] = {}

    def sign(self, code: str, data: bytes) -> bytes:
        from pkcs11 import exceptions

        with self._lock:
            try:
                return self._sign(code, data)
            except (exceptions.PKCS11Error, RuntimeError, OSError) as error:
                self._drop()
                raise KeyAway(f"the key store refused: {type(error).__name__}") from error

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _sign(self, code: str, data: bytes) -> bytes:
        from pkcs11 import KeyType, Mechanism, ObjectClass, lib
        from pkcs11.util.ec import encode_ecdsa_signature

        if self._session is None:
            token = lib(self._place.module).get_token(token_label=self._place.token)
            self._session = token.open(user_pin=self._pin)
        if code not in self._keys:
            label = self._place.label.replace("{agency}", code)
            self._keys[code] = self._session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)
        key = self._keys[code]
        if key.key_type == KeyType.EC:  # older modules hash nothing themselves
            made = key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA)
            return bytes(encode_ecdsa_signature(made))
        return bytes(key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))

    def _drop(self) -> None:
        from pkcs11.exceptions import PKCS11Error

        session, self._session = self._session, None
        self._keys.clear()
        if session is not None:
            try:
                session.close()
            except PKCS11Error:
                return  # it was lost already


def keys(place: Place, pin: str) -> Keys:
    return Pkcs11Keys(place, pin) if place.module else FileKeys(place.folder, pin)
