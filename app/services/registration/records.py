"""What the public page says about a certificate of registration."""

from sqlalchemy.orm import Session

from app.businesses.models import Business, BusinessState
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import records
from app.documents.models import Record
from app.documents.records import Standing, Verification
from app.documents.schema_models import Schema
from app.jurisdictions import load, lookup
from app.services.registration.documents import KIND
from app.services.registration.record_data import Registration

_STANDINGS = {BusinessState.ACTIVE: Standing.VALID, BusinessState.SUSPENDED: Standing.SUSPENDED}


def status(session: Session, record: Record) -> Verification:
    """Of the business a certificate is about (``subject`` is ``business:<id>``); people are never named."""
    _kind, _colon, key = record.subject.partition(":")
    business = session.get(Business, int(key)) if key.isdigit() else None
    if business is None:
        return records.UNKNOWN
    pack = load.current()
    return Verification(
        state=_STANDINGS.get(BusinessState(business.state), Standing.REVOKED),
        title=record.title,
        issuer=record.issuer,
        valid_from=business.registered_at,
        facts=(
            (_("Business"), business.name),
            (_("Registration number"), business.number),
            (_("Legal form"), lookup.entity_type(pack, business.entity_type).name),
        ),
    )


records.register_kind(KIND, _l("Certificate of registration"), status, schema=Schema(Registration, 1))
