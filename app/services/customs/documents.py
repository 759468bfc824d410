"""Papers asked for with a declaration, and the released declaration on paper."""

from datetime import date

from sqlalchemy.orm import Session

from app.businesses import lookup as businesses
from app.cases import silence_words
from app.cases.models import Case
from app.cases.registry import CaseContext, DocumentRequirement, JsonObject
from app.cases.workflow import State
from app.core import clock
from app.core.i18n import format_date, format_number, use_locale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.documents import records
from app.documents.models import Record
from app.documents.records import Standing, Verification
from app.documents.schema_models import Schema
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.permits.models import Permit, PermitLine
from app.permits.words import amount
from app.reference import countries, incoterms, packages, transport
from app.services.customs import declarations
from app.services.customs.models import Declaration, DeclarationItem
from app.services.customs.record_data import ExportDeclaration

KIND = "export_declaration"
TEMPLATE = "customs/declaration.html"


def required(pack: Pack, data: JsonObject) -> tuple[DocumentRequirement, ...]:
    """Invoice and packing list (EDIFACT 1001: 380, 271), and the transport document where there is one."""
    return (
        DocumentRequirement("invoice", _l("Commercial invoice"), True, _l("As sent to the buyer.")),
        DocumentRequirement("packing_list", _l("Packing list"), True),
        DocumentRequirement("transport_document", _l("Air waybill, bill of lading or consignment note"), False),
    )


def issue(context: CaseContext, declaration: Declaration) -> Record:
    pack, data = context.pack, context.data
    locale = pack.locale(pack.default_language)
    with use_locale(locale, pack.zone):
        exporter = businesses.get(context.session, declaration.business_id)
        drawn_on = declarations.drawn_on(context.session, declaration.items)
        return records.request(
            context.session,
            kind=KIND,
            template=TEMPLATE,
            title=_("Export declaration"),
            data={
                "number": declaration.number,
                "exporter": {"name": exporter.name, "number": exporter.number},
                "consignee": data["buyer"]["consignee"],
                "consignee_address": data["buyer"]["address"],
                "destination": countries.name(declaration.destination),
                "office": lookup.office(pack, data["exit"]["office"]).name,
                "exit_office": lookup.office(pack, data["exit"]["exit_office"]).name,
                "procedure": f"{declaration.procedure_code} {lookup.procedure(pack, declaration.procedure_code).name}",
                "transport": " ".join(
                    part
                    for part in (transport.name(data["transport"]["mode"]), data["transport"].get("identity"))
                    if part
                ),
                "delivery_terms": _delivery_terms(data["transport"]),
                "invoice": _(
                    "%(number)s of %(date)s", number=data["invoice"]["number"], date=_day(data["invoice"]["date"])
                ),
                "items": [_item(item, drawn_on) for item in declaration.items],
                "value": str(Money(declaration.value_minor, declaration.currency)),
                "released_on": format_date(clock.today(pack.zone)),
                "lane": declaration.lane,
                "reference": context.case.reference,
                "decided_by": silence_words.decided_by(context),
                "pack_version": pack.version,
            },
            locale=locale,
            case_id=context.case.id,
            business_id=declaration.business_id,
            subject=f"case:{context.case.id}",
            issuer=lookup.agency(pack, pack.customs_agency).name,
            number=declaration.number,
        )


def _delivery_terms(answers: JsonObject) -> str:
    """As contracts write them (SAD box 20): "FCA Kigali (Free carrier)"."""
    return f"{answers['incoterm']} {answers['place']} ({incoterms.name(answers['incoterm'])})"


def _day(text: str) -> str:
    return format_date(date.fromisoformat(text))


def _item(item: DeclarationItem, drawn_on: dict[int, tuple[PermitLine, Permit]]) -> JsonObject:
    line, permit = drawn_on[item.permit_line_id] if item.permit_line_id is not None else (None, None)
    return {
        "number": item.number,
        "hs": item.hs,
        "description": item.description,
        "packages": f"{format_number(item.packages)} {packages.name(item.package_kind)}",
        "gross_mass": format_number(item.gross_mass),
        "net_mass": format_number(item.net_mass),
        "value": str(Money(item.value_minor, item.currency)),
        "licence": permit.number if permit else None,
        "drawn": amount(item.quantity, line.unit) if line and item.quantity is not None else None,
    }


def status(session: Session, record: Record) -> Verification:
    """Of the declaration a record is about (``subject`` is ``case:<id>``)."""
    _kind, _colon, key = record.subject.partition(":")
    case = session.get(Case, int(key)) if key.isdigit() else None
    if case is None:
        return records.UNKNOWN
    valid = State(case.state) is State.APPROVED
    return Verification(
        state=Standing.VALID if valid else Standing.REVOKED,
        title=record.title,
        issuer=record.issuer,
        valid_from=case.decided_at,
        facts=((_("Declaration"), record.number), (_("Exporter"), record.data["exporter"]["name"])),
    )


records.register_kind(KIND, _l("Export declaration"), status, schema=Schema(ExportDeclaration, 1))
