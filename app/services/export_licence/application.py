"""The application's answers as typed facts, and what the pack says about them."""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from app.cases.registry import JsonObject
from app.core import clock, money
from app.core.money import Money
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack, PermitKind


@dataclass(frozen=True)
class Application:
    """``hs`` is None and there is no quantity for a service."""

    kind: PermitKind
    hs: str | None
    description: str
    destination: str
    route: str
    quantity: Decimal | None
    unit: str | None
    value: Money | None
    valid_from: date
    valid_to: date
    consignee: str | None


def permit_kind(pack: Pack, data: JsonObject) -> PermitKind | None:
    """As it is today; a kind that is no more, as it last was."""
    code = data.get("kind", {}).get("permit_kind")
    if not code:
        return None
    return lookup.find(pack.permit_kinds, code, clock.today(pack.zone)) or lookup.find(pack.permit_kinds, code)


def from_answers(pack: Pack, data: JsonObject) -> Application:
    kind = permit_kind(pack, data)
    assert kind is not None  # a submission is complete
    product, validity, amounts = data["product"], data["validity"], data.get("quantity")
    return Application(
        kind=kind,
        hs=product.get("hs"),
        description=product["description"],
        destination=product["destination"],
        route=product["route"],
        quantity=Decimal(str(amounts["quantity"])) if amounts else None,
        unit=amounts["unit"] if amounts else None,
        value=money.parse(Decimal(str(amounts["value"])), amounts["currency"]) if amounts else None,
        valid_from=date.fromisoformat(validity["valid_from"]),
        valid_to=date.fromisoformat(validity["valid_to"]),
        consignee=validity.get("consignee") or None,
    )


def national_value(pack: Pack, data: JsonObject, day: date) -> Money | None:
    """The declared value in the national currency, rounded half to even: what a percentage fee is taken of."""
    amounts = data.get("quantity")
    if not amounts:
        return None
    rate = lookup.rate(pack, amounts["currency"], day)
    minor = (Decimal(str(amounts["value"])) * rate).scaleb(money.exponent(pack.currency))
    return Money(int(minor.quantize(Decimal(1), ROUND_HALF_EVEN)), pack.currency)
