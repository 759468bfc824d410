"""What readiness calls held, customs takes: the declaration it fills in is not refused for a licence."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.businesses import register
from app.businesses.models import Business
from app.core import clock
from app.core.errors import Invalid
from app.core.money import Money
from app.identity.actor import SYSTEM, Actor
from app.jurisdictions import load
from app.permits import allocations, lifecycle
from app.permits import lookup as permits
from app.permits.models import Permit, PermitLine, PermitState
from app.trade import readiness
from app.trade.readiness import Question
from app.trade.standing import HeldLine, HeldPermit
from tests.factories.businesses import make_business
from tests.factories.cases import acting, declaration, submitted
from tests.factories.people import make_user
from tests.factories.permits import line, make_permit

COFFEE = Question("090111", "CN", "other-parcels", Decimal(6000), "KGM")
"""By parcel, coffee needs nothing but the licence that customs asks for as well."""


@pytest.fixture
def exporter(rwanda: Session) -> Actor:
    user = make_user(rwanda)
    make_business(rwanda, owner=user, name="Koperative Ikawa")
    return acting(rwanda, user)


def reserve(session: Session, permit: Permit, quantity: int) -> None:
    item = {"declaration_item": "CD-2026-00001-K/1", "value": Money(1, "RWF")}
    allocations.reserve(session, permit.lines[0].id, quantity=Decimal(quantity), **item)


def without_lines(session: Session, business: Business) -> None:
    today = clock.today(load.current().zone)
    lifecycle.issue(
        session, kind="coffee-export", agency="NAEB", business_id=business.id, case_id=None,
        valid_from=today, valid_to=today + timedelta(days=9),
    )  # fmt: skip


def suspended(session: Session, business: Business) -> None:
    lifecycle.suspend(session, make_permit(session, business), SYSTEM, "Residues were found.")


FIRMS: dict[str, tuple[bool, Callable[[Session, Business], object]]] = {
    "nothing": (False, lambda session, business: None),
    "enough": (True, make_permit),
    "exactly enough": (True, lambda session, business: make_permit(session, business, line("6000"))),
    "in tonnes": (True, lambda session, business: make_permit(session, business, line("6", unit="TNE"))),
    "by the heading": (True, lambda session, business: make_permit(session, business, line(hs="0901"))),
    "for every country": (True, lambda session, business: make_permit(session, business, destination=None)),
    "too little": (False, lambda session, business: make_permit(session, business, line("5999.999"))),
    "most of it reserved": (False, lambda session, business: reserve(session, make_permit(session, business), 18000)),
    "other goods": (False, lambda session, business: make_permit(session, business, line(hs="090121"))),
    "another country": (False, lambda session, business: make_permit(session, business, destination="US")),
    "another kind": (False, lambda session, business: make_permit(session, business, kind="specialty-coffee")),
    "not yet valid": (False, lambda session, business: make_permit(session, business, from_day=1)),
    "suspended": (False, suspended),
    "no lines": (False, without_lines),
    "business suspended": (
        False,
        lambda session, business: (
            make_permit(session, business),
            register.suspend(session, business, SYSTEM, "The seat was not found."),
        ),
    ),
}


def lodge(session: Session, exporter: Actor, found: readiness.Readiness) -> None:
    """Declare what was asked about, with the licence line readiness fills in (or else the firm's only one)."""
    lines = session.query(PermitLine.id).order_by(PermitLine.id).all()
    line_id = found.permit_line or (lines[0].id if lines else None)
    submitted(session, exporter, "customs", declaration(line_id, "6000"))


@pytest.mark.parametrize("firm", FIRMS)
def test_ready_means_that_the_declaration_is_taken_and_not_ready_that_it_is_refused(
    rwanda: Session, exporter: Actor, firm: str
) -> None:
    ready, give = FIRMS[firm]
    business = rwanda.get_one(Business, exporter.business_id)
    give(rwanda, business)
    found = readiness.answer(rwanda, load.current(), COFFEE, business=business)
    assert found.ready is ready
    if ready:
        lodge(rwanda, exporter, found)
    else:
        with pytest.raises(Invalid):
            lodge(rwanda, exporter, found)


def test_both_change_their_mind_at_the_same_midnight(rwanda: Session, exporter: Actor) -> None:
    business = rwanda.get_one(Business, exporter.business_id)
    permit = make_permit(rwanda, business)
    for moment, ready in ((permit.expires_at - timedelta(seconds=1), True), (permit.expires_at, False)):
        with time_machine.travel(moment, tick=False):
            found = readiness.answer(rwanda, load.current(), COFFEE, business=business)
            assert found.ready is ready
            if ready:
                lodge(rwanda, exporter, found)
            else:
                with pytest.raises(Invalid):
                    lodge(rwanda, exporter, found)


CODES = st.sampled_from(["", "09", "0901", "090111", "090121", "440710"])
COUNTRIES = st.sampled_from(["CN", "US"])


@given(st.lists(CODES.filter(bool), max_size=2), st.one_of(st.none(), COUNTRIES), CODES, COUNTRIES)
def test_a_permit_covers_the_same_goods_for_readiness_as_for_customs(
    prefixes: list[str], of_permit: str | None, hs: str, destination: str
) -> None:
    day = clock.now().date()
    held = HeldPermit(
        "P", "k", PermitState.ACTIVE, of_permit, day, day,
        tuple(HeldLine(number, each, Decimal(1), "KGM") for number, each in enumerate(prefixes)),
    )  # fmt: skip
    stored = Permit(destination=of_permit, lines=[PermitLine(hs=each) for each in prefixes])
    assert held.covers(hs, destination) == permits.covers(stored, hs, destination)
