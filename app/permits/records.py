"""What the public page says about the paper of a permit: what it is worth now, and nothing about people."""

from sqlalchemy.orm import Session

from app.core import clock
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import records
from app.documents.models import Record
from app.documents.records import Standing, Verification
from app.documents.schema_models import Schema
from app.jurisdictions import load
from app.jurisdictions import lookup as rules
from app.permits import record_data, verification
from app.permits.holders import holder
from app.permits.models import STATE_TITLES, Permit, PermitState
from app.permits.words import amount, conditions
from app.reference import countries

KIND = "permit"

_STANDINGS: dict[PermitState, Standing] = {
    PermitState.ACTIVE: Standing.VALID,
    PermitState.USED_UP: Standing.EXPIRED,
    PermitState.EXPIRED: Standing.EXPIRED,
    PermitState.SUSPENDED: Standing.SUSPENDED,
    PermitState.REVOKED: Standing.REVOKED,
    PermitState.NOT_YET_VALID: Standing.NOT_YET,
}


def status(session: Session, record: Record) -> Verification:
    """Of the permit a record is about (``subject`` is ``permit:<id>``)."""
    kind, _colon, key = record.subject.partition(":")
    permit = session.get(Permit, int(key)) if kind == KIND and key.isdigit() else None
    return verify(session, permit) if permit is not None else records.UNKNOWN


def verify(session: Session, permit: Permit) -> Verification:
    """What anyone may know about the permit now."""
    pack = load.current()
    state = verification.state(permit, clock.now())
    facts = [
        (_("Permit"), permit.number),
        (_("Status"), str(STATE_TITLES[state])),
        (_("Holder"), holder(session, permit.business_id).name),
    ]
    facts += [(_("Goods"), _goods(line.description, line.hs)) for line in permit.lines]
    facts += [(_("Quantity allowed"), amount(line.quantity, line.unit)) for line in permit.lines]
    facts.append((_("Destination"), countries.name(permit.destination) if permit.destination else _("Every country")))
    facts += [(_("Condition"), condition) for condition in conditions(permit)]
    return Verification(
        state=_STANDINGS[state],
        title=rules.permit_kind(pack, permit.kind).name,
        issuer=rules.agency(pack, permit.agency).name,
        valid_from=permit.valid_from,
        valid_to=permit.valid_to,
        facts=tuple(facts),
    )


def _goods(description: str, hs: str) -> str:
    return _("%(description)s (HS %(code)s)", description=description, code=hs)


records.register_kind(KIND, _l("Permit"), status, schema=Schema(record_data.Permit, 1))
