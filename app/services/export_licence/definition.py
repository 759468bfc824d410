"""Export licence as an e-service. Its table of contents."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from app.cases.models import Case
from app.cases.registry import CaseContext, Handling, JsonObject, ServiceDefinition, Step, StepContext
from app.cases.routing import Traits
from app.cases.workflow import Action
from app.core import clock
from app.core.errors import NotAllowed
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.jurisdictions import lookup
from app.jurisdictions.model import FeeRule, Pack
from app.permits import lifecycle
from app.reference import hs
from app.services.export_licence import application, correcting, documents, measures
from app.services.export_licence.rules import checks, rules
from app.services.export_licence.workflow import WORKFLOW
from app.statistics import patterns
from forms import export_licence as forms

CODE = "export_licence"


def _has_quantity(context: StepContext) -> bool:
    kind = application.permit_kind(context.pack, dict(context.answers))
    return kind is not None and kind.has_quantity and context.answers.get("product", {}).get("what") == forms.GOODS


def _agency(pack: Pack, data: JsonObject) -> str:
    kind = application.permit_kind(pack, data)
    assert kind is not None
    return kind.agency


def _legal_basis(pack: Pack, data: JsonObject) -> str:
    kind = application.permit_kind(pack, data)
    return kind.legal_ref if kind is not None else ""


def _agencies(pack: Pack) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kind.agency for kind in pack.permit_kinds if kind.service == CODE))


def _standard_days(pack: Pack, data: JsonObject) -> int:
    kind = application.permit_kind(pack, data)
    return kind.standard_days if kind else lookup.standard_days(pack, CODE, clock.today(pack.zone))


def _fee(pack: Pack, data: JsonObject) -> tuple[FeeRule, ...]:
    kind = application.permit_kind(pack, data)
    return lookup.fees_for(pack, CODE, kind.code, clock.today(pack.zone)) if kind else ()


def _fee_base(pack: Pack, data: JsonObject) -> Money | None:
    return application.national_value(pack, data, clock.today(pack.zone))


def _title(pack: Pack, data: JsonObject) -> str:
    kind = application.permit_kind(pack, data)
    product = data.get("product", {})
    what = product.get("description") or ""
    if not what and product.get("hs"):
        found = hs.find(product["hs"])
        what = found.name if found else ""
    return " – ".join(part for part in (kind.name if kind else "", what) if part)


def _likeness(pack: Pack, data: JsonObject) -> str:
    """The kind of licence and the HS heading."""
    return f"{data.get('kind', {}).get('permit_kind', '')}:{(data.get('product', {}).get('hs') or '')[:4]}"


def _traits(pack: Pack, data: JsonObject, day: date) -> Traits:
    product, value = data.get("product", {}), application.national_value(pack, data, day)
    return Traits(
        permit_kind=data.get("kind", {}).get("permit_kind"),
        hs=(product["hs"],) if product.get("hs") else (),
        destination=product.get("destination"),
        route=product.get("route"),
        value_minor=value.minor if value is not None else None,
    )


def _facts(session: Session, pack: Pack, case: Case) -> dict[str, Any]:
    return {"today": clock.today(pack.zone)}


def _prefill(session: Session, pack: Pack, case: Case, arguments: JsonObject) -> dict[str, JsonObject]:
    """From the readiness page: the product, country, route, kind and quantity are known already."""
    product = {name: arguments[name] for name in ("hs", "description", "destination", "route") if arguments.get(name)}
    if product:
        product["what"] = forms.GOODS if product.get("hs") else forms.SERVICE
    amounts = {name: arguments[name] for name in ("quantity", "unit", "value", "currency") if arguments.get(name)}
    kind = {"permit_kind": arguments["kind"]} if arguments.get("kind") else {}
    return {key: answers for key, answers in (("product", product), ("kind", kind), ("quantity", amounts)) if answers}


def _approve(context: CaseContext) -> None:
    """Issue the permit with its line, and the licence on paper; never one that is over before it begins."""
    asked = application.from_answers(context.pack, context.data)
    assert context.case.business_id is not None
    before = correcting.permits(context) if context.anew is not None else []
    if before and correcting.stands(context, before[-1]):
        correcting.resume(context, before[-1])
        return
    if asked.valid_to < clock.today(context.pack.zone):
        raise NotAllowed(
            _("The validity asked for is over. Send the case back, so that the applicant is asked for other days."),
            code="validity_over",
        )
    if before:
        correcting.end(context, before[-1])  # first: from here on nothing more leaves on it
    lines = []
    if asked.hs and asked.quantity is not None and asked.unit and asked.value:
        whole = lifecycle.LineSpec(asked.hs, asked.description, asked.quantity, asked.unit, asked.value)
        lines = [correcting.without_used(before, whole)]
    permit = lifecycle.issue(
        context.session,
        kind=asked.kind.code,
        agency=asked.kind.agency,
        business_id=context.case.business_id,
        case_id=context.case.id,
        valid_from=asked.valid_from,
        valid_to=asked.valid_to,
        lines=lines,
        destination=asked.destination,
        conditions=documents.conditions(context),
        said_conditions=list(context.conditions),
        replaces_id=before[-1].id if before else None,
        actor=context.actor,
    )
    permit.record_id = documents.issue(context, permit, asked).id


EXPORT_LICENCE = ServiceDefinition(
    code=CODE,
    title=_l("Apply for an export licence"),
    noun=_l("Export licence"),
    introduction=_l(
        "Use this service to ask for a licence, certificate or permit that your product needs before it may be sold "
        "or sent abroad."
    ),
    reference_prefix="EL",
    needs_business=True,
    agency=_agency,
    agencies=_agencies,
    standard_days=_standard_days,
    steps=(
        Step("product", _l("Product and country"), forms.ProductForm),
        Step("kind", _l("Kind of licence"), forms.KindForm),
        Step("quantity", _l("Quantity and value"), forms.QuantityForm, applies=_has_quantity),
        Step("validity", _l("Validity and buyer"), forms.ValidityForm),
    ),
    documents=documents.required,
    workflow=WORKFLOW,
    fee=_fee,
    fee_base=_fee_base,
    case_title=_title,
    rules=rules,
    checks=checks,
    effects={Action.APPROVE: _approve, Action.REFUSE: correcting.refuse, Action.CORRECT: correcting.suspend},
    facts=_facts,
    handling=lambda pack, data: Handling(permit_kind=data.get("kind", {}).get("permit_kind")),
    declaration=_l(
        "I declare that what I wrote is true and complete, and that the goods are mine to sell. "
        "I know that a false declaration is an offence."
    ),
    record_kinds=("permit",),
    prefill=_prefill,
    likeness=_likeness,
    legal_basis=_legal_basis,
    traits=_traits,
    layers=measures.LAYERS,
    amounts=measures.AMOUNTS,
)

patterns.alike(CODE, ("kind", "permit_kind"), ("product", "hs"))
