"""Permits for tests."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy.orm import Session

from app.businesses.models import Business
from app.core import clock
from app.core.money import Money
from app.jurisdictions import load, lookup
from app.permits import lifecycle
from app.permits.lifecycle import LineSpec
from app.permits.models import Permit


def line(quantity: str = "19200", *, hs: str = "090111", unit: str = "KGM") -> LineSpec:
    return LineSpec(hs, "Green coffee, fully washed", Decimal(quantity), unit, Money(5_000_000, "RWF"))


def make_permit(
    session: Session,
    business: Business,
    *lines: LineSpec,
    kind: str = "coffee-export",
    destination: str | None = "CN",
    days: int = 90,
    from_day: int = 0,
) -> Permit:
    """A permit of an RW kind, valid from ``from_day`` days from today for ``days`` days; one line unless given."""
    pack = load.configure("RW")
    today = clock.today(pack.zone)
    return lifecycle.issue(
        session,
        kind=kind,
        agency=lookup.permit_kind(pack, kind).agency,
        business_id=business.id,
        case_id=None,
        destination=destination,
        valid_from=today + timedelta(days=from_day),
        valid_to=today + timedelta(days=from_day + days),
        lines=lines or ((line(),) if lookup.permit_kind(pack, kind).has_quantity else ()),
    )
