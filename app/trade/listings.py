"""Listings: saving, making ready, freezing, taking down. The one place that writes a listing's state.

A listing becomes ready only by its owner's act and only when everything is held at that moment. It freezes by itself,
in the transaction of whatever took something away. When that is mended it goes back to draft and its owner is told:
goods go on sale abroad again only when a person says so. ``docs/decisions/0014-readiness.md`` says why.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, lazyload

from app.businesses import lookup as businesses
from app.businesses.models import Business
from app.cases import numbering
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import SYSTEM, Actor
from app.identity.policy import Permission, Subject, allows
from app.jobs import queue
from app.jurisdictions import load
from app.permits.models import Permit
from app.permits.words import amount
from app.trade import readiness
from app.trade.announcing import Change, tell, write_to_members
from app.trade.models import Listing, ListingAction, ListingEvent, ListingState
from app.trade.readiness import Question, Readiness, RowState
from app.trade.standing import standing_of, standings_of

PAGE = 20
SERIES = "LS"
REFRESH_BUSINESS = "trade.refresh_business"


@dataclass(frozen=True)
class NewListing:
    """What the owner wrote. ``sku`` is their own reference and may be empty."""

    title: str
    question: Question
    sku: str = ""


# Finding


def load_own(session: Session, actor: Actor, reference: str) -> Listing:
    """The listing, for a member of its business; NotFound for anyone else."""
    found = session.scalar(select(Listing).where(Listing.reference == reference.strip().upper()))
    if found is None or not allows(actor, Permission.BUSINESS_VIEW, Subject(business_id=found.business_id)):
        raise NotFound
    return found


def of_business(session: Session, business_id: int, *, before: int | None = None, limit: int = PAGE) -> list[Listing]:
    """Newest first; ``before`` is the id of the last one seen."""
    statement = select(Listing).where(Listing.business_id == business_id)
    if before is not None:
        statement = statement.where(Listing.id < before)
    return list(session.scalars(statement.order_by(Listing.id.desc()).limit(limit)))


def history(session: Session, listing: Listing) -> Sequence[ListingEvent]:
    """Oldest first."""
    statement = select(ListingEvent).where(ListingEvent.listing_id == listing.id)
    return session.scalars(statement.order_by(ListingEvent.id)).all()


def for_channel(
    session: Session, channel: str, *, state: str | None = None, after: int = 0, limit: int = 50
) -> list[Listing]:
    """What its platform may see: listings that were ready at least once, in the order they were saved."""
    statement = select(Listing).where(Listing.channel == channel, Listing.ready_at.is_not(None), Listing.id > after)
    if state is not None:
        statement = statement.where(Listing.state == state)
    return list(session.scalars(statement.order_by(Listing.id).limit(limit)))


def on_channel(session: Session, channel: str, reference: str) -> Listing:
    """One of those; raises NotFound."""
    found = session.scalar(
        select(Listing).where(
            Listing.reference == reference.strip().upper(), Listing.channel == channel, Listing.ready_at.is_not(None)
        )
    )
    if found is None:
        raise NotFound
    return found


def lapsed(session: Session, found: Sequence[Listing], sellers: Mapping[int, Business]) -> dict[int, Readiness]:
    """Those stored as ready that are not any more, by id: the end of a day ends permits and rules, and the jobs that
    freeze listings come some minutes later. Readers are told what is true. At most two statements, for any number.
    """
    ready = [each for each in found if each.stored_state is ListingState.READY]
    if not ready:
        return {}
    pack, now = load.current(), clock.now()
    day = now.astimezone(pack.zone).date()
    kinds = {code for each in ready for code in readiness.kinds_needed(pack, question(each), day)}
    standings = standings_of(session, kinds, now, [sellers[key] for key in {each.business_id for each in ready}])
    answers = {
        each.id: readiness.evaluate(pack, question(each), standings[each.business_id], now, description=each.title)
        for each in ready
    }
    return {key: answer for key, answer in answers.items() if not answer.ready}


def question(listing: Listing) -> Question:
    return Question(listing.hs, listing.destination, listing.channel, listing.quantity, listing.unit)


def assess(session: Session, listing: Listing, asked: Question | None = None) -> Readiness:
    """The checklist of a listing as of now; ``asked``: as if it were offered like that."""
    business = businesses.get(session, listing.business_id)
    asked = asked or question(listing)
    return readiness.answer(session, load.current(), asked, business=business, description=listing.title)


# The owner


def create(session: Session, actor: Actor, new: NewListing, *, idempotency_key: str) -> Listing:
    """Save a listing for the business acted for: ready when everything is held, a draft otherwise.

    The same key gives the same listing. Raises Invalid without a business, for a question that makes no sense, and
    for an own reference that is taken.
    """
    pack, now = load.current(), clock.now()
    if actor.business_id is None or not actor.belongs_to(actor.business_id):
        raise Invalid(
            Problem(_l("Register your business first, or choose the business you act for."), None, "business")
        )
    asked, day = new.question, now.astimezone(pack.zone).date()
    readiness.check(pack, asked, day)
    existing = _by_key(session, actor.business_id, idempotency_key)
    if existing is not None:
        return existing
    _hold(session, actor.business_id, readiness.kinds_needed(pack, asked, day))
    try:
        with session.begin_nested():  # a refused double gives its number back
            listing = Listing(
                reference=numbering.reference(SERIES, now.year, numbering.next_number(session, SERIES, now.year)),
                business_id=actor.business_id,
                sku=new.sku,
                title=new.title,
                hs=asked.hs,
                destination=asked.destination,
                channel=asked.channel,
                quantity=asked.quantity,
                unit=asked.unit,
                state=ListingState.DRAFT.value,
                reason_code="",
                reason_subject="",
                idempotency_key=idempotency_key,
                version=1,
                created_by=actor.user_id,
                created_at=now,
                updated_at=now,
            )
            session.add(listing)
            session.flush()
    except IntegrityError:
        doubled = _by_key(session, actor.business_id, idempotency_key)
        if doubled is not None:
            return doubled
        message = _l("Another listing of yours has this reference. Choose another one.")
        raise Invalid(Problem(message, "sku", "sku_taken")) from None
    tell(session, Change(listing, ListingAction.CREATED, None), actor)
    if assess(session, listing).ready:
        _move(session, listing, ListingState.READY, ListingAction.READY, actor)
    return listing


def _hold(session: Session, business_id: int, kinds: Collection[str]) -> None:
    """Nobody changes the business or these permits until the transaction ends. Whoever takes one away while a listing
    is being saved cannot see the listing yet: so they come before it, or after it and freeze it."""
    session.scalars(_as_it_is(business_id).with_for_update(read=True)).one()
    held = select(Permit.id).where(Permit.business_id == business_id, Permit.kind.in_(sorted(kinds)))
    session.execute(held.order_by(Permit.id).with_for_update(read=True))


def _as_it_is(business_id: int) -> Select[Business]:
    """Whatever the session has loaded before."""
    statement = select(Business).where(Business.id == business_id).options(lazyload(Business.people))
    return statement.execution_options(populate_existing=True)


def _by_key(session: Session, business_id: int, key: str) -> Listing | None:
    return session.scalar(select(Listing).where(Listing.business_id == business_id, Listing.idempotency_key == key))


def make_ready(session: Session, listing: Listing, actor: Actor, *, version: int | None) -> None:
    """Put it on sale. Raises Stale, NotAllowed, or Invalid when something is missing."""
    _lock(session, listing, actor, version)
    if listing.stored_state is ListingState.READY:
        return
    if listing.stored_state is ListingState.DELISTED:
        raise Stale(_l("This listing was taken down. Save a new one."))
    found = assess(session, listing)
    if not found.ready:
        raise Invalid(Problem(_l("Something is still missing. Look at the list below."), None, "not_ready"))
    _move(session, listing, ListingState.READY, ListingAction.READY, actor)


def change_quantity(
    session: Session, listing: Listing, actor: Actor, quantity: Decimal | None, unit: str | None, *, version: int | None
) -> None:
    """Offer more or less. A listing on sale may not offer more than the permits have left: Invalid says how much."""
    _lock(session, listing, actor, version)
    if listing.stored_state is ListingState.DELISTED:
        raise Stale(_l("This listing was taken down. Save a new one."))
    if (quantity is None) != (unit is None) or (quantity is not None and quantity <= 0):
        raise Invalid(Problem(_l("Give the quantity together with its unit, or neither."), "quantity", "quantity_unit"))
    if (listing.quantity, listing.unit) == (quantity, unit):
        return
    found = assess(session, listing, replace(question(listing), quantity=quantity, unit=unit))
    if listing.stored_state is ListingState.READY:
        _check_enough(found)
    listing.quantity, listing.unit = quantity, unit
    _touch(session, listing)
    tell(session, Change(listing, ListingAction.CHANGED, listing.stored_state), actor)
    if _settle(session, listing, found, mend=True) is ListingAction.FROZEN:
        write_to_members(session, businesses.get(session, listing.business_id), "listing_frozen", [listing])


def _check_enough(found: Readiness) -> None:
    for row in found.open_rows:
        if row.standing is RowState.NOT_ENOUGH and row.remaining is not None and row.unit is not None:
            message = _(
                "%(permit)s has only %(left)s left. Offer that much or less, or take the listing down.",
                permit=str(row.title),
                left=amount(row.remaining, row.unit),
            )
            raise Invalid(Problem(message, "quantity", "not_enough"))


def delist(session: Session, listing: Listing, actor: Actor, *, version: int | None) -> None:
    """End it, for good. A second time changes nothing."""
    _lock(session, listing, actor, version)
    if listing.stored_state is not ListingState.DELISTED:
        _move(session, listing, ListingState.DELISTED, ListingAction.DELISTED, actor)


def _lock(session: Session, listing: Listing, actor: Actor, version: int | None) -> None:
    """The row as it is now, locked before anything it depends on is read, so that no freeze can slip in between."""
    if not allows(actor, Permission.BUSINESS_VIEW, Subject(business_id=listing.business_id)):
        raise NotAllowed
    session.scalars(
        select(Listing).where(Listing.id == listing.id).with_for_update().execution_options(populate_existing=True)
    ).one()
    session.scalars(_as_it_is(listing.business_id)).one()
    if version is not None and version != listing.version:
        raise Stale(_l("This listing changed while you had it open. Look at it again, then decide."))


# What happens by itself


def refresh_business(session: Session, business_id: int, *, mend: bool, kind: str | None = None) -> tuple[Listing, ...]:
    """Freeze the listings of a business that lack something now; the frozen ones are returned. Idempotent.

    ``kind``: only those that need this permit kind. Without ``mend`` (in the middle of somebody's transaction, where
    a quantity may be given back and taken again) good news waits for a job that runs after the commit.
    """
    open_listings = session.scalars(
        select(Listing)
        .where(Listing.business_id == business_id, Listing.state != ListingState.DELISTED.value)
        .order_by(Listing.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    pack, now = load.current(), clock.now()
    day = now.astimezone(pack.zone).date()
    needed = {each.id: readiness.kinds_needed(pack, question(each), day) for each in open_listings}
    concerned = [each for each in open_listings if kind is None or kind in needed[each.id]]
    if not concerned:
        return ()
    business = businesses.get(session, business_id)
    every = {code for each in concerned for code in needed[each.id]}
    standing = standing_of(session, every, now, business=business)
    frozen, complete, waiting = [], [], False
    for each in concerned:
        found = readiness.evaluate(pack, question(each), standing, now)
        change = _settle(session, each, found, mend=mend)
        waiting = waiting or (not mend and _is_better(each, found))
        if change is ListingAction.FROZEN:
            frozen.append(each)
        elif change is ListingAction.THAWED:
            complete.append(each)
    write_to_members(session, business, "listing_frozen", frozen)
    write_to_members(session, business, "listing_complete", complete)
    if waiting:
        queue.enqueue(session, REFRESH_BUSINESS, lock=f"listings:{business_id}", business_id=business_id)
    return tuple(frozen)


def _is_better(listing: Listing, found: Readiness) -> bool:
    """Whether there is good news of it that nobody has heard yet."""
    return found.ready and listing.stored_state is not ListingState.READY and listing.complete_at is None


def _settle(session: Session, listing: Listing, found: Readiness, *, mend: bool) -> ListingAction | None:
    """Make the listing what the checklist says. FROZEN, THAWED (whole again), or None when nothing is to be told."""
    state = listing.stored_state
    if found.ready:
        if not mend or not _is_better(listing, found):
            return None
        if state is ListingState.FROZEN:
            _move(session, listing, ListingState.DRAFT, ListingAction.THAWED, SYSTEM)
        listing.complete_at = clock.now()
        session.flush()
        return ListingAction.THAWED
    listing.complete_at = None
    if state is ListingState.READY:
        _move(session, listing, ListingState.FROZEN, ListingAction.FROZEN, SYSTEM, found)
        return ListingAction.FROZEN
    if state is ListingState.FROZEN and (listing.reason_code, listing.reason_subject) != found.reason:
        listing.reason_code, listing.reason_subject = found.reason
    session.flush()
    return None


def _move(
    session: Session,
    listing: Listing,
    target: ListingState,
    action: ListingAction,
    actor: Actor,
    found: Readiness | None = None,
) -> None:
    """Set the state: here and nowhere else."""
    previous = listing.stored_state
    listing.state = target.value
    listing.reason_code, listing.reason_subject = found.reason if found else ("", "")
    listing.complete_at = None
    if target is ListingState.READY:
        listing.ready_at = clock.now()
    if target is ListingState.FROZEN:
        listing.frozen_at = clock.now()
    _touch(session, listing)
    tell(session, Change(listing, action, previous), actor, authority=_authority(found))


def _touch(session: Session, listing: Listing) -> None:
    listing.version += 1
    listing.updated_at = clock.now()
    session.flush()


def _authority(found: Readiness | None) -> str:
    """Where the rule is written that froze it."""
    if found is None:
        return ""
    if found.forbidden:
        return found.forbidden[0].legal_ref
    return next((row.grounds[0].legal_ref for row in found.open_rows if row.grounds), "")


def businesses_with_listings(session: Session, *, after: int = 0, limit: int = 500) -> list[int]:
    """Ids of businesses that have a listing which is not taken down, in order, from ``after`` on."""
    statement = select(Listing.business_id).where(
        Listing.state != ListingState.DELISTED.value, Listing.business_id > after
    )
    return list(session.scalars(statement.distinct().order_by(Listing.business_id).limit(limit)))


__all__ = [
    "NewListing",
    "assess",
    "change_quantity",
    "create",
    "delist",
    "lapsed",
    "make_ready",
    "refresh_business",
]
