"""A small sound bundle made from nothing but libraries, for the verifier to check and for tests to spoil.

It is written apart from the portal's own bundles: a mistake the writer and the checker share would not be seen.
"""

import base64
import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pikepdf
from asn1crypto import crl as asn1_crl
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore

EPOCH = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Leaf = tuple[bytes, dict[str, Any]]


def moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def jcs(value: object) -> bytes:
    """Canonical for what is in here: ASCII names and no fractions."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# --- the tree, straight from the definitions of RFC 9162 §2.1 ---------------------------------------------------------


def leaf(document: object) -> bytes:
    return hashlib.sha256(b"\x00" + jcs(document)).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(count: int) -> int:
    return 1 << (count - 1).bit_length() - 1


def root(leaves: list[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    at = _split(len(leaves))
    return _node(root(leaves[:at]), root(leaves[at:]))


def inclusion(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) <= 1:
        return []
    at = _split(len(leaves))
    if index < at:
        return [*inclusion(index, leaves[:at]), root(leaves[at:])]
    return [*inclusion(index - at, leaves[at:]), root(leaves[:at])]


def consistency(first: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    if first == len(leaves):
        return [] if whole else [root(leaves)]
    at = _split(len(leaves))
    if first <= at:
        return [*consistency(first, leaves[:at], whole), root(leaves[at:])]
    return [*consistency(first - at, leaves[at:], False), root(leaves[:at])]


# --- certificates and signed papers -----------------------------------------------------------------------------------


def certificate(
    name: str, key: Key, issuer: tuple[x509.Certificate, Key] | None = None, *, ca: bool = False, stamps: bool = False,
    begin: datetime = EPOCH - timedelta(days=400), end: datetime = EPOCH + timedelta(days=4000),
) -> x509.Certificate:  # fmt: skip
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(not ca, not ca and not stamps, False, False, False, ca, ca, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(usage, critical=True)
    )
    if stamps:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256())


def revocation_list(
    issuer: tuple[x509.Certificate, Key], *revoked: tuple[x509.Certificate, datetime]
) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer[0].subject)
        .last_update(EPOCH - timedelta(days=1))
        .next_update(EPOCH + timedelta(days=4000))
    )
    for each, since in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.serial_number).revocation_date(since).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer[1], hashes.SHA256())


def _asn1(each: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(each.public_bytes(Encoding.DER))


def _asn1_key(key: Key) -> asn1_keys.PrivateKeyInfo:
    return asn1_keys.PrivateKeyInfo.load(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))


def pem(*each: x509.Certificate) -> list[str]:
    return [one.public_bytes(Encoding.PEM).decode() for one in each]


class Authorities:
    """A root for those who sign records, one for those who stamp time, and one of each below them."""

    def __init__(self) -> None:
        self.root = self._root("Root of the state")
        self.stamp_root = self._root("Root of the time-stamps")
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.signer = certificate("Permit Office", self.key, self.root)
        self.stamp_key = rsa.generate_private_key(65537, 2048)
        self.stamper = certificate("Time Office", self.stamp_key, self.stamp_root, stamps=True)

    def _root(self, name: str) -> tuple[x509.Certificate, Key]:
        key = ec.generate_private_key(ec.SECP256R1())
        return certificate(name, key, ca=True), key

    def sign(
        self, pdf: bytes, *, at: datetime | None = EPOCH, signer: x509.Certificate | None = None,
        key: Key | None = None, stamper: x509.Certificate | None = None,
        lists: list[x509.CertificateRevocationList] | None = None,
    ) -> bytes:  # fmt: skip
        """PAdES B-LT in one revision; ``at`` None leaves the time-stamp out."""
        lists = [revocation_list(self.root), revocation_list(self.stamp_root)] if lists is None else lists
        store = SimpleCertificateStore()
        store.register_multiple([_asn1(self.root[0]), _asn1(self.signer)])
        by = signers.SimpleSigner(
            signing_cert=_asn1(signer or self.signer), signing_key=_asn1_key(key or self.key), cert_registry=store
        )
        stamps = timestamps.DummyTimeStamper(
            _asn1(stamper or self.stamper), _asn1_key(self.stamp_key), fixed_dt=at, include_nonce=False
        )
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        found = [asn1_crl.CertificateList.load(each.public_bytes(Encoding.DER)) for each in lists]
        if found:
            DocumentSecurityStore.supply_dss_in_writer(writer, None, crls=found)
        about = signers.PdfSignatureMetadata(
            field_name="Seal", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES, reason="Issued"
        )
        made = signers.PdfSigner(about, signer=by, timestamper=stamps if at else None)
        return bytes(made.sign_pdf(writer, bytes_reserved=16384).getvalue())


def paper(code: str, number: str) -> bytes:
    document = pikepdf.new()
    document.add_blank_page()
    inside = {"record": "permit", "code": code, "number": number, "title": "Permit", "data": {}}
    document.attachments["record.json"] = json.dumps(inside).encode()
    out = io.BytesIO()
    document.save(out, deterministic_id=True)
    return out.getvalue()


# --- the bundle -------------------------------------------------------------------------------------------------------


class Log:
    """Entries, each with who did it, under a key of its own."""

    def __init__(self, entries: int, key: ed25519.Ed25519PrivateKey | None = None, *, flavour: str = "") -> None:
        self.key = key or ed25519.Ed25519PrivateKey.generate()
        self.rows: list[dict[str, Any]] = []
        for number in range(entries):
            salt = hashlib.sha256(f"salt {number}".encode()).digest()
            who = {"detail": {}, "ip": f"10.0.0.{number}", "name": f"Clerk Nº {number}", "reference": ""}
            self.rows.append(
                {
                    "sequence": number,
                    "document": {
                        "id": 100 + number,
                        "at": moment(EPOCH + timedelta(seconds=number)),
                        "actor": {"kind": "user", "id": number % 5, "role": "reviewer"},
                        "agency": "office",
                        "verb": "case.approved",
                        "subject": f"case:{number}",
                        "reference": f"EXP-2026-{number:06}",
                        "case_id": number,
                        "business_id": None,
                        "authority": "Law 12, § 3",
                        "session_id": 7,
                        "detail": {"reason": f"In order{flavour}", "lines": [number, None, True]},
                        "personal_sha256": hashlib.sha256(salt + jcs(who)).hexdigest(),
                    },
                    "personal": who,
                    "salt": salt.hex(),
                    "path": [],
                }
            )

    @property
    def leaves(self) -> list[bytes]:
        return [leaf(row["document"]) for row in self.rows]

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self.public).hexdigest()[:16]

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def head(self, size: int | None = None, *, name: str = "the log") -> dict[str, Any]:
        size = len(self.rows) if size is None else size
        said = {
            "log": name,
            "size": size,
            "root": root(self.leaves[:size]).hex(),
            "at": moment(EPOCH + timedelta(minutes=size)),
            "key": self.key_id,
        }
        return said | {"signature": base64.b64encode(self.key.sign(jcs(said))).decode()}

    def prove(self) -> None:
        leaves = self.leaves
        for index, row in enumerate(self.rows):
            row["path"] = [step.hex() for step in inclusion(index, leaves)]


@dataclass
class Parts:
    """The files of a bundle, before they are listed and packed."""

    files: dict[str, bytes]
    log: Log
    extra: dict[str, Any] = field(default_factory=dict)  # beside the rest of the manifest

    def copy(self) -> "Parts":
        return Parts(dict(self.files), self.log, dict(self.extra))

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.files["log/entries.jsonl"].splitlines()]

    @rows.setter
    def rows(self, rows: list[dict[str, Any]]) -> None:
        self.files["log/entries.jsonl"] = b"".join(jcs(row) + b"\n" for row in rows)

    def document(self, path: str) -> Any:
        return json.loads(self.files[path])

    def change(self, path: str, change: Callable[[Any], object]) -> None:
        document = self.document(path)
        change(document)
        self.files[path] = jcs(document)

    def manifest(self) -> bytes:
        listed = [
            {"path": path, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for path, content in sorted(self.files.items())
        ]
        return jcs(
            {"format": "kibali-bundle/1", "made_at": moment(EPOCH), "selection": {}, "files": listed} | self.extra
        )

    def packed(self, manifest: bytes | None = None) -> bytes:
        """``manifest``: an older one, for changes that were not covered up."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
            target.writestr("manifest.json", manifest or self.manifest())
            for path, content in self.files.items():
                target.writestr(path, content)
        return out.getvalue()


def make(authorities: Authorities, *, entries: int = 23, records: int = 3, kept: int | None = None) -> Parts:
    log = Log(entries)
    log.prove()
    files: dict[str, bytes] = {}
    about = []
    for number in range(records):
        code = f"CODE{number:022}"
        content = authorities.sign(paper(code, f"PER-{number}"))
        files[f"records/{code}.pdf"] = content
        about.append(
            {
                "code": code, "number": f"PER-{number}", "kind": "permit", "signed": True,
                "sha256": hashlib.sha256(content).hexdigest(), "issued_at": moment(EPOCH),
            }
        )  # fmt: skip
    files["records.json"] = jcs(about)
    index = io.StringIO(newline="")
    table = csv.writer(index)
    table.writerow(["reference", "service", "title", "state", "folder"])
    for number in range(3):
        reference = f"EXP-2026-{number:06}"
        case = {"reference": reference, "service": "export", "title": f"=Case {number}", "state": "approved"}
        files[f"cases/{reference}/case.json"] = jcs({"case": case})
        files[f"cases/{reference}/documents/paper.pdf"] = paper(reference, "")
        table.writerow([reference, "export", f"'=Case {number}", "approved", f"cases/{reference}"])
    files["index.csv"] = index.getvalue().encode("utf-8-sig")
    files["index.pdf"] = paper("index", "")
    files["log/head.json"] = jcs(log.head())
    keys = {
        "log": [{"id": log.key_id, "public": base64.b64encode(log.public).decode()}],
        "issuers": pem(authorities.root[0]),
        "tsa": pem(authorities.stamp_root[0]),
    }
    files["log/keys.json"] = jcs(keys)
    if kept is not None:
        path = [step.hex() for step in consistency(kept, log.leaves)]
        files["log/consistency.json"] = jcs({"first": kept, "second": entries, "path": path})
    parts = Parts(files, log, {"whole_log": True})
    parts.rows = log.rows
    return parts
