"""What changes listings by itself: a permit's state or balance, the business's state, and time."""

from sqlalchemy.orm import Session

from app.businesses import hooks as business_hooks
from app.businesses.models import Business, BusinessState
from app.jobs import queue
from app.permits import hooks as permit_hooks
from app.permits.hooks import StateChange
from app.permits.models import PermitLine
from app.trade import listings

REFRESH_LISTINGS = "trade.refresh_listings"
REFRESH_AFTER = "trade.refresh_listings_after"
BATCH = 500


@permit_hooks.on_state_changed
def permit_changed(session: Session, change: StateChange) -> None:
    """In the permit's own transaction: there is no moment at which it is suspended and the listing is on sale."""
    listings.refresh_business(session, change.permit.business_id, kind=change.permit.kind, mend=False)


@permit_hooks.on_balance_changed
def balance_changed(session: Session, line: PermitLine) -> None:
    listings.refresh_business(session, line.permit.business_id, kind=line.permit.kind, mend=False)


@business_hooks.on_state_changed
def business_changed(session: Session, business: Business, previous: BusinessState) -> None:
    listings.refresh_business(session, business.id, mend=False)


@queue.task(listings.REFRESH_BUSINESS)
def refresh_business(session: Session, business_id: int) -> None:
    """Good news, and what the night brought."""
    listings.refresh_business(session, business_id, mend=True)


@queue.task(REFRESH_LISTINGS, queue="bulk")
def refresh_listings(session: Session) -> None:
    """Look at every business with listings, each in a transaction of its own."""
    refresh_listings_after(session, 0)


@queue.task(REFRESH_AFTER, queue="bulk")
def refresh_listings_after(session: Session, after: int) -> None:
    """A batch of businesses, from an id on; the rest is another job."""
    found = listings.businesses_with_listings(session, after=after, limit=BATCH)
    for business_id in found:
        queue.enqueue(session, listings.REFRESH_BUSINESS, lock=f"listings:{business_id}", business_id=business_id)
    if len(found) == BATCH:
        queue.enqueue(session, REFRESH_AFTER, after=found[-1])


# After midnight in Kigali (22:00 UTC) and in Brazzaville (23:00 UTC), when the day's expiries are noted: a rule may
# begin or end with the day as well. Twice in each country, should no worker run the first time.
queue.periodic("10 22,23,0 * * *", REFRESH_LISTINGS)

__all__ = ["REFRESH_LISTINGS"]
