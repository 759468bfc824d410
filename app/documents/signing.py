"""Signing records: PAdES B-LT by the key of the agency that issues them, once, before anything is stored.

Only the worker loads the signing library (``pades``); the web processes ask for ``trust()``. Decision:
docs/decisions/0021-seals.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from app.documents import seals
from app.documents.seals import PORTAL, SealError, Trust
from app.jurisdictions.model import Pack

if TYPE_CHECKING:
    from app.documents.pades import Signer

B_B, B_T, B_LT = "B-B", "B-T", "B-LT"  # ETSI EN 319 142-1: signature; with a time stamp; and with all to check it


class StampAway(Exception):
    """The time-stamp authority does not answer, or not as it must. It may pass."""


@dataclass(frozen=True)
class Signed:
    """``by`` is the name in the certificate; ``at`` the time stamp's moment, the portal's own for B-B."""

    content: bytes
    level: str
    by: str
    at: datetime
    fingerprint: str


@dataclass(frozen=True)
class Settings:
    place: seals.Place
    pin: str
    tsa_url: str
    crl_url: str


_settings: Settings | None = None
_signer: "Signer | None" = None


def configure(seal: str, *, pin: str = "", tsa_url: str = "", crl_url: str = "") -> None:
    """Once, at start. ``seal`` empty: records are not signed. Raises SealError for a setting nobody can read."""
    global _settings, _signer
    _settings = Settings(seals.Place.read(seal), pin, tsa_url, crl_url) if seal else None
    _signer = None


def enabled() -> bool:
    return _settings is not None


def check(codes: Iterable[str]) -> None:
    """Raises SealError unless there is a seal, meant seriously, for each of ``codes`` and for the portal."""
    folder = _required().place.folder
    roots = [*seals.certificates(folder / "root.pem"), *seals.certificates(folder / "tsa-roots.pem")]
    for code in (*codes, PORTAL):
        seal = seals.load(folder, code)
        roots += [seal.certificate, *seal.chain]
    for certificate in roots:
        if seals.is_demonstration(certificate):
            raise SealError(f"KIBALI_SEAL has the demonstration certificate {seals.common_name(certificate)!r}.")


def seal_of(pack: Pack, issuer: str) -> str:
    """Whose seal a record of ``issuer``, a name in any language, bears: the agency's code, or the portal's own."""
    return next((agency.code for agency in pack.agencies if issuer in agency.names.values()), PORTAL)


def sign(pdf: bytes, *, seal: str, reason: str) -> Signed:
    """The PDF with a signature after it; what was there stays as it is, byte for byte.

    Raises StampAway, revocation.ListAway or seals.KeyAway (try again later), SealError (somebody must act).
    """
    global _signer
    settings = _required()
    if _signer is None:
        from app.documents.pades import Signer

        _signer = Signer(settings)
    return _signer.sign(pdf, seal, reason)


def trust() -> Trust:
    """The roots a checker needs. Empty where records are not signed; raises SealError when they cannot be read."""
    return seals.trust(_settings.place.folder) if _settings is not None else Trust((), ())


def _required() -> Settings:
    if _settings is None:
        raise SealError("KIBALI_SEAL is not set.")
    return _settings
