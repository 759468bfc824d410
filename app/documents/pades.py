"""The signature itself. This module loads pyHanko, so only the worker imports it, when it signs its first record.

Everything goes into one revision behind the page: the certificates and revocation lists that prove the signature (the
document security store), then the signature over all of it. Nothing follows it, so no reader has to judge which later
changes are harmless.
"""

import asyncio
import hashlib
import io
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from asn1crypto import crl
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers import pdf_signer
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator.registry import SimpleCertificateStore

from app.core import clock
from app.documents import seals, stamps
from app.documents.revocation import Lists
from app.documents.seals import Keys, Seal
from app.documents.signing import B_B, B_LT, Settings, Signed, StampAway

FIELD = "Seal"
DIGEST = "sha256"
FRESH = timedelta(hours=1)
BARE = 2048  # bytes of a signature beside its certificates and its time stamp


class _Signature(signers.Signer):
    """Signs with a key that was read once, and looks at once whether it is the certificate's."""

    def __init__(self, seal: Seal, keys: Keys) -> None:
        store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        store.register_multiple([_asn1(each) for each in seal.chain])
        super().__init__(signing_cert=_asn1(seal.certificate), cert_registry=store, embed_roots=False)
        self._seal = seal
        self._keys = keys

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        made = self._keys.sign(self._seal.code, data)
        seals.verify(self._seal.certificate, made, data)
        return made


class _Keeping(signers.PdfSigner):
    """Leaves the version of the file as it is: elliptic keys would raise it to 2.0, and PDF/A-3 is 1.7."""

    def register_extensions(self, pdf_out: BasePdfFileWriter, *, md_algorithm: str) -> None:
        pdf_signer._ensure_esic_ext(pdf_out)


@dataclass(frozen=True)
class _Evidence:
    """What proves a signature years later, good for an hour: certificates, lists, and the stamp's certificate."""

    certificates: tuple[asn1.Certificate, ...]
    lists: tuple[crl.CertificateList, ...]
    stamper: asn1.Certificate
    size: int  # of a time stamp
    until: datetime


class Signer:
    """Seals are read when first used. For any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keys = seals.keys(settings.place, settings.pin)
        self._lists = Lists(settings.crl_url)
        self._seals: dict[str, tuple[Seal, _Signature]] = {}
        self._evidence: dict[str, _Evidence] = {}
        self._lock = threading.Lock()

    def sign(self, pdf: bytes, code: str, reason: str) -> Signed:
        seal, signature = self._seal(code)
        if not self._settings.tsa_url:
            made = self._write(pdf, seal, signature, reason, None, None)
            return self._signed(made, seal, B_B, clock.now())
        for _attempt in range(2):
            evidence = self._prove(seal)
            stamper = stamps.Stamper(self._settings.tsa_url, evidence.stamper)
            try:
                made = self._write(pdf, seal, signature, reason, stamper, evidence)
            except stamps.OtherStamper:
                self._evidence.clear()
                continue
            assert stamper.latest is not None
            stamp = stamper.latest["content"]["encap_content_info"]["content"].parsed
            return self._signed(made, seal, B_LT, stamp["gen_time"].native)
        raise StampAway(f"{self._settings.tsa_url}: the authority changes its certificate each time")

    def _seal(self, code: str) -> tuple[Seal, _Signature]:
        with self._lock:
            if code not in self._seals:
                seal = seals.load(self._settings.place.folder, code)
                self._seals[code] = (seal, _Signature(seal, self._keys))
            return self._seals[code]

    def _prove(self, seal: Seal) -> _Evidence:
        """Raises ListAway, StampAway and SealError."""
        now = clock.now()
        kept = self._evidence.get(seal.code)
        if kept is not None and now < kept.until:
            return kept
        stamper = stamps.Stamper(self._settings.tsa_url)
        token = asyncio.run(stamper.async_timestamp(hashlib.sha256().digest(), DIGEST))
        roots = seals.certificates(self._settings.place.folder / "tsa-roots.pem")
        paths = [(seal.certificate, *seal.chain), stamps.path(token, roots)]
        lists = [each for path in paths for each in self._lists.of(path)]
        evidence = _Evidence(
            certificates=tuple(_asn1(each) for each in dict.fromkeys(each for path in paths for each in path)),
            lists=tuple(
                crl.CertificateList.load(each)
                for each in dict.fromkeys(each.public_bytes(Encoding.DER) for each in lists)
            ),
            stamper=stamps.certificate(token),
            size=len(token.dump()),
            until=now + FRESH,
        )
        self._evidence[seal.code] = evidence
        return evidence

    def _write(
        self,
        pdf: bytes,
        seal: Seal,
        signature: _Signature,
        reason: str,
        stamper: stamps.Stamper | None,
        evidence: _Evidence | None,
    ) -> bytes:
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        if evidence is not None:
            DocumentSecurityStore.supply_dss_in_writer(
                writer, None, certs=evidence.certificates, crls=evidence.lists, embed_roots=True
            )
        about = signers.PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm=DIGEST,
            subfilter=fields.SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
            name=seal.name,
            reason=reason,
        )
        outside = fields.InvisSigSettings(set_print_flag=True, box_out_of_bounds=True)
        place = fields.SigFieldSpec(FIELD, invis_sig_settings=outside, readable_field_name=reason)
        made = _Keeping(about, signature, timestamper=stamper, new_field_spec=place).sign_pdf(
            writer, bytes_reserved=_room(seal, evidence)
        )
        content: bytes = made.getvalue()
        return content

    def _signed(self, content: bytes, seal: Seal, level: str, at: datetime) -> Signed:
        return Signed(content, level, seal.name, at, seals.fingerprint(seal.certificate))


def _room(seal: Seal, evidence: _Evidence | None) -> int:
    """Hexadecimal signs to keep free for the signature, so that it need not be made twice to learn its size."""
    inside = sum(len(each.public_bytes(Encoding.DER)) for each in (seal.certificate, *seal.chain))
    size = BARE + inside + (evidence.size + 64 if evidence is not None else 0)
    return 2 * (size + -size % 512)


def _asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
