"""Making a certified copy: the original is read again and checked, then the copy is a record like any other."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries, verifier
from app.cases import copies, numbering
from app.cases.copies_models import KIND, CertifiedCopy, CopyState
from app.cases.record_data import CertifiedCopy as CopyData
from app.core import clock, i18n
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import pdf, records, seals, signing, store
from app.documents.models import Record
from app.documents.records import Original, Standing, Verification
from app.documents.schema_models import Schema
from app.fees import charges, receipts
from app.fees.models import Charge
from app.identity import people
from app.identity.actor import SYSTEM
from app.jobs import queue
from app.jurisdictions import load
from app.jurisdictions.model import Pack

TEMPLATE = "cases/certified_copy.html"
SERIES = "CC"
# On the paper and in the public answer.
STANDINGS = {
    Standing.VALID: _l("Valid"),
    Standing.SUSPENDED: _l("Suspended"),
    Standing.REVOKED: _l("Revoked"),
    Standing.EXPIRED: _l("Expired"),
    Standing.NOT_YET: _l("Not yet in force"),
    Standing.UNKNOWN: _l("Unknown"),
}


class Broken(Exception):
    """The original's bytes are gone, or no longer those that were issued and signed; the message says which."""


def check(record: Record) -> bytes:
    """The original's bytes: with the hash in its row and, where it was signed, with a signature that still holds.

    Raises Broken, and NotReady while the original itself is being prepared.
    """
    try:
        content = records.open_bytes(record)
    except (store.Damaged, records.Gone) as error:
        raise Broken(f"its file is gone or changed: {type(error).__name__}") from error
    if record.signature_level is None:
        return content
    trust = signing.trust()
    keys = verifier.Keys({"log": [], "issuers": list(trust.issuers), "tsa": list(trust.tsa)})
    if record.signature_level != signing.B_LT:
        keys.tsa = []
    try:
        found = verifier.check_pdf(content, keys, record.issued_at)
    except verifier.Wrong as error:
        raise Broken(f"its signature does not hold: {error}") from error
    if seals.fingerprint(found.signer) != record.certificate_fingerprint:
        raise Broken("it is signed with another certificate than it was issued with")
    return content


def give_up(session: Session, failed: queue.Failed, *, copy_id: int) -> None:
    """Nobody certifies what is not the original: the request is refused, and what was paid for it is owed back.

    After any other failure it still waits: whoever sees it among the failures can have it tried again.
    """
    copy = copies.by_id(session, copy_id)
    if not failed.final or failed.error.split(maxsplit=1)[0] != Broken.__name__ or copy.state != CopyState.PREPARING:
        return
    copy.state, copy.finished_at, copy.refusal = CopyState.REFUSED.value, clock.now(), failed.error
    record = session.get_one(Record, copy.original_id)
    charge = session.get(Charge, copy.charge_id) if copy.charge_id is not None else None
    owed = charge is not None and charges.owe_back(session, charge)
    entries.record(
        session, SYSTEM, copies.REFUSED, subject=f"record:{record.id}", reference=record.number or record.code,
        case_id=record.case_id, business_id=record.business_id,
        detail={"copy": copy.id, "error": failed.error, "owed_back": charge.reference if owed and charge else None},
    )  # fmt: skip
    _tell(session, copy, record, "copy_refused", amount=charge.total if owed and charge is not None else None)


@queue.task(copies.MAKE, queue="papers", retry=queue.Retry(attempts=4, first=20), on_failure=give_up)
def make(session: Session, *, copy_id: int) -> None:
    copy = copies.by_id(session, copy_id)
    if copy.state != CopyState.PREPARING:
        return
    original = session.get_one(Record, copy.original_id)
    check(original)
    pack = load.current()
    with i18n.use_locale(copy.locale, pack.zone):
        record = _issue(session, pack, copy, original)
    copy.number, copy.original_sha256, copy.record_id = record.number, original.sha256, record.id
    copy.state, copy.finished_at = CopyState.MADE.value, clock.now()
    entries.record(
        session, SYSTEM, copies.MADE, subject=f"record:{record.id}", reference=record.number,
        case_id=original.case_id, business_id=original.business_id,
        detail={"original": original.number or original.code, "original_sha256": original.sha256,
                "purpose": copy.purpose, "official": copy.official},
    )  # fmt: skip


def _issue(session: Session, pack: Pack, copy: CertifiedCopy, original: Record) -> Record:
    year = clock.today(pack.zone).year
    prefix = f"{SERIES}-{original.seal}"
    number = numbering.reference(prefix, year, numbering.next_number(session, f"copy:{prefix}", year))
    return records.request(
        session,
        kind=KIND,
        template=TEMPLATE,
        title=_("Certified copy"),
        data=_data(session, copy, original, number),
        locale=copy.locale,
        # Of what officials asked for the holder learns nothing.
        case_id=None if copy.official else original.case_id,
        business_id=None if copy.official else original.business_id,
        subject=f"record:{original.id}",
        issuer=copies.issuer(pack, original),
        number=number,
    )


def _data(session: Session, copy: CertifiedCopy, original: Record, number: str) -> dict[str, Any]:
    """All the copy says, in the language in force."""
    standing = records.standing(session, original)
    charge = session.get(Charge, copy.charge_id) if copy.charge_id is not None else None
    receipt = receipts.for_charge(session, charge.id) if charge is not None else None
    return {
        "number": number,
        "purpose": copy.purpose_name,
        "purpose_code": copy.purpose,
        "official": copy.official,
        "asked_by": people.names(session, [copy.requested_by])[copy.requested_by],
        "asked_at": copy.requested_at.isoformat(timespec="seconds"),
        "certified_at": clock.now().isoformat(timespec="seconds"),
        "fee": str(charge.total) if charge is not None else None,
        "receipt": receipt.reference if receipt is not None else None,
        "legal_ref": "; ".join(dict.fromkeys(line.legal_ref for line in charge.lines)) if charge is not None else None,
        "pack_version": load.current().version,
        "original": {
            "kind": original.kind,
            "kind_title": str(records.kind_title(original.kind)),
            "title": original.title,
            "number": original.number,
            "code": original.code,
            "verify": f"{pdf.settings().base_url}/verify/{original.code}",
            "issuer": original.issuer,
            "issued_at": original.issued_at.isoformat(timespec="seconds"),
            "locale": original.locale,
            "sha256": original.sha256,
            "size": original.size,
            "file": _file(original),
            "signed_by": original.signed_by,
            "signed_at": original.signed_at.isoformat(timespec="seconds") if original.signed_at else None,
        },
        "standing": {
            "state": standing.state.value,
            "title": str(STANDINGS[standing.state]),
            "correction": standing.correction.text if standing.correction is not None else None,
            "in_its_place": (standing.correction.number or None) if standing.correction is not None else None,
            "valid_from": standing.valid_from.isoformat() if standing.valid_from else None,
            "valid_to": standing.valid_to.isoformat() if standing.valid_to else None,
        },
    }


def _file(original: Record) -> str:
    plain = "".join(sign if sign.isalnum() or sign in "-_." else "-" for sign in original.number)
    return f"{plain or original.code}.pdf"


def enclosed(session: Session, record: Record) -> Original:
    """What goes into the copy when its PDF is made, checked once more. Raises Broken, NotReady."""
    copy = session.scalars(select(CertifiedCopy).where(CertifiedCopy.record_id == record.id)).one()
    original = session.get_one(Record, copy.original_id)
    content = check(original)
    about = next((each for each in verifier.embedded_json(content) if each.get("code") == original.code), None)
    return Original(
        content=content,
        name=_file(original),
        title=f"{original.title} {original.number}".strip(),
        issued_at=original.issued_at,
        template=original.template,
        document=about,
    )


def ready(session: Session, record: Record) -> None:
    copy = session.scalars(select(CertifiedCopy).where(CertifiedCopy.record_id == record.id)).one()
    original = session.get_one(Record, copy.original_id)
    _tell(session, copy, original, "copy_ready", made=copy.number, path=f"/records/{record.code}")


def _tell(session: Session, copy: CertifiedCopy, original: Record, template: str, **values: Any) -> None:
    about = {"title": original.title, "number": original.number, "path": f"/records/{original.code}/copies"}
    notifications.send(
        session,
        user_id=copy.requested_by,
        template=template,
        values=about | values,
        case_id=None if copy.official else original.case_id,
    )


def status(session: Session, record: Record) -> Verification:
    """A copy is worth what its original is worth now, and says which that is and whether it was corrected."""
    copy = session.scalars(select(CertifiedCopy).where(CertifiedCopy.record_id == record.id)).one_or_none()
    original = session.get(Record, copy.original_id) if copy is not None else None
    if copy is None or original is None:
        return records.UNKNOWN
    now = records.standing(session, original)
    kind = str(records.kind_title(original.kind))
    return Verification(
        state=now.state,
        title=_("Certified copy of a document: %(kind)s", kind=kind),
        issuer=record.issuer,
        valid_from=now.valid_from,
        valid_to=now.valid_to,
        correction=now.correction,
        facts=(
            (_("This is"), _("A certified copy, not the original")),
            (_("Number of the copy"), record.number),
            (_("Certified on"), i18n.format_date(record.issued_at.astimezone(i18n.zone()).date())),
            (_("Number of the original"), original.number or original.code),
            (_("The original now"), str(STANDINGS[now.state])),
            (_("The original when the copy was made"), str(STANDINGS[Standing(record.data["standing"]["state"])])),
            (_("SHA-256 of the original"), original.sha256 or ""),
        ),
    )


records.register_kind(KIND, _l("Certified copy"), status, original=enclosed, made=ready, schema=Schema(CopyData, 1))
