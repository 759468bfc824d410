"""Checks a bundle of the portal without the portal: ``python verify.py bundle.zip [--head kept-head.json]``.

One file on purpose: an auditor copies it, reads it and runs it on a machine of their own. It needs Python 3.9 or
newer and ``cryptography``, opens no network connection and writes no file. It believes nothing the bundle says about
itself: sizes are counted, hashes are computed, and whose keys to trust is for the reader to say (``--keys``,
``--head``).

Exit code: 0 everything holds, 1 something is wrong (the first wrong thing of each kind is named), 2 it could not be
checked. What is checked, and what that proves, is in docs/verifying.md.

Sources: RFC 8785 (canonical JSON), RFC 9162 §2.1 (Merkle tree), ISO 32000-1 §12.8 and ETSI EN 319 142-1 (signatures in
PDF), RFC 5652 and RFC 5035 (CMS), RFC 3161 (time-stamps), RFC 5280 (certificates and revocation lists).
"""

# ruff: noqa: UP017, B905, RUF007, S105  (this file must run on Python 3.9)

from __future__ import annotations

import argparse
import base64
import binascii
import csv
import hashlib
import io
import json
import re
import sys
import unicodedata
import zipfile
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import IO, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

FORMAT = "kibali-bundle/1"
CHUNK = 1 << 16
MOST_LIST = 64 << 20  # bytes of manifest.json, records.json, index.csv
MOST_LINE = 8 << 20  # of one log entry
MOST_PDF = 64 << 20
MOST_FILES = 500_000
MOST_STREAM = 16 << 20  # of a stream inside a PDF, unpacked
DEEPEST = 64  # of JSON
LONGEST_CHAIN = 8
TOLERANCE = 3600  # seconds: entries are put into the log in batches, one of a long transaction later than others
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class Wrong(Exception):
    """Something does not hold; the message says what, for a reader who did not write the portal."""


class Unable(Exception):
    """It cannot be checked at all."""


# --- JSON: reading strictly, and the canonical form (RFC 8785) ------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Wrong("it has the same field twice")
    return found


def _no_constant(name: str) -> None:
    raise Wrong(f"it holds {name}, which is not JSON")


def parse(content: bytes) -> Any:
    """JSON in UTF-8; doubled fields, bottomless nesting and what is not JSON raise Wrong."""
    try:
        found = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Wrong("it is not well-formed JSON") from None
    level, depth = [found], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            raise Wrong(f"it is nested deeper than {DEEPEST} levels")
        inner: list[Any] = []
        for value in level:
            inner.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
        level = [value for value in inner if isinstance(value, (dict, list))]
    return found


def parse_or_none(content: bytes) -> Any:
    try:
        return parse(content)
    except Wrong:
        return None


def number(value: float) -> str:
    """As ECMAScript writes it (RFC 8785 §3.2.2.3)."""
    if value != value or value in (float("inf"), float("-inf")):
        raise Wrong("it holds a number that JSON does not know")
    if value == 0:
        return "0"
    _, parts, exponent = Decimal(repr(abs(value))).as_tuple()
    digits = "".join(map(str, parts)).lstrip("0")
    point = len(digits) + int(exponent)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        text = digits + "0" * (point - count)
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        power = point - 1
        text = f"{digits[0]}{'.' + digits[1:] if count > 1 else ''}e{'+' if power > 0 else '-'}{abs(power)}"
    return f"-{text}" if value < 0 else text


def canonical(value: Any) -> bytes:
    """RFC 8785; raises Wrong for what has no canonical form."""
    try:
        return _canonical(value).encode("utf-8")
    except (UnicodeEncodeError, RecursionError):
        raise Wrong("it holds text that is not Unicode, or is nested without end") from None


def _canonical(value: Any) -> str:
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > (1 << 53) - 1:
            raise Wrong("it holds a whole number too large for JSON")
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(_canonical, value)) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return (
            "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{_canonical(value[name])}" for name in names) + "}"
        )
    raise Wrong(f"it holds {type(value).__name__}, which JSON does not know")


def moment(text: Any) -> datetime:
    """RFC 3339 in UTC, with or without fractions, ending in Z."""
    if isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", text):
        try:
            shape = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
            return datetime.strptime(text, shape).replace(tzinfo=timezone.utc)
        except ValueError:
            pass
    raise Wrong(f"{text!r} is not a moment in UTC")


def _hex(text: Any, size: int = 32) -> bytes:
    if not isinstance(text, str) or not re.fullmatch(r"(?:[0-9a-f]{2})+", text) or (size and len(text) != 2 * size):
        raise Wrong("a hash in it is not written as one")
    return bytes.fromhex(text)


def _whole(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 62:
        raise Wrong(f"its {what} is not a whole number")
    return value


# --- the tree (RFC 9162 §2.1) ---------------------------------------------------------------------------------------


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Growing:
    """A tree that is given its leaves from the first on, and can say its root at any moment; it keeps log(n) hashes."""

    def __init__(self, complete: Callable[[int, int, bytes], None] | None = None) -> None:
        self.size = 0
        self._parts: list[tuple[int, bytes]] = []  # complete subtrees, the largest first: level and hash
        self._complete = complete

    def add(self, leaf: bytes) -> None:
        """``complete`` hears of each subtree that becomes complete: level, position, hash."""
        position, level, found = self.size, 0, leaf
        self.size += 1
        while self._parts and self._parts[-1][0] == level:
            found = node_hash(self._parts.pop()[1], found)
            level, position = level + 1, position >> 1
            if self._complete is not None:
                self._complete(level, position, found)
        self._parts.append((level, found))

    def root(self) -> bytes:
        if not self._parts:
            return hashlib.sha256(b"").digest()
        found = self._parts[-1][1]
        for _, part in reversed(self._parts[:-1]):
            found = node_hash(part, found)
        return found


def root_by_inclusion(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162 §2.1.3.2; raises Wrong when the path cannot belong to this place."""
    if index >= size:
        raise Wrong(f"its place {index} is beyond the {size} entries of the head")
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise Wrong("its proof of inclusion is too long")
        if place & 1 or place == last:
            found = node_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("its proof of inclusion is too short")
    return found


def consistent(first: int, first_root: bytes, second: int, second_root: bytes, path: list[bytes]) -> bool:
    """RFC 9162 §2.1.4.2: the tree of ``first`` leaves is the beginning of the one of ``second``."""
    if first == second:
        return first_root == second_root and not path
    if first == 0:
        return not path
    if first > second or not path:
        return False
    if first & (first - 1) == 0:
        path = [first_root, *path]
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            older, newer = node_hash(step, older), node_hash(step, newer)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            newer = node_hash(newer, step)
        place, last = place >> 1, last >> 1
    return last == 0 and older == first_root and newer == second_root


# --- heads ----------------------------------------------------------------------------------------------------------


class Head:
    """A signed statement: so many entries, this root, at this moment."""

    def __init__(self, document: Any) -> None:
        wanted = {"log", "size", "root", "at", "key", "signature"}
        if not isinstance(document, dict) or not wanted <= set(document):
            raise Wrong("it is not a head of the log")
        self.document = document
        self.log, self.key = document["log"], document["key"]
        self.size = _whole(document["size"], "size")
        self.root = _hex(document["root"])
        self.at = moment(document["at"])

    def check(self, keys: dict[str, bytes]) -> None:
        """Raises Wrong unless one of ``keys`` (raw Ed25519 by id) signed it."""
        public = keys.get(self.key) if isinstance(self.key, str) else None
        if public is None:
            raise Wrong(f"it is signed with the key {self.key!r}, which is not among the trusted ones")
        signed = {name: value for name, value in self.document.items() if name != "signature"}
        try:
            signature = base64.b64decode(self.document["signature"], validate=True)
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, canonical(signed))
        except (InvalidSignature, binascii.Error, ValueError, TypeError):
            raise Wrong(f"its signature is not by the key {self.key}") from None


class Keys:
    """Whom to believe: the log's keys, and the roots of those who sign records and time."""

    def __init__(self, document: Any) -> None:
        try:
            self.log = {str(key["id"]): base64.b64decode(key["public"], validate=True) for key in document["log"]}
            self.issuers = [_certificate(text) for text in document.get("issuers", [])]
            self.tsa = [_certificate(text) for text in document.get("tsa", [])]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Wrong("it does not list keys and certificates as it should") from None

    def fingerprints(self) -> dict[str, str]:
        found = {f"log key {name}": hashlib.sha256(public).hexdigest() for name, public in self.log.items()}
        for what, roots in (("issuers' root", self.issuers), ("time-stamp root", self.tsa)):
            for root in roots:
                found[f"{what} {root.subject.rfc4514_string()}"] = root.fingerprint(hashes.SHA256()).hex()
        return found


def _certificate(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


# --- DER and CMS ----------------------------------------------------------------------------------------------------

SEQUENCE, SET, INTEGER, OCTETS, OID, TIME = 0x30, 0x31, 0x02, 0x04, 0x06, 0x18


class Der:
    """One element of DER: definite lengths, one-byte tags, nothing read beyond its parent's end."""

    __slots__ = ("at", "data", "start", "stop", "tag")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        end = len(data) if end is None else end
        if end - at < 2 or data[at] & 0x1F == 0x1F:
            raise Wrong("its signature is damaged")
        length, start = data[at + 1], at + 2
        if length >= 0x80:
            count = length & 0x7F
            if not 1 <= count <= 4 or start + count > end:
                raise Wrong("its signature is damaged")
            length = int.from_bytes(data[start : start + count], "big")
            start += count
        self.data, self.tag, self.at, self.start, self.stop = data, data[at], at, start, start + length
        if self.stop > end:
            raise Wrong("its signature is damaged")

    def __iter__(self) -> Iterator[Der]:
        at = self.start
        while at < self.stop:
            child = Der(self.data, at, self.stop)
            yield child
            at = child.stop

    def parts(self, tag: int | None = None) -> list[Der]:
        if tag is not None:
            self.want(tag)
        return list(self)

    def want(self, tag: int) -> Der:
        if self.tag != tag:
            raise Wrong("its signature is not built as it should be")
        return self

    def only(self, tag: int) -> Der:
        found = self.parts()
        if len(found) != 1:
            raise Wrong("its signature is not built as it should be")
        return found[0].want(tag)

    @property
    def body(self) -> bytes:
        return self.data[self.start : self.stop]

    @property
    def whole(self) -> bytes:
        return self.data[self.at : self.stop]

    def oid(self) -> str:
        numbers, value = [], 0
        for byte in self.want(OID).body:
            value = value << 7 | byte & 0x7F
            if value >> 64:
                raise Wrong("its signature is damaged")
            if not byte & 0x80:
                numbers.append(value)
                value = 0
        if not numbers:
            raise Wrong("its signature is damaged")
        top = min(numbers[0] // 40, 2)
        return ".".join(map(str, [top, numbers[0] - 40 * top, *numbers[1:]]))


DATA, SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
TIME_STAMP_TOKEN = "1.2.840.113549.1.9.16.2.14"
DIGESTS = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
# Signature algorithms, each with the digest it names; None where it is the signer's.
SIGNATURES: dict[str, str | None] = {
    "1.2.840.113549.1.1.1": None,
    "1.2.840.113549.1.1.11": "sha256",
    "1.2.840.113549.1.1.12": "sha384",
    "1.2.840.113549.1.1.13": "sha512",
    "1.2.840.10045.4.3.2": "sha256",
    "1.2.840.10045.4.3.3": "sha384",
    "1.2.840.10045.4.3.4": "sha512",
}


def _digest_name(algorithm: Der) -> str:
    name = DIGESTS.get(algorithm.parts(SEQUENCE)[0].oid())
    if name is None:
        raise Wrong("its signature uses a hash that is not trusted")
    return name


class Cms:
    """A SignedData with one signer (RFC 5652 §5)."""

    def __init__(self, blob: bytes) -> None:
        try:
            self._read(Der(blob))
        except (IndexError, ValueError):
            raise Wrong("its signature is damaged") from None

    def _read(self, top: Der) -> None:
        self.length = top.stop
        kind, wrapped = top.parts(SEQUENCE)
        if kind.oid() != SIGNED_DATA:
            raise Wrong("its signature is not a signature")
        parts = wrapped.want(0xA0).only(SEQUENCE).parts()
        content = parts[2].parts(SEQUENCE)
        self.content_type = content[0].oid()
        self.content = content[1].want(0xA0).only(OCTETS).body if len(content) > 1 else None
        self.certificates: list[x509.Certificate] = []
        for part in parts[3:-1]:
            if part.tag == 0xA0:
                self.certificates += [x509.load_der_x509_certificate(each.want(SEQUENCE).whole) for each in part]
        fields = parts[-1].want(SET).only(SEQUENCE).parts()
        self._signer = fields[1]
        self.digest = _digest_name(fields[2])
        attributes = fields[3].want(0xA0)
        self._attributes = _attributes(attributes)
        self._signed = b"\x31" + attributes.whole[1:]  # signed as the SET it is, not under its tag in here
        self._algorithm = fields[4].parts(SEQUENCE)[0].oid()
        self.signature = fields[5].want(OCTETS).body
        self.unsigned = _attributes(fields[6].want(0xA1)) if len(fields) > 6 else {}

    def _attribute(self, oid: str) -> Der:
        if oid not in self._attributes:
            raise Wrong("its signature does not say what it signs")
        return self._attributes[oid]

    def check(self, content_type: str, digest_of: Callable[[str], bytes]) -> x509.Certificate:
        """The certificate of who signed what has this digest; raises Wrong when nobody did."""
        if self.content_type != content_type or self._attribute(CONTENT_TYPE).oid() != content_type:
            raise Wrong("its signature is of another kind of content")
        if self._attribute(MESSAGE_DIGEST).want(OCTETS).body != digest_of(self.digest):
            raise Wrong("it was changed after it was signed")
        certificate = self._bound_certificate()
        named = SIGNATURES.get(self._algorithm, "")
        if named == "" or (named is not None and named != self.digest):
            raise Wrong("its signature uses an algorithm that is not trusted")
        verify(
            certificate.public_key(), self.signature, self._signed, HASHES[self.digest], "its signature is not genuine"
        )
        return certificate

    def _bound_certificate(self) -> x509.Certificate:
        """The one the signer named inside what is signed (RFC 5035, RFC 2634 §5.4)."""
        if SIGNING_CERTIFICATE_V2 in self._attributes:
            named = self._attributes[SIGNING_CERTIFICATE_V2].parts(SEQUENCE)[0].parts(SEQUENCE)[0].parts(SEQUENCE)
            name = _digest_name(named.pop(0)) if named[0].tag == SEQUENCE else "sha256"
            wanted, algorithm = named[0].want(OCTETS).body, HASHES[name]
        elif SIGNING_CERTIFICATE in self._attributes and self.content_type == TST_INFO:
            # Time-stamps of older authorities name it by SHA-1; the signature itself still has to hold.
            named = self._attributes[SIGNING_CERTIFICATE].parts(SEQUENCE)[0].parts(SEQUENCE)[0].parts(SEQUENCE)
            wanted, algorithm = named[0].want(OCTETS).body, hashes.SHA1()  # noqa: S303
        else:
            raise Wrong("its signature does not bind the signer's certificate")
        for certificate in self.certificates:
            if certificate.fingerprint(algorithm) == wanted and self._is_signer(certificate):
                return certificate
        raise Wrong("the certificate its signature binds is not there")

    def _is_signer(self, certificate: x509.Certificate) -> bool:
        if self._signer.tag == 0x80:
            return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest == self._signer.body
        issuer, serial = self._signer.parts(SEQUENCE)
        same = int.from_bytes(serial.want(INTEGER).body, "big", signed=True) == certificate.serial_number
        return same and issuer.whole == certificate.issuer.public_bytes()


def _attributes(container: Der) -> dict[str, Der]:
    found: dict[str, Der] = {}
    for attribute in container:
        name, values = attribute.parts(SEQUENCE)
        inner = values.parts(SET)
        if name.oid() in found or not inner:
            raise Wrong("its signature is not built as it should be")
        found[name.oid()] = inner[0]
    return found


def verify(key: Any, signature: bytes, message: bytes, algorithm: Any, what: str, scheme: Any = None) -> None:
    """Raises Wrong(``what``) unless ``key`` made ``signature``."""
    try:
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= 2048:
            key.verify(signature, message, scheme or padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= 256:
            key.verify(signature, message, ec.ECDSA(algorithm))
        elif isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, message)
        else:
            raise Wrong("its signature uses a key that is not trusted")
    except (InvalidSignature, TypeError):
        raise Wrong(what) from None


# --- certificates ---------------------------------------------------------------------------------------------------

UNDERSTOOD = {"2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.32", "2.5.29.17"}


def _utc(thing: Any, name: str) -> datetime | None:
    """A date of a certificate or list; ``cryptography`` before 42 gives it without a zone."""
    found = getattr(thing, f"{name}_utc", None) if hasattr(thing, f"{name}_utc") else getattr(thing, name)
    return found.replace(tzinfo=timezone.utc) if found is not None and found.tzinfo is None else found


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except ValueError:
        raise Wrong("a certificate in it is damaged") from None


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _in_force(certificate: x509.Certificate, at: datetime) -> None:
    begin, end = _utc(certificate, "not_valid_before"), _utc(certificate, "not_valid_after")
    if begin is None or end is None or not begin <= at <= end:
        raise Wrong(f"the certificate of {_name(certificate)} was not in force on {at:%Y-%m-%d %H:%M} UTC")
    for extension in certificate.extensions:
        if extension.critical and extension.oid.dotted_string not in UNDERSTOOD:
            raise Wrong(f"the certificate of {_name(certificate)} has a condition that is not understood")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if certificate.issuer != issuer.subject or certificate.signature_hash_algorithm is None:
        return False
    if certificate.signature_hash_algorithm.name not in HASHES:
        return False
    scheme = getattr(certificate, "signature_algorithm_parameters", None)
    try:
        verify(
            issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes,
            certificate.signature_hash_algorithm, "", scheme if isinstance(scheme, padding.PSS) else None,
        )  # fmt: skip
    except Wrong:
        return False
    return True


def chain(
    signer: x509.Certificate, others: list[x509.Certificate], roots: list[x509.Certificate], at: datetime
) -> list[x509.Certificate]:
    """From ``signer`` to one of ``roots``, all in force ``at``; raises Wrong when none leads there."""
    found = [signer]
    _in_force(signer, at)
    while found[-1] not in roots:
        issuer = next((each for each in [*roots, *others] if each not in found and _issued(found[-1], each)), None)
        if issuer is None or len(found) == LONGEST_CHAIN:
            raise Wrong(f"the certificate of {_name(signer)} does not lead to a trusted root")
        _in_force(issuer, at)
        basic, usage = _extension(issuer, x509.BasicConstraints), _extension(issuer, x509.KeyUsage)
        below = len(found) - 1
        if basic is None or not basic.ca or (basic.path_length is not None and basic.path_length < below):
            raise Wrong(f"{_name(issuer)} is not allowed to issue certificates")
        if usage is not None and not usage.key_cert_sign:
            raise Wrong(f"{_name(issuer)} is not allowed to issue certificates")
        found.append(issuer)
    return found


def revocation(line: list[x509.Certificate], lists: list[x509.CertificateRevocationList], at: datetime) -> bool:
    """Whether ``lists`` speak for every certificate of ``line`` but the root; raises Wrong for a revoked one."""
    spoken = True
    for certificate, issuer in zip(line, line[1:]):
        covered = False
        for each in lists:
            if each.issuer != issuer.subject or not each.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                continue
            revoked = each.get_revoked_certificate_by_serial_number(certificate.serial_number)
            since = _utc(revoked, "revocation_date") if revoked is not None else None
            if since is not None and since <= at:
                raise Wrong(f"the certificate of {_name(certificate)} was revoked on {since:%Y-%m-%d %H:%M} UTC")
            until = _utc(each, "next_update")
            covered = covered or until is None or until >= at
        spoken = spoken and covered
    return spoken


# --- the signature of a PDF -----------------------------------------------------------------------------------------

RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s+(\d{1,10})\s*\]")
REFERENCE = re.compile(rb"(\d{1,10})\s+(\d{1,5})\s+R\b")
STREAM = re.compile(rb"stream\r?\n")
HEX = re.compile(rb"(?:[0-9a-fA-F]{2})+")


class Signature:
    """What was found: who signed, when, and whether revocation could be checked."""

    def __init__(self, signer: x509.Certificate, at: datetime | None, checked: bool) -> None:
        self.signer, self.at, self.revocation_checked = signer, at, checked


def check_pdf(data: bytes, keys: Keys, issued_at: datetime) -> Signature:
    """Raises Wrong unless the whole of ``data`` is signed by someone whom ``keys.issuers`` vouch for.

    Where no time-stamp authority is trusted, the certificates are looked at as of ``issued_at``.
    """
    start, stop = _hole(data)
    if not HEX.fullmatch(data, start + 1, stop - 1):
        raise Wrong("its signature is not written as one")
    contents = bytes.fromhex(data[start + 1 : stop - 1].decode("ascii"))
    cms = Cms(contents)
    if contents[cms.length :].strip(b"\x00"):
        raise Wrong("something is hidden behind its signature")

    def digest_of(name: str) -> bytes:
        digest, view = hashlib.new(name), memoryview(data)
        digest.update(view[:start])
        digest.update(view[stop:])
        return digest.digest()

    signer = cms.check(DATA, digest_of)
    usage = _extension(signer, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise Wrong(f"the certificate of {_name(signer)} is not for signing")
    try:
        lists = [x509.load_der_x509_crl(each) for each in stored(data, b"/CRLs")]
        others = [x509.load_der_x509_certificate(each) for each in stored(data, b"/Certs")]
    except (ValueError, zlib.error):
        raise Wrong("the proofs stored in it are damaged") from None
    at = None
    checked = True
    if TIME_STAMP_TOKEN in cms.unsigned:
        at, stamped = check_time_stamp(cms.unsigned[TIME_STAMP_TOKEN].whole, cms.signature, others, keys.tsa)
        checked = revocation(stamped, lists, at)
    elif keys.tsa:
        raise Wrong("its signature has no time-stamp")
    line = chain(signer, cms.certificates + others, keys.issuers, at or issued_at)
    checked = revocation(line, lists, at or issued_at) and checked
    return Signature(signer, at, checked)


def _hole(data: bytes) -> tuple[int, int]:
    """Where /Contents is: the only part that is not signed. Everything else, from first byte to last, must be."""
    found = 0
    for match in RANGE.finditer(data):
        found += 1
        first, start, stop, rest = map(int, match.groups())
        if first == 0 and 0 < start < stop and stop + rest == len(data) and match.end() <= len(data):
            inside = start < match.start() < stop
            if not inside and data[start : start + 1] == b"<" and data[stop - 1 : stop] == b">":
                return start, stop
    raise Wrong("its signature does not cover the whole file" if found else "it is not signed")


def check_time_stamp(
    token: bytes, signature: bytes, others: list[x509.Certificate], roots: list[x509.Certificate]
) -> tuple[datetime, list[x509.Certificate]]:
    """RFC 3161: the moment a trusted authority saw ``signature``, and the authority's chain."""
    try:
        cms = Cms(token)
        content = cms.content
        if content is None:
            raise Wrong("there is none inside")
        authority = cms.check(TST_INFO, lambda name: hashlib.new(name, content).digest())
        fields = Der(content).parts(SEQUENCE)
        algorithm, imprint = fields[2].parts(SEQUENCE)
        if imprint.want(OCTETS).body != hashlib.new(_digest_name(algorithm), signature).digest():
            raise Wrong("it belongs to another signature")
        text = fields[4].want(TIME).body.decode("ascii")
        shape = "%Y%m%d%H%M%S.%fZ" if "." in text else "%Y%m%d%H%M%SZ"
        at = datetime.strptime(text, shape).replace(tzinfo=timezone.utc)
        purpose = _extension(authority, x509.ExtendedKeyUsage)
        if purpose is None or list(purpose) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise Wrong("its certificate is not for time-stamps")
        return at, chain(authority, cms.certificates + others, roots, at)
    except (IndexError, ValueError):
        raise Wrong("its time-stamp is damaged") from None
    except Wrong as wrong:
        raise Wrong(f"its time-stamp does not hold: {wrong}") from None


def stored(data: bytes, name: bytes) -> Iterator[bytes]:
    """What the document security store keeps under ``name`` (/CRLs, /Certs). ``data`` is signed as a whole, so it may
    be looked for instead of followed to."""
    at = data.rfind(name)
    text = data[at + len(name) : at + len(name) + 2000].lstrip() if at >= 0 else b""
    single = REFERENCE.match(text)
    if single:
        text = _object(data, int(single.group(1)), 2000).lstrip()
    if text[:1] == b"[":
        for reference in REFERENCE.finditer(text[: text.find(b"]")]):
            yield _unpacked(_object(data, int(reference.group(1)), MOST_STREAM))


def _object(data: bytes, key: int, most: int) -> bytes:
    """What follows the last ``key 0 obj``."""
    last = None
    for match in re.finditer(rb"(?<![0-9])%d 0 obj\b" % key, data):
        last = match
    return data[last.end() : last.end() + most] if last else b""


def _unpacked(body: bytes) -> bytes:
    """The stream that ``body`` begins with."""
    begin = STREAM.search(body, 0, 4000)
    if begin is None:
        raise ValueError("no stream")
    head = body[: begin.start()]
    length = re.search(rb"/Length\s+(\d+)(?!\s+\d+\s+R)\b", head)
    end = begin.end() + int(length.group(1)) if length else body.find(b"endstream", begin.end())
    content = body[begin.end() : max(end, begin.end())]
    return zlib.decompressobj().decompress(content, MOST_STREAM) if b"/FlateDecode" in head else content


def embedded_json(data: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects among the files that are attached inside a PDF."""
    for match in re.finditer(rb"/EmbeddedFile\b", data):
        try:
            opened = data.rfind(b" obj", 0, match.start())
            found = parse(_unpacked(data[opened + 4 : opened + 4 + MOST_STREAM]))
        except (ValueError, zlib.error, Wrong):
            continue
        if isinstance(found, dict):
            yield found


# --- the bundle -----------------------------------------------------------------------------------------------------

PATH = re.compile(r"[^\x00-\x1f\x7f\\:*?\"<>|]{1,400}")
MANIFEST, RECORDS, INDEX = "manifest.json", "records.json", "index.csv"
ENTRIES, HEAD, KEYS, CONSISTENCY = "log/entries.jsonl", "log/head.json", "log/keys.json", "log/consistency.json"
NEEDED = (RECORDS, INDEX, ENTRIES, HEAD, KEYS)
KINDS = {
    "bundle": "bundle",
    "head": "head of the log",
    "entry": "entry of the log",
    "record": "record",
    "case": "case",
    "file": "file",
}


class Report:
    """What was found. Of each kind of fault the first is kept, and how many there are: no more memory."""

    def __init__(self) -> None:
        self.first: dict[str, dict[str, Any]] = {}
        self.faults: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.remarks: list[str] = []
        self.unable = ""

    def fault(self, kind: str, where: str, what: str, **more: Any) -> None:
        self.faults[kind] = self.faults.get(kind, 0) + 1
        self.first.setdefault(kind, {"where": where, "what": what, **more})

    def count(self, what: str, by: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + by

    def remark(self, text: str) -> None:
        if text not in self.remarks:
            self.remarks.append(text)

    @property
    def exit_code(self) -> int:
        return 1 if self.faults else 2 if self.unable else 0

    def as_json(self) -> str:
        verdict = {0: "sound", 1: "wrong", 2: "unchecked"}[self.exit_code]
        return json.dumps(
            {
                "verdict": verdict,
                "first": self.first,
                "faults": self.faults,
                "counts": self.counts,
                "remarks": self.remarks,
                "unable": self.unable,
            },
            ensure_ascii=False,
            indent=1,
        )

    def as_text(self) -> str:
        lines = ["Checked: " + (", ".join(f"{count} {what}" for what, count in self.counts.items()) or "nothing") + "."]
        for kind, title in KINDS.items():
            if kind in self.first:
                found, count = self.first[kind], self.faults[kind]
                lines.append(f"WRONG, first {title}: {printable(found['where'])}: {printable(found['what'])}.")
                if count > 1:
                    lines.append(f"  {count - 1} more of this kind.")
        lines += [f"Note: {printable(text)}" for text in self.remarks]
        if self.unable:
            lines.append(f"COULD NOT BE CHECKED: {printable(self.unable)}.")
        if self.exit_code == 0:
            lines.append("Everything that was checked holds.")
        return "\n".join(lines)


def printable(text: str) -> str:
    """Without signs that steer a terminal, and not endless."""
    safe = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text[:400])
    return safe + ("…" if len(text) > 400 else "")


class Bundle:
    """The ZIP, distrusted: paths that lead nowhere else, nothing twice, nothing hidden, every byte counted."""

    def __init__(self, file: IO[bytes], report: Report) -> None:
        self.report = report
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise Wrong("it is not a whole ZIP file") from None
        self.members: dict[str, zipfile.ZipInfo] = {}
        self.listed: dict[str, tuple[int, str]] = {}
        self.read: set[str] = set()
        infos = self._zip.infolist()
        if len(infos) > MOST_FILES:
            raise Wrong(f"it holds more than {MOST_FILES} files")
        alike: set[str] = set()
        for info in infos:
            self._admit(info, alike)
        self._no_overlap(infos)
        if MANIFEST not in self.members:
            raise Wrong(f"it has no {MANIFEST}")
        self._manifest()

    def _admit(self, info: zipfile.ZipInfo, alike: set[str]) -> None:
        name = info.filename
        same = unicodedata.normalize("NFC", name).casefold()
        if same in alike:
            raise Wrong(f"it holds {name} twice")
        alike.add(same)
        if (
            info.orig_filename != name
            or not PATH.fullmatch(name)
            or any(part.strip(". ") == "" for part in name.split("/"))
        ):
            raise Wrong(f"the path {name!r} in it is not an honest one")
        if info.flag_bits & 0x41 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Wrong(f"{name} in it is packed in a way that is not allowed")
        if info.create_system == 3 and info.external_attr >> 28 not in (0, 8):
            raise Wrong(f"{name} in it is not a plain file")
        self.members[name] = info

    def _no_overlap(self, infos: list[zipfile.ZipInfo]) -> None:
        free = 0
        for info in sorted(infos, key=lambda each: each.header_offset):
            if info.header_offset < free:
                raise Wrong(f"{info.filename} in it shares its bytes with another file")
            free = info.header_offset + 30 + len(info.orig_filename) + info.compress_size

    def _manifest(self) -> None:
        document = self.document(MANIFEST)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise Wrong(f"{MANIFEST} in it is not of the format {FORMAT}")
        self.manifest = document
        files = document.get("files")
        if not isinstance(files, list):
            raise Wrong(f"{MANIFEST} in it lists no files")
        for row in files:
            try:
                path, size, sha256 = row["path"], _whole(row["size"], "size"), _hex(row["sha256"]).hex()
            except (Wrong, TypeError, KeyError):
                raise Wrong(f"{MANIFEST} in it has a line that is not one") from None
            if not isinstance(path, str) or path in self.listed or path == MANIFEST:
                raise Wrong(f"{MANIFEST} in it names {path!r} twice, or itself")
            self.listed[path] = (size, sha256)
        for path in self.members:
            if path not in self.listed and path != MANIFEST:
                self.report.fault("file", path, f"it is not in {MANIFEST}")
        for path in self.listed:
            if path not in self.members:
                self.report.fault("file", path, f"{MANIFEST} names it, and it is not there")
        del document["files"]
        self.missing = {str(row.get("path")) for row in _rows(document.get("missing"))}
        if self.missing:
            self.report.remark(f"{len(self.missing)} files could not be put in; {MANIFEST} says which and why")

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file; once they are all read, they have been counted and compared with the manifest."""
        digest, size = hashlib.sha256(), 0
        expected = self.listed.get(path)
        try:
            with self._zip.open(self.members[path]) as source:
                while chunk := source.read(CHUNK):
                    size += len(chunk)
                    if expected is not None and size > expected[0]:
                        break
                    digest.update(chunk)
                    yield chunk
        except KeyError:
            raise Wrong("it is not there") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
            if path not in self.read:
                self.report.fault("file", path, "it is damaged in the ZIP")
            self.read.add(path)
            return
        if expected is not None and path not in self.read:
            if size != expected[0]:
                more = "larger" if size > expected[0] else "smaller"
                self.report.fault("file", path, f"it is {more} than {MANIFEST} says ({expected[0]} bytes)")
            elif digest.hexdigest() != expected[1]:
                self.report.fault("file", path, f"its SHA-256 is not the one in {MANIFEST}")
            self.report.count("files")
        self.read.add(path)

    def content(self, path: str, most: int = MOST_LIST) -> bytes:
        """All of a file that has to fit into memory."""
        found = bytearray()
        for chunk in self.chunks(path):
            found += chunk
            if len(found) > most:
                raise Wrong(f"{path} is larger than {most >> 20} MB")
        return bytes(found)

    def document(self, path: str) -> Any:
        try:
            return parse(self.content(path))
        except Wrong as wrong:
            raise Wrong(f"{path}: {wrong}") from None

    def lines(self, path: str) -> Iterator[bytes]:
        rest = b""
        for chunk in self.chunks(path):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
            if len(rest) > MOST_LINE:
                raise Wrong(f"a line of {path} is longer than {MOST_LINE >> 20} MB")
        if rest:
            yield rest


class Options:
    def __init__(
        self,
        kept: dict[str, Any] | None = None,
        keys: dict[str, Any] | None = None,
        *,
        whole_log: bool = False,
        tolerance: int | None = None,
    ) -> None:
        self.kept, self.keys, self.whole_log, self.tolerance = kept, keys, whole_log, tolerance


def check(file: IO[bytes], options: Options) -> Report:
    """Everything about the bundle in ``file``. Never raises for what is in it."""
    report = Report()
    try:
        _check(Bundle(file, report), options, report)
    except Wrong as wrong:
        report.fault("bundle", "the bundle", str(wrong))
    return report


def _check(bundle: Bundle, options: Options, report: Report) -> None:
    missing = [path for path in NEEDED if path not in bundle.members]
    if missing:
        raise Wrong(f"it has no {missing[0]}")
    carried = Keys(bundle.document(KEYS))
    keys = Keys(options.keys) if options.keys is not None else carried
    if options.keys is None:
        report.remark(
            "the keys are the bundle's own. Compare them with those the authority publishes, or use --keys: "
            + "; ".join(f"{name} {fingerprint}" for name, fingerprint in keys.fingerprints().items())
        )
    head = _head(bundle, keys, report)
    known = _Known()
    log = bundle.manifest.get("log")
    if isinstance(log, dict) and isinstance(log.get("waiting"), int) and log["waiting"] > 0:
        known.waiting = log["waiting"]
        report.remark(f"{known.waiting} entries of these cases are younger than the head and not in here")
    if head is not None:
        kept = _kept(head, keys, options, report)
        _entries(bundle, head, kept, options, report, known)
    _records(bundle, keys, report, known)
    _cases(bundle, report, known)
    for path in bundle.listed:
        if path in bundle.members and path not in bundle.read:
            for _ in bundle.chunks(path):
                pass
    if "verify.py" in bundle.members:
        report.remark(
            "this bundle carries a verifier; trust the copy you got yourself, not one that came with what it checks"
        )


def _head(bundle: Bundle, keys: Keys, report: Report) -> Head | None:
    try:
        head = Head(bundle.document(HEAD))
    except Wrong as wrong:
        report.fault("head", HEAD, str(wrong))
        return None
    try:
        head.check(keys.log)
    except Wrong as wrong:
        report.fault("head", HEAD, str(wrong))
    report.counts["entries in the log"] = head.size
    return head


def _kept(head: Head, keys: Keys, options: Options, report: Report) -> Head | None:
    """The head the reader kept, once it is clear that this one can follow it."""
    if options.kept is None:
        report.remark(
            "no earlier head was given (--head): that the log still is what it was cannot be seen from one bundle"
        )
        return None
    try:
        kept = Head(options.kept)
    except Wrong as wrong:
        report.unable = f"the head you kept: {wrong}"
        return None
    if kept.log != head.log:
        report.fault("head", HEAD, f"it is of another log ({head.log!r}) than the head you kept ({kept.log!r})")
        return None
    if kept.key != head.key and options.keys is None:
        report.fault(
            "head", HEAD, "it is signed with another key than the head you kept; if it was announced, give --keys"
        )
    try:
        kept.check(keys.log)
    except Wrong:
        report.fault("head", HEAD, f"the head you kept is not signed with the key that this one calls {kept.key!r}")
    if head.size < kept.size:
        report.fault(
            "head", HEAD,
            f"the log went back: it had {kept.size} entries in the head you kept and has {head.size} now",
            sequence=head.size,
        )  # fmt: skip
        return None
    if head.at < kept.at:
        report.fault("head", HEAD, "it is older than the head you kept and yet has more entries")
    return kept


def _earlier(bundle: Bundle, head: Head, kept: Head, seen: bytes | None, report: Report) -> None:
    """That the log of ``kept`` is the beginning of the log of ``head``; ``seen``: its root by the entries."""
    rewritten = f"the first {kept.size} entries are no longer those of the head you kept: history was rewritten"
    continues = f"the log continues the head you kept ({kept.size} entries, {kept.at:%Y-%m-%d %H:%M:%S} UTC)"
    if kept.size == head.size or seen is not None:
        if (head.root if seen is None else seen) != kept.root:
            report.fault("head", HEAD, rewritten, before=kept.size)
        elif not report.faults.get("head"):
            report.remark(continues)
        return
    if CONSISTENCY in bundle.members:
        proof = bundle.document(CONSISTENCY)
        if isinstance(proof, dict) and proof.get("first") == kept.size and proof.get("second") == head.size:
            path = [_hex(step) for step in proof.get("path") or []]
            if not consistent(kept.size, kept.root, head.size, head.root, path):
                report.fault("head", HEAD, rewritten, before=kept.size)
            elif not report.faults.get("head"):
                report.remark(continues)
            return
    report.unable = (
        f"the bundle has no proof that its log continues the head you kept ({kept.size} entries); "
        "ask for one that is made for that head"
    )


class _Known:
    """What one part of a bundle says, for the other parts to agree with."""

    def __init__(self) -> None:
        self.hashes: dict[str, tuple[str, int]] = {}  # of records by code, as the log has them, and in which entry
        self.entries = array("q")  # ids, in order once all are read
        self.records: dict[str, str] = {}  # SHA-256 by code, as records.json has them
        self.waiting = 0  # entries that the log took in after the head

    def note(self, document: dict[str, Any], sequence: int) -> None:
        detail = document.get("detail")
        if isinstance(detail, dict) and document.get("verb") == "record.issued":
            code, sha256 = detail.get("code"), detail.get("sha256")
            if isinstance(code, str) and isinstance(sha256, str):
                self.hashes.setdefault(code, (sha256, sequence))


def _entries(bundle: Bundle, head: Head, kept: Head | None, options: Options, report: Report, known: _Known) -> None:
    tolerance = timedelta(seconds=TOLERANCE if options.tolerance is None else options.tolerance)
    tree, ids, last = Growing(), known.entries, -1
    newest, seen = datetime(1, 1, 2, tzinfo=timezone.utc) + tolerance, None
    late, first_late = 0, ""
    whole = options.whole_log or bundle.manifest.get("whole_log") is True
    if kept is not None and kept.size == 0:
        seen = tree.root()
    for number_, line in enumerate(bundle.lines(ENTRIES), start=1):
        where, sequence = f"line {number_}", None
        try:
            row = parse(line)
            if not isinstance(row, dict) or not isinstance(row.get("document"), dict):
                raise Wrong("it is not an entry")
            sequence = _whole(row.get("sequence"), "sequence")
            document = row["document"]
            where = f"entry {sequence} ({document.get('verb')} {document.get('reference') or document.get('subject')})"
            if sequence <= last:
                raise Wrong("its number came before: an entry is doubled or out of order")
            if whole and sequence != last + 1:
                where, sequence, gone, last = f"entry {last + 1}", last + 1, sequence, sequence
                raise Wrong(f"it is missing; the next one there is entry {gone}")
            last = sequence
            leaf = leaf_hash(canonical(document))
            if tree.size == sequence:
                tree.add(leaf)
                if kept is not None and tree.size == kept.size:
                    seen = tree.root()
            path = row.get("path")
            if not isinstance(path, list) or len(path) > 64:
                raise Wrong("it has no proof of inclusion")
            if root_by_inclusion(leaf, sequence, head.size, [_hex(step) for step in path]) != head.root:
                raise Wrong("it is not what the log holds in this place: it was changed, or put here from elsewhere")
            _personal(row, report)
            ids.append(_whole(document.get("id"), "id"))
            at = moment(document.get("at"))
            if at < newest - tolerance:
                late, first_late = late + 1, first_late or where
                if options.tolerance is not None:
                    raise Wrong(f"its time ({at:%Y-%m-%d %H:%M:%S}) is before that of entries in front of it")
            newest = max(newest, at)
            if at > head.at + tolerance:
                raise Wrong("its time is after that of the head")
            known.note(document, sequence)
        except Wrong as wrong:
            report.fault("entry", where, str(wrong), **({} if sequence is None else {"sequence": sequence}))
        report.count("entries")
    if whole and last + 1 < head.size:
        report.fault("entry", f"entry {last + 1}", "it is missing, and so is everything after it", sequence=last + 1)
    if not whole:
        report.remark(
            f"the {report.counts.get('entries', 0)} entries are a selection of the {head.size} of the log: each is"
            " proved to be in it, not that none is left out"
        )
    if late:
        report.remark(
            f"{late} entries bear a time more than {tolerance.total_seconds():.0f} s before that of entries in front of"
            f" them, the first is {first_late}: they were written late, or their clock was moved"
        )
    known.entries = ids = array("q", sorted(ids))
    double = next((one for one, other in zip(ids, ids[1:]) if one == other), None)
    if double is not None:
        report.fault("entry", f"the entry with the id {double}", "it is in the log twice")
    if whole and not report.faults.get("entry") and tree.root() != head.root:
        report.fault("head", HEAD, "its root is not that of the entries")
    if kept is not None:
        _earlier(bundle, head, kept, seen, report)


def _personal(row: dict[str, Any], report: Report) -> None:
    """The name behind an entry: either erased, or the one the entry was written with."""
    expected, personal, salt = row["document"].get("personal_sha256"), row.get("personal"), row.get("salt")
    if personal is None:
        if expected:
            report.count("with personal data erased")
        return
    if hashlib.sha256(_hex(salt, 0) + canonical(personal)).hexdigest() != expected:
        raise Wrong("the person named beside it is not the one it was written with")


def _records(bundle: Bundle, keys: Keys, report: Report, known: _Known) -> None:
    try:
        rows = bundle.document(RECORDS)
        if not isinstance(rows, list):
            raise Wrong(f"{RECORDS}: it is not a list")
    except Wrong as wrong:
        report.fault("file", RECORDS, str(wrong))
        rows = []
    named: set[str] = set()
    unchecked = unsigned = 0
    for row in rows:
        code = row.get("code") if isinstance(row, dict) else None
        where = f"record {code}"
        path = f"records/{code}.pdf"
        try:
            if not isinstance(code, str) or path in named:
                raise Wrong(f"{RECORDS} names it twice, or names none")
            named.add(path)
            known.records[code] = str(row.get("sha256"))
            data = bundle.content(path, MOST_PDF)
            report.count("records")
            if row.get("signed") is True:
                signature = check_pdf(data, keys, _issue_time(row.get("issued_at")))
                report.count("signed")
                unchecked += not signature.revocation_checked
            else:
                unsigned += 1
            sha256 = hashlib.sha256(data).hexdigest()
            if sha256 != row.get("sha256"):
                raise Wrong(f"its SHA-256 is not the one in {RECORDS}")
            _same_record(data, row)
            if code in known.hashes and known.hashes[code][0] != sha256:
                raise Wrong(f"it is not the one whose SHA-256 is in entry {known.hashes[code][1]} of the log")
        except Wrong as wrong:
            report.fault("record", where, str(wrong), **({"code": code} if isinstance(code, str) else {}))
        except Exception as error:
            report.fault("record", where, f"it cannot be read ({type(error).__name__})", code=code)
    for path in bundle.members:
        if path.startswith("records/") and path not in named:
            report.fault("record", path, f"it is not in {RECORDS}")
    if unsigned:
        report.remark(f"{unsigned} records are not signed, and {RECORDS} says so; only the log can vouch for them")
    if unchecked:
        report.remark(
            f"{unchecked} signatures carry no revocation list for every certificate; whether one was revoked is open"
        )


def _issue_time(text: Any) -> datetime:
    return moment(text[:-6] + "Z" if isinstance(text, str) and text.endswith("+00:00") else text)


def _same_record(data: bytes, row: dict[str, Any]) -> None:
    """A genuine paper under another's name is found by what is inside it."""
    for inside in embedded_json(data):
        if "code" in inside and "record" in inside:
            for name, key in (("code", "code"), ("number", "number"), ("record", "kind")):
                if row.get(key) is not None and inside.get(name) != row[key]:
                    raise Wrong(f"inside it is another record: its {key} is {inside.get(name)!r}")
            return


def _cases(bundle: Bundle, report: Report, known: _Known) -> None:
    """index.csv and the folders of cases name the same ones, and say the same of them."""
    folders = {"/".join(path.split("/")[:2]) for path in bundle.members if path.startswith("cases/")}
    try:
        text = io.StringIO(bundle.content(INDEX).decode("utf-8-sig"), newline="")
        rows = csv.DictReader(text, strict=True)
        if not {"reference", "folder"} <= set(rows.fieldnames or ()):
            raise Wrong("it has no columns reference and folder")
        seen: set[str] = set()
        for row in rows:
            folder = row["folder"] or ""
            report.count("cases")
            try:
                if folder in seen or folder != f"cases/{row['reference']}" or None in row:
                    raise Wrong(f"{INDEX} names it twice, or names its folder wrongly")
                seen.add(folder)
                if folder not in folders:
                    raise Wrong(f"{INDEX} names it, and it has no folder")
                _same_case(bundle, folder, row, known)
            except Wrong as wrong:
                report.fault("case", row["reference"] or "without a reference", str(wrong))
        for folder in sorted(folders - seen):
            report.fault("case", folder, f"{INDEX} does not name it")
    except (Wrong, ValueError, csv.Error) as error:
        report.fault("file", INDEX, str(error) if isinstance(error, Wrong) else "it is not a well-formed table")


def _same_case(bundle: Bundle, folder: str, row: dict[str, Any], known: _Known) -> None:
    path = f"{folder}/case.json"
    if path not in bundle.members:
        raise Wrong("its folder has no case.json")
    document = bundle.document(path)
    case = document.get("case") if isinstance(document, dict) else None
    if not isinstance(case, dict):
        raise Wrong("its case.json does not describe a case")
    for name in ("reference", "service", "agency", "title", "state"):
        if name in row and name in case:
            shown = row[name][1:] if row[name][:1] == "'" else row[name]
            if shown not in (case[name] or "", (case[name] or "")[1:]):
                raise Wrong(f"{INDEX} and its case.json differ about its {name}")
    for entry in _rows(document.get("audit")):
        key = entry.get("id")
        place = bisect_left(known.entries, key) if isinstance(key, int) else len(known.entries)
        if place == len(known.entries) or known.entries[place] != key:
            if not known.waiting:
                raise Wrong(f"its case.json has the entry with the id {key}, and {ENTRIES} does not")
            known.waiting -= 1
    for record in _rows(document.get("records")):
        code, sha256 = record.get("code"), record.get("sha256")
        if sha256 and known.records.get(str(code)) != sha256 and f"records/{code}.pdf" not in bundle.missing:
            raise Wrong(f"its case.json has the record {code} with another SHA-256 than {RECORDS}, or it is not there")


def _rows(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


# --- the command ----------------------------------------------------------------------------------------------------


def load(path: str) -> Any:
    try:
        with open(path, "rb") as file:
            return parse(file.read(MOST_LIST))
    except OSError as error:
        raise Unable(f"{path} cannot be read: {error.strerror}") from None
    except Wrong as wrong:
        raise Unable(f"{path}: {wrong}") from None


def run(
    bundle: str, head: str | None, keys: str | None, *, whole_log: bool, as_json: bool, tolerance: int | None
) -> int:
    """Check the bundle at this path, print what was found, and return the exit code."""
    report = Report()
    try:
        options = Options(
            load(head) if head else None, load(keys) if keys else None, whole_log=whole_log, tolerance=tolerance
        )
        with open(bundle, "rb") as file:
            report = check(file, options)
    except Unable as error:
        report.unable = str(error)
    except OSError as error:
        report.unable = f"{bundle} cannot be read: {error.strerror}"
    print(report.as_json() if as_json else report.as_text())
    return report.exit_code


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check a bundle of case files, records and log entries.")
    parser.add_argument("bundle", help="the ZIP")
    parser.add_argument("--head", help="a head of the log that you kept: the file head.json of an earlier bundle")
    parser.add_argument("--keys", help="the keys you trust, instead of those in the bundle (as log/keys.json)")
    parser.add_argument("--whole-log", action="store_true", help="the bundle must hold every entry of the log")
    parser.add_argument("--tolerance", type=int, help="more seconds than this out of order is a fault, not a note")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for machines")
    given = parser.parse_args(None if arguments is None else list(arguments))
    return run(
        given.bundle, given.head, given.keys,
        whole_log=given.whole_log, as_json=given.as_json, tolerance=given.tolerance,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
