"""Business registration as an e-service. Its table of contents."""

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from app.businesses import names, register
from app.cases.models import Case
from app.cases.registry import CaseContext, JsonObject, ServiceDefinition, Step, StepContext
from app.cases.routing import Traits
from app.cases.workflow import Action
from app.core import clock
from app.core.i18n import lazy_gettext as _l
from app.core.money import parse
from app.identity import memberships
from app.identity.actor import MembershipRole
from app.jurisdictions import lookup
from app.jurisdictions.model import FeeRule, Pack
from app.services.registration import correcting, documents, facts, tax_numbers
from app.services.registration import records as _records  # noqa: F401  # registers its kind
from app.services.registration.rules import checks, rules
from app.services.registration.workflow import WORKFLOW
from forms import registration as forms

CODE = "registration"


def _has_capital(context: StepContext) -> bool:
    kind = facts.legal_form(context.pack, dict(context.answers))
    return kind is not None and kind.has_shares


def _fee(pack: Pack, data: JsonObject) -> tuple[FeeRule, ...]:
    return lookup.fees_for(pack, CODE, None, clock.today(pack.zone))


def _legal_basis(pack: Pack, data: JsonObject) -> str:
    kind = facts.legal_form(pack, data)
    return kind.legal_ref if kind is not None else ""


def _facts(session: Session, pack: Pack, case: Case) -> dict[str, Any]:
    return {
        "today": clock.today(pack.zone),
        "similar": lambda name: names.similar(session, pack, name, case_id=case.id),
        "tax_number_used": lambda number: bool(tax_numbers.others(session, CODE, number, case_id=case.id)),
    }


def _title(pack: Pack, data: JsonObject) -> str:
    return facts.legal_name(pack, data)


def _likeness(pack: Pack, data: JsonObject) -> str:
    """The legal form and the ISIC division of the main activity."""
    return f"{data.get('legal_form', {}).get('entity_type', '')}:{(data.get('activity', {}).get('main') or '')[:2]}"


def _traits(pack: Pack, data: JsonObject, day: date) -> Traits:
    activity, capital = data.get("activity", {}), data.get("capital", {}).get("capital")
    return Traits(
        entity_type=data.get("legal_form", {}).get("entity_type"),
        isic=tuple(code for code in (activity.get("main"), activity.get("other")) if code),
        value_minor=parse(Decimal(str(capital)), pack.currency).minor if capital else None,
    )


def _approve(context: CaseContext) -> None:
    """Enter the business in the register, make the applicant its owner here, and issue the certificate."""
    if context.anew is not None and (entered := correcting.entered(context)) is not None:
        correcting.approve(context, entered)
        return
    business = register.create(
        context.session, context.pack, context.case, facts.from_answers(context.pack, context.data), actor=context.actor
    )
    memberships.add(context.session, context.case.applicant_id, business.id, MembershipRole.OWNER)
    context.case.business_id = business.id
    business.record_id = documents.issue(context, business).id


def _give_up_name(context: CaseContext) -> None:
    names.release(context.session, context.case.id)


def _refuse(context: CaseContext) -> None:
    _give_up_name(context)
    correcting.refuse(context)


REGISTRATION = ServiceDefinition(
    code=CODE,
    title=_l("Register a business"),
    noun=_l("Business registration"),
    introduction=_l(
        "Use this service to enter a new business in the national register. You receive a number and a certificate, "
        "and you can then apply for export permits."
    ),
    reference_prefix="BR",
    needs_business=False,
    agency=lambda pack, data: pack.registration_agency,
    agencies=lambda pack: (pack.registration_agency,),
    standard_days=lambda pack, data: lookup.standard_days(pack, CODE, clock.today(pack.zone)),
    standard_hours=lambda pack, data: lookup.standard_hours(pack, CODE, clock.today(pack.zone)),
    steps=(
        Step("legal_form", _l("Legal form"), forms.LegalFormForm),
        Step("name", _l("Name"), forms.NameForm, template="registration/name.html"),
        Step("activity", _l("Activity"), forms.ActivityForm),
        Step("address", _l("Address and contact"), forms.AddressForm),
        Step("capital", _l("Capital"), forms.CapitalForm, applies=_has_capital),
        Step("people", _l("Owners and managers"), forms.PeopleForm),
    ),
    documents=documents.required,
    workflow=WORKFLOW,
    fee=_fee,
    case_title=_title,
    rules=rules,
    checks=checks,
    effects={
        Action.APPROVE: _approve,
        Action.REFUSE: _refuse,
        Action.CORRECT: correcting.suspend,
        Action.WITHDRAW: _give_up_name,
    },
    facts=_facts,
    declaration=_l(
        "I declare that what I wrote is true and complete, and that I may register this business. "
        "I know that a false declaration is an offence."
    ),
    record_kinds=(documents.KIND,),
    prefill=lambda session, pack, case, arguments: {},
    likeness=_likeness,
    legal_basis=_legal_basis,
    traits=_traits,
)
