"""What must hold at submission, and what the licensing clerk is shown."""

from app.businesses import lookup as businesses
from app.businesses.models import BusinessState
from app.cases.registry import CaseContext, Check
from app.core import clock
from app.core.errors import Problem
from app.core.i18n import format_date, format_number
from app.core.i18n import gettext as _
from app.jurisdictions import lookup
from app.permits import lookup as permits
from app.permits.words import amount
from app.reference import units
from app.services.export_licence import application


def rules(context: CaseContext) -> list[Problem]:
    """An active business, goods that may leave, and a kind that covers them."""
    today = clock.today(context.pack.zone)
    asked = application.from_answers(context.pack, context.data)
    found: list[Problem] = []
    if context.case.business_id is None or not _active(context):
        found.append(Problem(_("Your business is not active, so it cannot receive a licence."), None, "business"))
    for control in lookup.controls_for(context.pack, asked.hs or "", asked.destination, today) if asked.hs else ():
        if control.effect in {"prohibited", "refer"}:
            message = _("%(rule)s (%(source)s)", rule=control.name, source=control.legal_ref)
            found.append(Problem(message, "product.hs", control.effect))
    offered = {kind.code for kind in lookup.kinds_for(context.pack, asked.hs or "", asked.destination, today)}
    if asked.kind.code not in offered:
        message = _("This licence does not fit the product and country any more. Choose again.")
        found.append(Problem(message, "kind.permit_kind", "kind"))
    if asked.valid_to < today:
        found.append(Problem(_("The validity you ask for is over. Choose other days."), "validity.valid_to", "past"))
    return found


def _active(context: CaseContext) -> bool:
    assert context.case.business_id is not None
    return businesses.get(context.session, context.case.business_id).state == BusinessState.ACTIVE.value


def checks(context: CaseContext) -> list[Check]:
    pack, today = context.pack, clock.today(context.pack.zone)
    asked = application.from_answers(pack, context.data)
    business_id = context.case.business_id
    assert business_id is not None
    controls = lookup.controls_for(pack, asked.hs, asked.destination, today) if asked.hs else ()
    restricted = [control for control in controls if control.effect == "restricted"]
    forbidden = [control for control in controls if control.effect != "restricted"]
    held = [
        permit
        for permit in permits.held(
            context.session, business_id, asked.kind.code, asked.hs or "", asked.destination, today
        )
        if permit.case_id != context.case.id
    ]
    left = [f"{permit.number}: {amount(line.available, line.unit)}" for permit in held for line in permit.lines]
    found = [
        Check(_("The business is active in the register"), _active(context), "", "business.active"),
        Check(
            _("The goods may be exported"),
            not forbidden,
            "; ".join(f"{control.name} ({control.legal_ref})" for control in forbidden),
            "control.prohibited",
        ),
    ]
    if restricted:
        detail = "; ".join(f"{control.name} ({control.legal_ref})" for control in restricted)
        found.append(Check(_("Restricted goods: look at the conditions"), None, detail, "control.restricted"))
    found.append(
        Check(
            _("No other licence of this kind is in force"),
            None if held else True,
            "; ".join(left) or ", ".join(permit.number for permit in held),
            "permit.duplicate",
        )
    )
    found.append(
        Check(
            _("The validity asked for is not over"),
            asked.valid_to >= today,
            _("Until %(day)s.", day=format_date(asked.valid_to)),
            "validity",
        )
    )
    if asked.quantity and asked.unit and asked.value:
        price = asked.value.amount / asked.quantity
        unit = units.find(asked.unit)
        detail = _(
            "%(price)s %(currency)s for one %(unit)s",
            price=format_number(round(price, 2)), currency=asked.value.currency,
            unit=unit.symbol if unit else asked.unit,
        )  # fmt: skip
        found.append(Check(_("The unit price is plausible"), None, detail, "value.unit_price"))
    return found
