"""Revocation lists of the certificates in a signature, fetched over HTTP, checked, and kept while they are fresh."""

import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from app.core import clock
from app.documents.seals import SealError, common_name

SECONDS = 5.0
LARGEST = 8 << 20
FRESH = timedelta(hours=1)


class ListAway(Exception):
    """A revocation list cannot be had; it may pass."""


class Lists:
    """``base`` replaces the folder of the addresses in the certificates, when the portal cannot reach those."""

    def __init__(self, base: str = "") -> None:
        self._base = base.rstrip("/")
        self._kept: dict[str, tuple[x509.CertificateRevocationList, datetime]] = {}
        self._lock = threading.Lock()

    def of(self, path: Sequence[x509.Certificate]) -> tuple[x509.CertificateRevocationList, ...]:
        """One list for each certificate but the root, which ends ``path``.

        Raises ListAway, or SealError when a certificate was revoked or says nowhere whether it is.
        """
        found = []
        for below, above in pairwise(path):
            address = self._address(below)
            with self._lock:
                crl = self._get(address, above)
            if crl.get_revoked_certificate_by_serial_number(below.serial_number) is not None:
                raise SealError(f"The certificate of {common_name(below)} was revoked.")
            if crl not in found:
                found.append(crl)
        return tuple(found)

    def _address(self, certificate: x509.Certificate) -> str:
        try:
            points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        except x509.ExtensionNotFound:
            points = x509.CRLDistributionPoints([])
        names = [str(name.value) for point in points for name in point.full_name or ()]
        for address in names:
            if address.startswith(("http://", "https://")):
                return f"{self._base}/{urlsplit(address).path.rpartition('/')[2]}" if self._base else address
        raise SealError(f"The certificate of {common_name(certificate)} names no revocation list at an http address.")

    def _get(self, address: str, issuer: x509.Certificate) -> x509.CertificateRevocationList:
        now = clock.now()
        kept = self._kept.get(address)
        if kept is not None and now - kept[1] < FRESH and _in_force(kept[0], now):
            return kept[0]
        try:
            crl = _fetch(address)
            if not _by(crl, issuer) or not _in_force(crl, now):
                raise ListAway(f"{address} is not the list of {common_name(issuer)}, or out of date")
        except ListAway:
            if kept is not None and _in_force(kept[0], now):
                return kept[0]
            raise
        self._kept[address] = (crl, now)
        return crl


def _fetch(address: str) -> x509.CertificateRevocationList:
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310  # http only, see _address
            content = answer.read(LARGEST)
        return x509.load_der_x509_crl(content)
    except urllib.error.HTTPError as error:
        error.close()
        raise ListAway(f"{address}: {error}") from None
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise ListAway(f"{address}: {error}") from error


def _by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return crl.issuer == issuer.subject and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    except (TypeError, ValueError, InvalidSignature):
        return False


def _in_force(crl: x509.CertificateRevocationList, now: datetime) -> bool:
    until = crl.next_update_utc
    return until is not None and now < until
