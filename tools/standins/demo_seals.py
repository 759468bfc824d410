"""DEMONSTRATION certificates: a root, an authority beneath it, a seal for each agency of a country, a time-stamp key.

Made once in a folder, in the layout ``app.documents.seals`` reads; an agency that is new gets its seal the next time.
Every certificate says DEMONSTRATION in its subject, and production refuses it.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from app.documents.seals import DEMONSTRATION, PORTAL
from app.jurisdictions.load import load
from app.jurisdictions.model import Pack

YEARS = timedelta(days=3652)
LIST_DAYS = timedelta(days=7)
LONGEST = 64  # bytes of a common name (X.520)
ROOT, ISSUING, STAMP = "demo-root", "demo-issuing", "demo-stamp"  # their keys belong to the stand-in, not the portal
ADDRESS = "http://127.0.0.1:8003"  # in the certificates; a portal whose stand-in is elsewhere has KIBALI_CRL_URL

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Authority:
    """A certificate that signs others, and lists of those it took back (none, unless a test says so)."""

    def __init__(self, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.name = name
        self.key = key
        self.certificate = certificate
        self.revoked: set[int] = set()

    def crl(self) -> bytes:
        now = datetime.now(UTC)
        made = x509.CertificateRevocationListBuilder(
            self.certificate.subject, now - timedelta(minutes=5), now + LIST_DAYS
        )
        made = made.add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        made = made.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False
        )
        for number in self.revoked:
            row = x509.RevokedCertificateBuilder(number, now - timedelta(minutes=5))
            made = made.add_revoked_certificate(row.build())
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def subject(country: str, organisation: str, name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, f"{DEMONSTRATION}, without legal force"),
            x509.NameAttribute(NameOID.COMMON_NAME, name.encode()[:LONGEST].decode(errors="ignore")),
        ]
    )


def certify(
    name: x509.Name,
    key: Key,
    issuer: Authority | None,
    *,
    authority: int | None = None,
    stamps: bool = False,
    signer: ec.EllipticCurvePrivateKey | None = None,
) -> x509.Certificate:
    """``authority``: how many authorities may stand beneath it; None for one that signs no certificates."""
    now = datetime.now(UTC)
    above = issuer.certificate.subject if issuer else name
    by = issuer.key if issuer else signer
    assert by is not None
    made = (
        x509.CertificateBuilder(above, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + YEARS)
        .add_extension(x509.BasicConstraints(authority is not None, authority), critical=True)
        .add_extension(_usage(authority is not None, stamps), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if stamps:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
    if issuer is not None:
        address = x509.UniformResourceIdentifier(f"{ADDRESS}/{issuer.name}.crl")
        point = x509.DistributionPoint([address], None, None, None)
        made = made.add_extension(x509.CRLDistributionPoints([point]), critical=False)
    return made.sign(by, hashes.SHA256())


def _usage(authority: bool, stamps: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority and not stamps,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def ensure(folder: Path, country: str) -> None:
    """Make what is missing. A second time it takes no time at all."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pack = load(country)
    if not (folder / "root.pem").exists():
        _authorities(folder, pack)
    issuing = authority(folder, ISSUING)
    for code, name in [*((each.code, _name(pack, each.names)) for each in pack.agencies), (PORTAL, _portal(pack))]:
        if not (folder / f"{code}.pem").exists():
            key = ec.generate_private_key(ec.SECP256R1())
            write_key(folder / f"{code}.key", key)
            write(folder / f"{code}.pem", certify(subject(pack.country, name, name), key, issuing))


def _authorities(folder: Path, pack: Pack) -> None:
    state = _name(pack, pack.state_names)
    root_key, issuing_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    stamp_key = rsa.generate_private_key(65537, 3072)
    name = subject(pack.country, state, f"{DEMONSTRATION} root of Kibali")
    root = Authority(ROOT, root_key, certify(name, root_key, None, authority=1, signer=root_key))
    issuing = certify(subject(pack.country, state, f"{DEMONSTRATION} seals of Kibali"), issuing_key, root, authority=0)
    stamp = certify(
        subject(pack.country, state, f"{DEMONSTRATION} time stamps of Kibali"), stamp_key, root, stamps=True
    )
    for name_, key in ((ROOT, root_key), (ISSUING, issuing_key), (STAMP, stamp_key)):
        write_key(folder / f"{name_}.key", key)
    write(folder / "chain.pem", issuing)
    write(folder / f"{STAMP}.pem", stamp)
    write(folder / "tsa-roots.pem", root.certificate)
    write(folder / "root.pem", root.certificate)  # last: whoever was interrupted begins again


def authority(folder: Path, name: str) -> Authority:
    file = "root.pem" if name == ROOT else "chain.pem"
    key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Authority(name, key, x509.load_pem_x509_certificate((folder / file).read_bytes()))


def _name(pack: Pack, names: dict[str, str]) -> str:
    return names[pack.languages[0]]


def _portal(pack: Pack) -> str:
    return _name(pack, pack.portal_name)


def write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def write_key(path: Path, key: Key) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
