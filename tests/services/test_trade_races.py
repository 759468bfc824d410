"""Listings and suspensions at the same moment, with real commits: afterwards nothing is on sale that may not be."""

from collections.abc import Callable
from threading import Barrier, Event, Thread

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

import app as portal
from app.businesses import register
from app.businesses.models import Business
from app.core import db
from app.core.errors import Invalid
from app.identity.actor import SYSTEM, Actor
from app.permits import lifecycle
from app.permits.models import Permit
from app.trade import listings
from app.trade.models import Listing, ListingState
from tests.factories.businesses import make_business
from tests.factories.cases import acting
from tests.factories.people import make_user
from tests.services.conftest import settings_for
from tests.services.test_trade_listings import licensed, saved, suspend


@pytest.fixture
def market(committed: db.Database, store_folder: object) -> tuple[Actor, int, int]:
    """With real commits: an owner, their business and its coffee licence."""
    url = committed.engine.url.render_as_string(hide_password=False)
    portal.configure(settings_for(url, store_folder))  # type: ignore[arg-type]
    db.configure(committed)
    with db.unit_of_work() as session:
        user = make_user(session)
        mine = make_business(session, owner=user)
        return acting(session, user), mine.id, licensed(session, mine)["coffee-export"].id


def together(*works: Callable[[Session], object]) -> None:
    """Each in a transaction of its own, all begun at once; what is refused is nobody's fault."""
    gate, failures = Barrier(len(works)), list[BaseException]()

    def guarded(work: Callable[[Session], object]) -> None:
        try:
            with db.unit_of_work() as session:
                gate.wait()
                work(session)
        except Invalid:
            pass
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_no_listing_becomes_ready_while_its_permit_is_being_suspended(market: tuple[Actor, int, int]) -> None:
    """Whoever comes first: afterwards it is not on sale."""
    owner, _, permit_id = market
    with db.unit_of_work() as session:
        listing_id = saved(session, owner).id

    def publish(session: Session) -> None:
        listings.make_ready(session, session.get_one(Listing, listing_id), owner, version=None)

    for _ in range(8):
        together(publish, lambda session: suspend(session, session.get_one(Permit, permit_id)))
        with db.unit_of_work() as session:
            listing = session.get_one(Listing, listing_id)
            assert listing.stored_state in {ListingState.FROZEN, ListingState.DRAFT}
            lifecycle.reinstate(session, session.get_one(Permit, permit_id), SYSTEM, "Again.")


@pytest.mark.parametrize("what", ["permit", "business"])
def test_no_listing_is_saved_as_ready_while_what_it_needs_is_being_taken_away(
    market: tuple[Actor, int, int], what: str
) -> None:
    """The suspension cannot see a listing that is not committed yet, so saving waits for it, or it for the saving."""
    owner, business_id, permit_id = market
    held = Event()

    def save(session: Session) -> None:
        saved(session, owner)
        held.set()  # judged ready, and not committed
        blow.join(0.4)

    def take_away() -> None:
        held.wait(10)
        with db.unit_of_work() as session:
            if what == "permit":
                suspend(session, session.get_one(Permit, permit_id))
            else:
                register.suspend(session, session.get_one(Business, business_id), SYSTEM, "The seat was not found.")

    blow = Thread(target=take_away)
    blow.start()
    with db.unit_of_work() as session:
        save(session)
    blow.join()
    with db.unit_of_work() as session:
        (listing,) = session.scalars(select(Listing)).all()
        assert (listing.state, listing.reason_code) == ("frozen", "suspended")
