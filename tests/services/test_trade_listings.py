"""Listings against a real database: ready by the owner's act, frozen in the transaction that took something away."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

import app.trade.tasks  # what freezes listings by itself
from app.audit.models import Entry
from app.businesses import register
from app.businesses.models import Business
from app.cases import engine
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Stale
from app.core.money import Money
from app.identity import clients
from app.identity.actor import SYSTEM, Actor
from app.jobs import queue
from app.jurisdictions import load
from app.notifications.models import Message
from app.outbox import endpoints
from app.outbox.models import Delivery, Event
from app.permits import allocations, lifecycle
from app.permits import tasks as permit_tasks
from app.permits.models import Permit
from app.trade import listings, readiness
from app.trade.announcing import STATE_CHANGED
from app.trade.models import Listing, ListingEvent, ListingState
from app.trade.readiness import Question, RowState
from tests.factories.businesses import make_business
from tests.factories.cases import acting, drafted, fill, licence, submitted
from tests.factories.people import make_user
from tests.factories.permits import make_permit

COFFEE = Question("090111", "CN", "alibaba-com", Decimal(12000), "KGM")
NEW = listings.NewListing("Bourbon, 2026 harvest", COFFEE)


@pytest.fixture
def owner(rwanda: Session) -> Actor:
    user = make_user(rwanda, name="Claudine Ingabire", locale="fr_RW")
    make_business(rwanda, owner=user, name="Koperative Ikawa")
    return acting(rwanda, user)


@pytest.fixture
def business(rwanda: Session, owner: Actor) -> Business:
    return rwanda.get_one(Business, owner.business_id)


def licensed(session: Session, business: Business, **changes: Permit) -> dict[str, Permit]:
    kinds = ("coffee-export", "phytosanitary", "origin-china")
    return {kind: make_permit(session, business, kind=kind) for kind in kinds}


@pytest.fixture
def permits(rwanda: Session, business: Business) -> dict[str, Permit]:
    return licensed(rwanda, business)


def saved(session: Session, owner: Actor, new: listings.NewListing = NEW) -> Listing:
    return listings.create(session, owner, new, idempotency_key=uuid.uuid4().hex)


@pytest.fixture
def on_sale(rwanda: Session, owner: Actor, permits: dict[str, Permit]) -> Listing:
    listing = saved(rwanda, owner)
    assert listing.stored_state is ListingState.READY
    return listing


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(conn: object, cursor: object, statement: str, *rest: object) -> None:
        seen.append(statement)

    engine_ = session.get_bind().engine
    event.listen(engine_, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine_, "before_cursor_execute", note)


def events_of(session: Session, listing: Listing) -> list[dict[str, object]]:
    found = session.scalars(select(Event).where(Event.subject == f"listing:{listing.reference}").order_by(Event.id))
    return [each.data for each in found]


# Readiness over the database


def test_the_answer_costs_three_statements_however_much_there_is(
    rwanda: Session, owner: Actor, business: Business
) -> None:
    for _ in range(4):
        licensed(rwanda, business)
        drafted(rwanda, owner, "export_licence", licence())
    rwanda.flush()
    rwanda.expunge_all()
    mine = rwanda.get_one(Business, business.id)
    with counted(rwanda) as seen:
        readiness.answer(rwanda, load.current(), COFFEE, business=mine, applicant_id=owner.user_id)
    assert len(seen) == 3


def test_nobody_costs_no_statement_at_all(rwanda: Session) -> None:
    with counted(rwanda) as seen:
        found = readiness.answer(rwanda, load.current(), COFFEE, business=None)
    assert not found.ready
    assert seen == []


def states(session: Session, owner: Actor, question: Question = COFFEE) -> dict[str, readiness.Row]:
    mine = session.get_one(Business, owner.business_id)
    found = readiness.answer(session, load.current(), question, business=mine, applicant_id=owner.user_id)
    return {row.code: row for row in found.rows}


def test_an_application_is_seen_from_its_first_page_to_its_decision(rwanda: Session, owner: Actor) -> None:
    row = states(rwanda, owner)["coffee-export"]
    assert row.state is RowState.MISSING
    case = engine.start(
        rwanda, "export_licence", owner, idempotency_key=uuid.uuid4().hex, arguments=dict(row.arguments)
    )
    assert (states(rwanda, owner)["coffee-export"].state, states(rwanda, owner)["coffee-export"].case) == (
        RowState.IN_PROGRESS,
        case.reference,
    )
    fill(rwanda, case, licence())
    assert states(rwanda, owner)["coffee-export"].case == case.reference
    sent = submitted(rwanda, owner, "export_licence", licence(kind="phytosanitary", days=30))
    assert states(rwanda, owner)["phytosanitary"].case == sent.reference
    assert states(rwanda, owner, replace(COFFEE, destination="US"))["coffee-export"].state is RowState.MISSING
    engine.perform(rwanda, case, engine.Action.WITHDRAW, owner, version=case.version)
    assert states(rwanda, owner)["coffee-export"].state is RowState.MISSING


def test_another_firms_permits_and_applications_do_not_count(rwanda: Session, owner: Actor) -> None:
    other = make_user(rwanda)
    theirs = make_business(rwanda, owner=other, name="Somebody Else")
    licensed(rwanda, theirs)
    drafted(rwanda, acting(rwanda, other), "export_licence", licence())
    row = states(rwanda, owner)["coffee-export"]
    assert (row.state, row.permit, row.case) == (RowState.MISSING, None, None)


def test_the_prefilled_application_needs_only_what_nobody_could_know(rwanda: Session, owner: Actor) -> None:
    row = states(rwanda, owner)["coffee-export"]
    case = engine.start(
        rwanda, "export_licence", owner, idempotency_key=uuid.uuid4().hex, arguments=dict(row.arguments)
    )
    known = {step: kept["prefill"] for step, kept in case.draft.items()}
    assert known["product"] == {"what": "goods", "hs": "090111", "destination": "CN", "route": "general_trade"}
    assert known["kind"] == {"permit_kind": "coffee-export"}
    assert known["quantity"] == {"quantity": "12000", "unit": "KGM"}


# Saving and making ready


def test_saved_when_all_is_held_it_is_ready_at_once(rwanda: Session, on_sale: Listing) -> None:
    assert on_sale.ready_at is not None
    actions = [each.action for each in listings.history(rwanda, on_sale)]
    assert actions == ["created", "ready"]
    assert [each["state"] for each in events_of(rwanda, on_sale)] == ["ready"]
    verbs = rwanda.scalars(select(Entry.verb).where(Entry.reference == on_sale.reference).order_by(Entry.id)).all()
    assert verbs == ["listing.created", "listing.ready"]


def test_saved_too_early_it_is_a_draft_that_no_platform_hears_of(rwanda: Session, owner: Actor) -> None:
    listing = saved(rwanda, owner)
    assert listing.stored_state is ListingState.DRAFT
    assert events_of(rwanda, listing) == []
    with pytest.raises(Invalid) as refused:
        listings.make_ready(rwanda, listing, owner, version=listing.version)
    assert refused.value.code == "not_ready"


def test_the_last_permit_makes_it_complete_but_only_the_owner_makes_it_ready(
    rwanda: Session, owner: Actor, business: Business
) -> None:
    listing = saved(rwanda, owner)
    licensed(rwanda, business)
    queue.run_pending(rwanda)
    assert listing.stored_state is ListingState.DRAFT
    assert listing.complete_at is not None
    told = rwanda.scalars(select(Message).where(Message.template == "listing_complete")).all()
    assert [message.user_id for message in told] == [owner.user_id]
    assert listing.reference in told[0].subject
    queue.enqueue(rwanda, listings.REFRESH_BUSINESS, business_id=business.id)
    queue.run_pending(rwanda)
    assert len(rwanda.scalars(select(Message).where(Message.template == "listing_complete")).all()) == 1
    listings.make_ready(rwanda, listing, owner, version=listing.version)
    assert listing.stored_state is ListingState.READY


def test_a_double_click_saves_one_listing(rwanda: Session, owner: Actor) -> None:
    key = uuid.uuid4().hex
    assert (
        listings.create(rwanda, owner, NEW, idempotency_key=key).id
        == listings.create(rwanda, owner, NEW, idempotency_key=key).id
    )


def test_an_own_reference_is_used_once(rwanda: Session, owner: Actor) -> None:
    first = saved(rwanda, owner, replace(NEW, sku="COF-1"))
    with pytest.raises(Invalid) as refused:
        saved(rwanda, owner, replace(NEW, sku="COF-1"))
    assert refused.value.field == "sku"
    second = saved(rwanda, owner, replace(NEW, sku="COF-2"))
    assert int(second.reference.split("-")[2]) == int(first.reference.split("-")[2]) + 1


def test_without_a_business_nothing_is_saved(rwanda: Session) -> None:
    with pytest.raises(Invalid):
        saved(rwanda, acting(rwanda, make_user(rwanda)))


def test_another_business_cannot_find_or_touch_it(rwanda: Session, on_sale: Listing) -> None:
    other = make_user(rwanda)
    make_business(rwanda, owner=other, name="Somebody Else")
    stranger = acting(rwanda, other)
    with pytest.raises(NotFound):
        listings.load_own(rwanda, stranger, on_sale.reference)
    with pytest.raises(NotAllowed):
        listings.delist(rwanda, on_sale, stranger, version=None)


# Freezing


def suspend(session: Session, permit: Permit) -> None:
    lifecycle.suspend(session, permit, SYSTEM, "Residues were found in lot 7.")


def revoke(session: Session, permit: Permit) -> None:
    lifecycle.revoke(session, permit, SYSTEM, "Residues were found in lot 7.")


def use_up(session: Session, permit: Permit) -> None:
    item = {"declaration_item": "CD-2026-00001-K/1"}
    value = Money(1, "RWF")
    allocations.reserve(session, permit.lines[0].id, quantity=permit.lines[0].quantity, value=value, **item)
    allocations.consume(session, permit.lines[0].id, **item)


def reserve_most(session: Session, permit: Permit) -> None:
    allocations.reserve(
        session, permit.lines[0].id, quantity=Decimal(8000), value=Money(1, "RWF"), declaration_item="CD-1/1"
    )


@pytest.mark.parametrize(
    ("blow", "reason"),
    [(suspend, "suspended"), (revoke, "revoked"), (use_up, "not_enough"), (reserve_most, "not_enough")],
)
@pytest.mark.parametrize("kind", ["coffee-export", "origin-china"])
def test_it_freezes_in_the_same_transaction_with_everyone_told(
    rwanda: Session, owner: Actor, permits: dict[str, Permit], on_sale: Listing, kind: str, blow: object, reason: str
) -> None:
    blow(rwanda, permits[kind])  # type: ignore[operator]
    assert on_sale.stored_state is ListingState.FROZEN, "before any job ran"
    assert (on_sale.reason_code, on_sale.reason_subject) == (reason, kind)
    assert on_sale.frozen_at is not None
    *_, last = events_of(rwanda, on_sale)
    assert (last["state"], last["previous_state"], last["reason_code"]) == ("frozen", "ready", reason)
    entry = rwanda.scalars(select(Entry).where(Entry.verb == "listing.frozen")).one()
    assert entry.reference == on_sale.reference
    assert entry.authority
    (message,) = rwanda.scalars(select(Message).where(Message.template == "listing_frozen")).all()
    assert message.user_id == owner.user_id
    assert on_sale.reference in message.subject


def test_only_platforms_of_its_channel_hear_of_a_listing(
    rwanda: Session, permits: dict[str, Permit], on_sale: Listing
) -> None:
    hears: dict[str, int] = {}
    for channel in (on_sale.channel, "fliggy"):
        client, _secret = clients.create(
            rwanda, name=channel, channel=channel, contact="x", scopes=["listings:read"], created_by=None
        )
        endpoint, _secret = endpoints.add(
            rwanda, client.id, url="https://market.example/", event_types=[STATE_CHANGED], known_types=[STATE_CHANGED]
        )
        hears[channel] = endpoint.id
    suspend(rwanda, permits["coffee-export"])
    told = rwanda.scalars(select(Delivery).where(Delivery.endpoint_id.in_(hears.values()))).all()
    assert [each.endpoint_id for each in told] == [hears[on_sale.channel]]
    assert told[0].event.data.items() >= {"title": on_sale.title, "hs": "090111", "destination": "CN"}.items()


def test_a_rolled_back_suspension_freezes_nothing(
    rwanda: Session, permits: dict[str, Permit], on_sale: Listing
) -> None:
    rwanda.flush()
    point = rwanda.begin_nested()
    suspend(rwanda, permits["coffee-export"])
    point.rollback()
    rwanda.refresh(on_sale)
    assert on_sale.stored_state is ListingState.READY
    assert [each["state"] for each in events_of(rwanda, on_sale)] == ["ready"]


def test_the_end_of_validity_freezes(rwanda: Session, on_sale: Listing) -> None:
    with time_machine.travel(clock.now() + timedelta(days=120)):
        permit_tasks.expire(rwanda)
        assert (on_sale.state, on_sale.reason_code) == ("frozen", "expired")


def test_the_night_freezes_what_nobody_noticed(rwanda: Session, on_sale: Listing) -> None:
    with time_machine.travel(clock.now() + timedelta(days=120)):
        rwanda.execute(text("DELETE FROM procrastinate_jobs"))
        app.trade.tasks.refresh_listings(rwanda)
        queue.run_pending(rwanda)
    assert (on_sale.state, on_sale.reason_code) == ("frozen", "expired")


def test_between_midnight_and_the_job_readers_are_told_what_is_true(
    rwanda: Session, owner: Actor, business: Business, on_sale: Listing
) -> None:
    for _ in range(4):
        saved(rwanda, owner)
    found, sellers = listings.of_business(rwanda, business.id), {business.id: business}
    assert listings.lapsed(rwanda, found, sellers) == {}
    with time_machine.travel(clock.now() + timedelta(days=120)), counted(rwanda) as seen:
        told = listings.lapsed(rwanda, found, sellers)
    assert {each.reason for each in told.values()} == {("expired", "coffee-export")}
    assert len(told) == len(found) == 5
    assert len(seen) == 2, "for any number of listings"
    assert on_sale.stored_state is ListingState.READY, "reading writes nothing"


def test_a_suspended_business_sells_nothing(rwanda: Session, business: Business, on_sale: Listing) -> None:
    register.suspend(rwanda, business, SYSTEM, "The seat could not be found.")
    assert (on_sale.state, on_sale.reason_code, on_sale.reason_subject) == ("frozen", "suspended", "business")


def test_one_message_for_all_listings_that_freeze_together(
    rwanda: Session, owner: Actor, permits: dict[str, Permit], on_sale: Listing
) -> None:
    second = saved(rwanda, owner, replace(NEW, title="The same, again"))
    suspend(rwanda, permits["coffee-export"])
    (message,) = rwanda.scalars(select(Message).where(Message.template == "listing_frozen")).all()
    assert on_sale.reference in message.body
    assert second.reference in message.body


def test_a_permit_the_listing_does_not_need_leaves_it_alone(
    rwanda: Session, business: Business, on_sale: Listing
) -> None:
    suspend(rwanda, make_permit(rwanda, business, kind="specialty-coffee"))
    assert on_sale.stored_state is ListingState.READY


def test_a_second_permit_keeps_it_on_sale(
    rwanda: Session, business: Business, permits: dict[str, Permit], on_sale: Listing
) -> None:
    make_permit(rwanda, business)
    suspend(rwanda, permits["coffee-export"])
    assert on_sale.stored_state is ListingState.READY


def test_mended_it_waits_for_its_owner(
    rwanda: Session, owner: Actor, permits: dict[str, Permit], on_sale: Listing
) -> None:
    suspend(rwanda, permits["coffee-export"])
    lifecycle.reinstate(rwanda, permits["coffee-export"], SYSTEM, "The lot was taken out.")
    assert on_sale.stored_state is ListingState.FROZEN, "good news comes after the commit"
    queue.run_pending(rwanda)
    assert on_sale.stored_state is ListingState.DRAFT
    assert (on_sale.reason_code, on_sale.complete_at is not None) == ("", True)
    assert rwanda.scalars(select(Message).where(Message.template == "listing_complete")).one().user_id == owner.user_id
    listings.make_ready(rwanda, on_sale, owner, version=on_sale.version)
    assert [each["state"] for each in events_of(rwanda, on_sale)] == ["ready", "frozen", "draft", "ready"]
    assert [each.action for each in listings.history(rwanda, on_sale)][-3:] == ["frozen", "thawed", "ready"]


def test_a_corrected_reservation_does_not_unfreeze_and_freeze_again(
    rwanda: Session, permits: dict[str, Permit], on_sale: Listing
) -> None:
    of_line = {"line_id": permits["coffee-export"].lines[0].id, "declaration_item": "CD-1/1", "value": Money(1, "RWF")}
    allocations.reserve(rwanda, quantity=Decimal(8000), **of_line)
    allocations.reserve(rwanda, quantity=Decimal(9000), **of_line)
    queue.run_pending(rwanda)
    assert [each.action for each in listings.history(rwanda, on_sale)] == ["created", "ready", "frozen"]


def test_the_reason_follows_what_happens(rwanda: Session, permits: dict[str, Permit], on_sale: Listing) -> None:
    suspend(rwanda, permits["coffee-export"])
    revoke(rwanda, permits["coffee-export"])
    assert (on_sale.state, on_sale.reason_code) == ("frozen", "revoked")


# The owner changes it


def test_more_than_is_left_cannot_be_offered(rwanda: Session, owner: Actor, on_sale: Listing) -> None:
    with pytest.raises(Invalid) as refused:
        listings.change_quantity(rwanda, on_sale, owner, Decimal(20000), "KGM", version=on_sale.version)
    assert refused.value.field == "quantity"
    assert "19,200" in str(refused.value.message)
    assert on_sale.quantity == Decimal(12000)
    listings.change_quantity(rwanda, on_sale, owner, Decimal(19), "TNE", version=on_sale.version)
    assert (on_sale.state, on_sale.unit) == ("ready", "TNE")


def test_a_new_quantity_finds_out_that_a_permit_has_expired(rwanda: Session, owner: Actor, on_sale: Listing) -> None:
    with time_machine.travel(clock.now() + timedelta(days=120)):
        listings.change_quantity(rwanda, on_sale, owner, Decimal(10), "KGM", version=on_sale.version)
    assert (on_sale.state, on_sale.reason_code, on_sale.quantity) == ("frozen", "expired", Decimal(10))
    (message,) = rwanda.scalars(select(Message).where(Message.template == "listing_frozen")).all()
    assert on_sale.reference in message.subject


def test_offering_less_ends_a_freeze(
    rwanda: Session, owner: Actor, permits: dict[str, Permit], on_sale: Listing
) -> None:
    reserve_most(rwanda, permits["coffee-export"])
    assert on_sale.stored_state is ListingState.FROZEN
    listings.change_quantity(rwanda, on_sale, owner, Decimal(10000), "KGM", version=on_sale.version)
    assert on_sale.stored_state is ListingState.DRAFT
    assert on_sale.complete_at is not None


def test_taken_down_is_for_good(rwanda: Session, owner: Actor, permits: dict[str, Permit], on_sale: Listing) -> None:
    listings.delist(rwanda, on_sale, owner, version=on_sale.version)
    assert [each["state"] for each in events_of(rwanda, on_sale)] == ["ready", "delisted"]
    suspend(rwanda, permits["coffee-export"])
    assert on_sale.stored_state is ListingState.DELISTED
    with pytest.raises(Stale):
        listings.make_ready(rwanda, on_sale, owner, version=on_sale.version)
    listings.delist(rwanda, on_sale, owner, version=on_sale.version)
    assert len(events_of(rwanda, on_sale)) == 2


def test_a_stale_page_changes_nothing(rwanda: Session, owner: Actor, on_sale: Listing) -> None:
    with pytest.raises(Stale):
        listings.delist(rwanda, on_sale, owner, version=on_sale.version - 1)


def test_history_cannot_be_rewritten(rwanda: Session, on_sale: Listing) -> None:
    for statement in ("UPDATE listing_events SET actor_name = 'Nobody'", "DELETE FROM listing_events"):
        with pytest.raises(IntegrityError), rwanda.begin_nested():
            rwanda.execute(text(statement))
    assert rwanda.scalars(select(ListingEvent)).first() is not None


def test_looking_at_every_listing_of_a_firm_costs_the_same_for_ten_as_for_one(
    rwanda: Session, owner: Actor, business: Business, on_sale: Listing
) -> None:
    def cost() -> int:
        rwanda.flush()
        with counted(rwanda) as seen:
            listings.refresh_business(rwanda, business.id, mend=True)
        return len(seen)

    one = cost()
    for _ in range(9):
        saved(rwanda, owner)
    assert cost() == one <= 5
