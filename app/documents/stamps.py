"""Time stamps (RFC 3161) over HTTP, each one checked against the authority's certificate before it is used."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterable

from asn1crypto import cms, tsp
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko.sign.general import CMSStructuralError
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.sign.timestamps.common_utils import TimestampRequestError
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity

from app.documents import seals
from app.documents.seals import SealError
from app.documents.signing import StampAway

SECONDS = 8.0
LARGEST = 1 << 20


class OtherStamper(Exception):
    """The token was signed with another certificate than the one before."""


class Stamper(TimeStamper):
    """Tokens of the authority at ``url``; once ``certificate`` is known, of that one only."""

    def __init__(self, url: str, certificate: asn1.Certificate | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._url = url
        self._certificate = certificate
        self.latest: cms.ContentInfo | None = None

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """A token over the digest. Raises StampAway, or OtherStamper."""
        try:
            token = await super().async_timestamp(message_digest, md_algorithm)
            signer = _checked(token, message_digest)
        except (TimestampRequestError, CMSStructuralError, SignatureValidationError, ValueError, TypeError) as error:
            raise StampAway(f"{self._url}: {error}") from error
        if self._certificate is not None and signer.dump() != self._certificate.dump():
            raise OtherStamper
        self.latest = token
        return token

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        question = urllib.request.Request(self._url, req.dump(), headers)  # noqa: S310  # http only, see config
        try:
            with urllib.request.urlopen(question, timeout=SECONDS) as answer:  # noqa: S310
                return tsp.TimeStampResp.load(answer.read(LARGEST))
        except urllib.error.HTTPError as error:
            error.close()
            raise StampAway(f"{self._url}: {error}") from None
        except (urllib.error.URLError, OSError) as error:
            raise StampAway(f"{self._url}: {error}") from error


def _checked(token: cms.ContentInfo, digest: bytes) -> asn1.Certificate:
    """The certificate whose key signed the token, which is over ``digest``. Raises ValueError and the library's."""
    signed = token["content"]
    content = signed["encap_content_info"]["content"]
    stamp = content.parsed
    if stamp["message_imprint"]["hashed_message"].native != digest:
        raise ValueError("the time stamp is of something else")
    signer = certificate(token)
    (info,) = signed["signer_infos"]
    actual = hashlib.new(info["digest_algorithm"]["algorithm"].native, bytes(content)).digest()
    intact, valid = validate_sig_integrity(info, signer, expected_content_type="tst_info", actual_digest=actual)
    if not (intact and valid):
        raise ValueError("the time stamp's own signature is wrong")
    return signer


def certificate(token: cms.ContentInfo) -> asn1.Certificate:
    """The certificate in the token that its signature names. Raises ValueError."""
    (info,) = token["content"]["signer_infos"]
    for each in _inside(token):
        sid = info["sid"].chosen
        if isinstance(sid, cms.IssuerAndSerialNumber):
            if (each.issuer, each.serial_number) == (sid["issuer"], sid["serial_number"].native):
                return each
        elif each.key_identifier == sid.native:
            return each
    raise ValueError("the time stamp lacks its certificate")


def path(token: cms.ContentInfo, roots: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    """The authority's certificate and those above it. Raises SealError when we do not trust it for time stamps."""
    signer = _plain(certificate(token))
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
    if ExtendedKeyUsageOID.TIME_STAMPING not in usage:
        raise SealError(f"The certificate of {seals.common_name(signer)} is not for time stamps.")
    return (signer, *seals.chain(signer, [_plain(each) for each in _inside(token)], roots))


def _inside(token: cms.ContentInfo) -> Iterable[asn1.Certificate]:
    return [each.chosen for each in token["content"]["certificates"] if isinstance(each.chosen, asn1.Certificate)]


def _plain(certificate: asn1.Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.dump())
