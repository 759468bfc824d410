"""Papers asked for, and the licence itself."""

from app.businesses import lookup as businesses
from app.cases import grounds, silence_words
from app.cases.registry import CaseContext, DocumentRequirement, JsonObject
from app.core.i18n import format_number, use_locale
from app.core.i18n import gettext as _
from app.documents import records
from app.documents.models import Record
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.permits.models import Permit
from app.permits.records import KIND
from app.reference import countries, hs, units
from app.services.export_licence import application

TEMPLATE = "export_licence/licence.html"


def required(pack: Pack, data: JsonObject) -> tuple[DocumentRequirement, ...]:
    kind = application.permit_kind(pack, data)
    return tuple(
        DocumentRequirement(rule.code, rule.name, rule.required, rule.hint_text, rule.legal_ref)
        for rule in (kind.documents if kind else ())
    )


def issue(context: CaseContext, permit: Permit, asked: application.Application) -> Record:
    pack = context.pack
    locale = pack.locale(pack.default_language)
    with use_locale(locale, pack.zone):
        business = businesses.get(context.session, permit.business_id)
        return records.request(
            context.session,
            kind=KIND,
            template=TEMPLATE,
            title=asked.kind.name,
            data={
                "number": permit.number,
                "holder": {"name": business.name, "number": business.number},
                "destination": countries.name(asked.destination),
                "description": asked.description,
                "consignee": asked.consignee,
                "lines": [
                    {
                        "hs": line.hs,
                        "goods": _goods(line.hs, line.description),
                        "quantity": format_number(line.quantity),
                        "unit": units.name(line.unit),
                        "value": str(asked.value) if asked.value else None,
                    }
                    for line in permit.lines
                ],
                "validity": {"from": asked.valid_from.isoformat(), "to": asked.valid_to.isoformat()},
                "conditions": [
                    *grounds.lines(context.conditions),
                    *(
                        [_("The quantity is counted down by each customs declaration that uses this licence.")]
                        if permit.lines
                        else []
                    ),
                ],
                "conditions_elsewhere": _translated(context),
                "reference": context.case.reference,
                "decided_by": silence_words.decided_by(context),
                "legal_ref": asked.kind.legal_ref,
                "pack_version": pack.version,
            },
            locale=locale,
            case_id=context.case.id,
            business_id=permit.business_id,
            subject=f"permit:{permit.id}",
            issuer=lookup.agency(pack, permit.agency).name,
            number=permit.number,
        )


def _translated(context: CaseContext) -> list[JsonObject]:
    """The officials' conditions in the other languages of the country; a heading in each says which text counts."""
    found: list[JsonObject] = []
    for language in context.pack.languages:
        if language == context.pack.default_language or not context.conditions:
            continue
        with use_locale(context.pack.locale(language), context.pack.zone):
            title = _("Conditions, translated: the text in the language of this document counts")
            found.append({"language": language, "title": title, "items": grounds.lines(context.conditions)})
    return found


def conditions(context: CaseContext) -> str:
    """What the permit says beside its paper: one a line, in the country's first language as the paper is."""
    with use_locale(context.pack.locale(context.pack.default_language), context.pack.zone):
        return "\n".join(grounds.lines(context.conditions))


def _goods(code: str, description: str) -> str:
    found = hs.find(code)
    return f"{description} ({found.name})" if found else description
