"""A time-stamp stand-in with its demonstration seals, and what two independent checkers say of a signed PDF."""

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asn1crypto import crl, pem
from asn1crypto import x509 as asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.ades import ades_with_time_validation
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.policy_decl import (
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from app.documents import signing
from tools.standins import demo_seals, tsa


@dataclass
class Office:
    """The folder of the seals, and the stand-in at ``url``."""

    folder: Path
    url: str
    state: tsa.StandIn

    def configure(self, seal: str = "", **changes: str) -> None:
        values = {"tsa_url": self.url, "crl_url": self.url} | changes
        signing.configure(seal or f"file:{self.folder}", **values)


def earnest(folder: Path, country: str = "RW") -> str:
    """Certificates that do not say they are a demonstration, which production takes; the setting."""
    before, demo_seals.DEMONSTRATION = demo_seals.DEMONSTRATION, "Test"
    try:
        demo_seals.ensure(folder, country)
    finally:
        demo_seals.DEMONSTRATION = before
    return f"file:{folder}"


@contextmanager
def open_office(folder: Path, country: str = "RW") -> Iterator[Office]:
    demo_seals.ensure(folder, country)
    state = tsa.StandIn(folder)
    server = tsa.serve(state)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    before = signing._settings, signing._signer
    office = Office(folder, f"http://127.0.0.1:{server.server_address[1]}", state)
    office.configure()
    try:
        yield office
    finally:
        signing._settings, signing._signer = before
        server.shutdown()
        server.server_close()
        thread.join()


def certificate(path: Path) -> asn1.Certificate:
    return asn1.Certificate.load(pem.unarmor(path.read_bytes())[2])


def _embedded(content: bytes) -> tuple[PdfFileReader, Any]:
    reader = PdfFileReader(io.BytesIO(content))
    (signature,) = reader.embedded_signatures
    return reader, signature


def judged(content: bytes, folder: Path) -> Any:
    """pyHanko's verdict with nothing but the root and what is in the file: no network, revocation must be proved."""
    reader, signature = _embedded(content)
    options = {"trust_roots": [certificate(folder / "root.pem")], "allow_fetching": False, "revocation_mode": "require"}
    context = DocumentSecurityStore.read_dss(reader).as_validation_context(options)
    return validate_pdf_signature(signature, context, context)


def judged_by_etsi(content: bytes, folder: Path) -> Any:
    """The same by the procedure of ETSI EN 319 102-1 § 5.5, for signatures with time and long-term material."""
    reader, signature = _embedded(content)
    store = DocumentSecurityStore.read_dss(reader)
    trust = SimpleTrustManager.build(trust_roots=[certificate(folder / "root.pem")])
    lists = [CRLContainer(crl.CertificateList.load(each.get_object().data)) for each in store.crls]
    how = SignatureValidationSpec(
        CertValidationPolicySpec(trust_manager=trust, revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO)),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY),
        local_knowledge=LocalKnowledge(known_certs=list(store.load_certs()), known_crls=lists),
    )
    signature.compute_integrity_info()
    digest = signature.compute_digest()
    return asyncio.run(ades_with_time_validation(signature.signed_data, how, raw_digest=digest))
