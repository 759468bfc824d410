"""Customs declaration for export as an e-service. Its table of contents."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.cases.models import Case
from app.cases.registry import CaseContext, Handling, JsonObject, ServiceDefinition, Step
from app.cases.routing import Traits
from app.cases.workflow import Action
from app.core import clock
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.jurisdictions import lookup
from app.jurisdictions.model import FeeRule, Pack
from app.reference import countries
from app.services.customs import declarations, documents, measures, patterns
from app.services.customs.rules import checks, rules
from app.services.customs.workflow import WORKFLOW
from forms import customs as forms

CODE = "customs"


def _fee(pack: Pack, data: JsonObject) -> tuple[FeeRule, ...]:
    return lookup.fees_for(pack, CODE, None, clock.today(pack.zone))


def _fee_base(pack: Pack, data: JsonObject) -> Money | None:
    return declarations.total(pack, data)


def _title(pack: Pack, data: JsonObject) -> str:
    items = data.get("items", {}).get("items", [])
    first = items[0].get("description") if items else ""
    destination = data.get("buyer", {}).get("destination")
    return " → ".join(part for part in (first, countries.name(destination) if destination else "") if part)


def _legal_basis(pack: Pack, data: JsonObject) -> str:
    """Of the procedure declared."""
    procedure = lookup.find(pack.procedures, data.get("exit", {}).get("procedure", ""), clock.today(pack.zone))
    return procedure.legal_ref if procedure is not None else ""


def _likeness(pack: Pack, data: JsonObject) -> str:
    """The procedure and the HS heading of the first item."""
    items = data.get("items", {}).get("items", [])
    heading = (items[0].get("hs") or "")[:4] if items else ""
    return f"{data.get('exit', {}).get('procedure', '')}:{heading}"


def _traits(pack: Pack, data: JsonObject, day: date) -> Traits:
    value = declarations.total(pack, data, day)
    return Traits(
        hs=tuple(dict.fromkeys(item["hs"] for item in data.get("items", {}).get("items", []) if item.get("hs"))),
        destination=data.get("buyer", {}).get("destination"),
        office=data.get("exit", {}).get("office"),
        value_minor=value.minor if value is not None else None,
    )


def _facts(session: Session, pack: Pack, case: Case) -> dict[str, Any]:
    lines = declarations.lines_of(session, case.business_id, case.id) if case.business_id else []
    return {"today": clock.today(pack.zone), "lines": lines}


def _prefill(session: Session, pack: Pack, case: Case, arguments: JsonObject) -> dict[str, JsonObject]:
    """From a permit or listing: the goods, the country and the licence line are known already."""
    item = {name: arguments[name] for name in ("hs", "description", "permit_line") if arguments.get(name)}
    buyer = {"destination": arguments["destination"]} if arguments.get("destination") else {}
    return {
        key: answers for key, answers in (("buyer", buyer), ("items", {"items": [item]} if item else {})) if answers
    }


def _lodge(context: CaseContext) -> None:
    declarations.lodge(context)


def _release(context: CaseContext) -> None:
    if context.anew is not None:
        declarations.reserve_again(context)  # the refusal gave it back
    declaration = declarations.use(context)
    declaration.record_id = documents.issue(context, declaration).id


CUSTOMS = ServiceDefinition(
    code=CODE,
    title=_l("Declare an export to customs"),
    noun=_l("Export declaration"),
    introduction=_l(
        "Use this service when goods are ready to leave the country. Each item that needs a licence is counted "
        "against it."
    ),
    reference_prefix="CD",
    needs_business=True,
    agency=lambda pack, data: pack.customs_agency,
    agencies=lambda pack: (pack.customs_agency,),
    standard_days=lambda pack, data: lookup.standard_days(pack, CODE, clock.today(pack.zone)),
    steps=(
        Step("exit", _l("Office and procedure"), forms.ExitForm),
        Step("buyer", _l("Buyer"), forms.BuyerForm),
        Step("transport", _l("Transport and delivery"), forms.TransportForm),
        Step("invoice", _l("Invoice"), forms.InvoiceForm),
        Step("items", _l("Goods"), forms.ItemsForm),
    ),
    documents=documents.required,
    workflow=WORKFLOW,
    fee=_fee,
    fee_base=_fee_base,
    case_title=_title,
    rules=rules,
    checks=checks,
    effects={
        Action.SUBMIT: _lodge,
        Action.APPROVE: _release,
        Action.REFUSE: declarations.give_back,
        Action.WITHDRAW: declarations.give_back,
        Action.CANCEL: declarations.give_back,
    },
    facts=_facts,
    handling=lambda pack, data: Handling(office=data.get("exit", {}).get("office")),
    declaration=_l(
        "I declare that the goods and values are as I wrote them. I know that a false declaration is an offence."
    ),
    record_kinds=(documents.KIND,),
    prefill=_prefill,
    likeness=_likeness,
    legal_basis=_legal_basis,
    traits=_traits,
    layers=measures.LAYERS,
    amounts=measures.AMOUNTS,
)

patterns.register()
