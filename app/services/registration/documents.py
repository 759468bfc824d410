"""Papers asked for, and the certificate of registration."""

from app.businesses.models import Business
from app.cases import silence_words
from app.cases.registry import CaseContext, DocumentRequirement, JsonObject
from app.core import clock
from app.core.i18n import format_date, use_locale
from app.core.i18n import gettext as _
from app.core.money import Money
from app.documents import records
from app.documents.models import Record
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.reference import isic
from app.services.registration import facts
from forms.fields import unit_name
from forms.registration import role_title

KIND = "registration_certificate"
TEMPLATE = "registration/certificate.html"


def required(pack: Pack, data: JsonObject) -> tuple[DocumentRequirement, ...]:
    """The papers of the legal form; "?" after a code in the pack makes one optional."""
    kind = facts.legal_form(pack, data)
    found = []
    for code in kind.documents if kind else ("identity",):
        rule = lookup.document(pack, code.rstrip("?"))
        found.append(DocumentRequirement(rule.code, rule.name, not code.endswith("?"), rule.hint_text, rule.legal_ref))
    return tuple(found)


def issue(context: CaseContext, business: Business) -> Record:
    """Ask for the certificate; its data is all it will ever say."""
    pack = context.pack
    locale = pack.locale(pack.default_language)
    with use_locale(locale, pack.zone):
        return records.request(
            context.session,
            kind=KIND,
            template=TEMPLATE,
            title=_("Certificate of registration"),
            data=_data(context, business),
            locale=locale,
            case_id=context.case.id,
            business_id=business.id,
            subject=f"business:{business.id}",
            issuer=lookup.agency(pack, pack.registration_agency).name,
            number=business.number,
        )


def _data(context: CaseContext, business: Business) -> JsonObject:
    pack = context.pack
    kind = lookup.entity_type(pack, business.entity_type)
    register_facts = facts.from_answers(pack, context.data)
    capital = register_facts.capital
    return {
        "number": business.number,
        "name": business.name,
        "trade_name": business.trade_name,
        "tax_number": business.tax_number,
        "entity_type": kind.name,
        "registered_on": format_date(clock.today(pack.zone)),
        "seat": f"{business.street}, {unit_name(pack, business.unit_code)}",
        "capital": str(Money(capital.minor, capital.currency)) if capital else None,
        "shares_issued": business.shares_issued,
        "activities": [f"{code} {_activity(code)}" for code in business.activities],
        "people": [
            {"name": person.name, "role": role_title(person.role), "shares": person.shares}
            for person in register_facts.people
        ],
        "reference": context.case.reference,
        "decided_by": silence_words.decided_by(context),
        "legal_ref": kind.legal_ref,
        "pack_version": pack.version,
    }


def _activity(code: str) -> str:
    found = isic.find(code)
    return str(found.name) if found else ""
