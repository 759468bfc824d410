"""What must hold when a declaration is lodged, and what the customs officer is shown."""

from app.businesses import lookup as businesses
from app.businesses.models import BusinessState
from app.cases.registry import CaseContext, Check, JsonObject
from app.core import clock
from app.core.errors import Problem
from app.core.i18n import Text, format_number
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.jurisdictions import lookup
from app.permits import lookup as permits
from app.permits.models import Permit, PermitLine
from app.permits.words import amount
from app.services.customs import declarations

LANES: dict[str, Text] = {
    "green": _l("Green lane: release at once"),
    "blue": _l("Blue lane: release, check afterwards"),
    "yellow": _l("Yellow lane: check the documents"),
    "red": _l("Red lane: inspect the goods"),
}


def rules(context: CaseContext) -> list[Problem]:
    """An active exporter, goods that may leave, and a licence for every item that needs one."""
    found: list[Problem] = []
    business_id = context.case.business_id
    if business_id is None or businesses.get(context.session, business_id).state != BusinessState.ACTIVE.value:
        return [Problem(_("Your business is not active, so it cannot declare goods."), None, "business")]
    destination = context.data["buyer"]["destination"]
    for number, item in enumerate(context.data["items"]["items"]):
        found += _item(context, business_id, destination, number, item)
    return found


def _item(context: CaseContext, business_id: int, destination: str, number: int, item: JsonObject) -> list[Problem]:
    pack, today = context.pack, clock.today(context.pack.zone)
    prefix = f"items.items-{number}"
    found = [
        Problem(_("%(rule)s (%(source)s)", rule=row.name, source=row.legal_ref), f"{prefix}-hs", row.effect)
        for row in lookup.controls_for(pack, item["hs"], destination, today)
        if row.effect in {"prohibited", "refer"}
    ]
    line = context.session.get(PermitLine, int(item["permit_line"])) if item.get("permit_line") else None
    permit = context.session.get(Permit, line.permit_id) if line else None
    if permit is not None and permit.business_id != business_id:
        found.append(Problem(_("This licence is not yours."), f"{prefix}-permit_line", "permit"))
        permit = None
    for kind in lookup.kinds_for(pack, item["hs"], destination, today):
        if not kind.required_for_export or (permit is not None and permit.kind == kind.code):
            continue
        held = permits.held(context.session, business_id, kind.code, item["hs"], destination, today)
        if kind.has_quantity or not held:
            message = (
                _("Choose the licence of this item: these goods need a %(kind)s.", kind=kind.name)
                if held
                else _("These goods need a %(kind)s, and you hold none that is valid.", kind=kind.name)
            )
            found.append(Problem(message, f"{prefix}-permit_line", "permit_needed"))
    return found


def checks(context: CaseContext) -> list[Check]:
    declaration = declarations.of_case(context.session, context.case.id)
    if declaration is None:
        return []
    rule = next((row.name for row in context.pack.lanes if row.code == declaration.lane_rule), "")
    found = [
        Check(LANES[declaration.lane], True if declaration.lane == "green" else None, rule, declaration.lane_rule),
    ]
    drawn_on = declarations.drawn_on(context.session, declaration.items)
    for item in declaration.items:
        value = Money(item.value_minor, item.currency)
        price = value.amount / item.net_mass
        detail = _(
            "%(price)s %(currency)s for one kilogram",
            price=format_number(round(price, 2)), currency=item.currency,
        )  # fmt: skip
        found.append(Check(_("Item %(number)s: the price is plausible", number=item.number), None, detail, "value"))
        if item.permit_line_id is not None:
            line, permit = drawn_on[item.permit_line_id]
            assert item.quantity is not None
            detail = _(
                "%(quantity)s of %(number)s; %(left)s left afterwards",
                quantity=amount(item.quantity, line.unit), number=permit.number,
                left=amount(line.available, line.unit),
            )  # fmt: skip
            found.append(Check(_("Item %(number)s: the licence covers it", number=item.number), True, detail, "permit"))
    return found
