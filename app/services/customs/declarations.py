"""From a submission to the declaration's rows, and the licences it draws on: reserved, used, given back."""

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, joinedload

from app.cases import numbering
from app.cases.models import Case
from app.cases.registry import CaseContext, JsonObject
from app.core import clock, money
from app.core.money import Money
from app.identity import keys
from app.jurisdictions import lookup
from app.jurisdictions.model import LaneRule, Pack
from app.permits import allocations
from app.permits.lookup import LicensableLine
from app.permits.models import Permit, PermitLine, PermitState
from app.services.customs.models import Declaration, DeclarationItem
from forms.customs import by_mass, drawn


def of_case(session: Session, case_id: int) -> Declaration | None:
    wanted = select(Declaration).where(Declaration.case_id == case_id).options(joinedload(Declaration.items))
    return session.scalars(wanted).unique().one_or_none()


def lines_of(session: Session, business_id: int, case_id: int) -> list[LicensableLine]:
    """Lines of the business's active permits, and those this case draws on whatever became of them since.

    What the case itself has reserved counts as still available to it.
    """
    own = (
        select(DeclarationItem.permit_line_id, func.sum(DeclarationItem.quantity).label("quantity"))
        .join(Declaration)
        .where(Declaration.case_id == case_id)
        .group_by(DeclarationItem.permit_line_id)
        .subquery()
    )
    rows = session.execute(
        select(PermitLine, Permit, func.coalesce(own.c.quantity, 0))
        .join(Permit, Permit.id == PermitLine.permit_id)
        .outerjoin(own, own.c.permit_line_id == PermitLine.id)
        .where(
            Permit.business_id == business_id,
            or_(Permit.state == PermitState.ACTIVE.value, own.c.permit_line_id.is_not(None)),
        )
        .order_by(Permit.valid_to, PermitLine.id)
    )
    return [
        LicensableLine(
            line_id=line.id,
            permit_id=permit.id,
            permit_number=permit.number,
            kind=permit.kind,
            hs=line.hs,
            description=line.description,
            available=line.available + reserved,
            unit=line.unit,
            valid_to=permit.valid_to,
            destination=permit.destination,
        )
        for line, permit, reserved in rows
    ]


def national(pack: Pack, amount: Decimal, currency: str, day: date | None = None) -> Money:
    """In the national currency at the pack's rate of that day (today), rounded half to even."""
    rate = lookup.rate(pack, currency, day or clock.today(pack.zone))
    minor = (amount * rate).scaleb(money.exponent(pack.currency))
    return Money(int(minor.quantize(Decimal(1), ROUND_HALF_EVEN)), pack.currency)


def total(pack: Pack, data: JsonObject, day: date | None = None) -> Money | None:
    """The statistical value of all items (SAD box 46), at the rate of that day (today)."""
    items, currency = data.get("items", {}).get("items", []), data.get("invoice", {}).get("currency")
    if not items or not currency:
        return None
    return national(pack, sum((Decimal(str(item["value"])) for item in items), Decimal(0)), currency, day)


def lane(pack: Pack, reference: str, codes: list[str], value: Money) -> tuple[str, str]:
    """The lane and the rule that chose it: the first rule that matches.

    Random shares are drawn by the reference and the portal's secret: the same at each submission, and nobody outside
    can find out beforehand which reference is inspected.
    """
    for rule in lookup.in_force(pack.lanes, clock.today(pack.zone)):
        if _matches(rule, reference, codes, value):
            return rule.lane, rule.code
    return "green", "none"


def _matches(rule: LaneRule, reference: str, codes: list[str], value: Money) -> bool:
    if rule.hs and not any(lookup.covers(rule.hs, code) for code in codes):
        return False
    if rule.min_value_minor is not None and value.minor < rule.min_value_minor:
        return False
    return int(keys.keyed_digest("customs lane", f"{reference}:{rule.code}")[:8], 16) % 100 < rule.share


def item_key(case: Case, number: int) -> str:
    """How allocations name a declaration item."""
    return f"{case.reference}/{number}"


def lodge(context: CaseContext) -> Declaration:
    """Write the declaration of this submission and reserve what it draws; an earlier version's reservations go back.

    Raises Invalid at the item's field when a licence has less than is asked, with the balance shown.
    """
    session, pack, case, data = context.session, context.pack, context.case, context.data
    declaration = of_case(session, case.id)
    value = total(pack, data)
    assert value is not None and case.business_id is not None  # a submission is complete
    items = _items(session, data)
    _lock(session, [*(declaration.items if declaration else ()), *items])
    if declaration is not None:
        give_back(context)
    colour, rule = lane(pack, case.reference, [item.hs for item in items], value)
    if declaration is None:
        now = clock.now()
        office = data["exit"]["office"]
        year = now.astimezone(pack.zone).year
        number = numbering.next_number(session, f"declaration:{office}", year)
        declaration = Declaration(
            case_id=case.id, business_id=case.business_id, lodged_at=now, number=f"{year} {office} E {number}"
        )
        session.add(declaration)
    declaration.office = data["exit"]["office"]
    declaration.procedure_code = data["exit"]["procedure"]
    declaration.destination = data["buyer"]["destination"]
    declaration.lane, declaration.lane_rule = colour, rule
    declaration.value_minor, declaration.currency = value.minor, value.currency
    case.search = f"{case.search} {declaration.number}".upper()  # officials look for it by this number too
    declaration.items.clear()
    session.flush()  # the old items go before the new ones take their numbers
    declaration.items.extend(items)
    session.flush()
    _reserve(context, declaration)
    return declaration


def _items(session: Session, data: JsonObject) -> list[DeclarationItem]:
    currency = data["invoice"]["currency"]
    found = []
    for number, answers in enumerate(data["items"]["items"], start=1):
        net = Decimal(str(answers["net_mass"]))
        line = session.get(PermitLine, int(answers["permit_line"])) if answers.get("permit_line") else None
        supplementary = Decimal(str(answers["quantity"])) if answers.get("quantity") else None
        value = money.parse(Decimal(str(answers["value"])), currency)
        found.append(
            DeclarationItem(
                number=number,
                hs=answers["hs"],
                description=answers["description"],
                packages=int(answers["packages"]),
                package_kind=answers["package_kind"],
                gross_mass=Decimal(str(answers["gross_mass"])),
                net_mass=net,
                value_minor=value.minor,
                currency=value.currency,
                permit_line_id=line.id if line else None,
                quantity=drawn(line.unit, net, supplementary, answers.get("unit")) if line else None,
            )
        )
    return found


def drawn_on(session: Session, items: Iterable[DeclarationItem]) -> dict[int, tuple[PermitLine, Permit]]:
    """The permit lines the items draw on, by id, each with its permit."""
    wanted = {item.permit_line_id for item in items if item.permit_line_id is not None}
    if not wanted:
        return {}
    rows = session.execute(
        select(PermitLine, Permit).join(Permit, Permit.id == PermitLine.permit_id).where(PermitLine.id.in_(wanted))
    )
    return {line.id: (line, permit) for line, permit in rows}


def _lock(session: Session, items: Iterable[DeclarationItem]) -> None:
    """All lines the items draw on, before the first of them changes: two declarations never wait for each other."""
    wanted = {item.permit_line_id for item in items if item.permit_line_id is not None}
    if wanted:
        allocations.lock_lines(session, wanted)


def _reserve(context: CaseContext, declaration: Declaration) -> None:
    lines = drawn_on(context.session, declaration.items)
    for item in declaration.items:
        if item.permit_line_id is None:
            continue
        assert item.quantity is not None
        answer = "net_mass" if by_mass(lines[item.permit_line_id][0].unit) else "quantity"
        allocations.reserve(
            context.session,
            item.permit_line_id,
            declaration_item=item_key(context.case, item.number),
            quantity=item.quantity,
            value=Money(item.value_minor, item.currency),
            field=f"items.items-{item.number - 1}-{answer}",
        )


def reserve_again(context: CaseContext) -> None:
    """Reserve what the declaration draws on, as when it was lodged. Raises Invalid when a licence has less by now."""
    declaration = of_case(context.session, context.case.id)
    assert declaration is not None
    _lock(context.session, declaration.items)
    _reserve(context, declaration)


def give_back(context: CaseContext) -> None:
    """Release every reservation or use of the case's declaration."""
    declaration = of_case(context.session, context.case.id)
    items = declaration.items if declaration else []
    _lock(context.session, items)
    for item in items:
        if item.permit_line_id is not None:
            allocations.release(
                context.session, item.permit_line_id, declaration_item=item_key(context.case, item.number)
            )


def use(context: CaseContext) -> Declaration:
    """Turn the reservations into use: the goods are released."""
    declaration = of_case(context.session, context.case.id)
    assert declaration is not None
    _lock(context.session, declaration.items)
    for item in declaration.items:
        if item.permit_line_id is not None:
            allocations.consume(
                context.session, item.permit_line_id, declaration_item=item_key(context.case, item.number)
            )
    declaration.released_at = clock.now()
    return declaration
