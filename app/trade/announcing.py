"""What others learn of a listing's change, in its transaction: history, audit entry, event, messages to the members."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries, verbs
from app.businesses.models import Business
from app.core import clock, i18n
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity import memberships, people
from app.identity.actor import Actor
from app.jurisdictions import load
from app.jurisdictions import lookup as rules
from app.jurisdictions.model import Pack
from app.outbox import events
from app.trade.models import Listing, ListingAction, ListingEvent, ListingState

STATE_CHANGED = "listing.state_changed"

VERBS: dict[ListingAction, str] = {
    ListingAction.CREATED: verbs.register("listing.created", _l("Listing saved")),
    ListingAction.READY: verbs.register("listing.ready", _l("Listing made ready")),
    ListingAction.FROZEN: verbs.register("listing.frozen", _l("Listing frozen")),
    ListingAction.THAWED: verbs.register("listing.thawed", _l("Listing no longer frozen")),
    ListingAction.CHANGED: verbs.register("listing.changed", _l("Quantity of a listing changed")),
    ListingAction.DELISTED: verbs.register("listing.delisted", _l("Listing taken down")),
}
ACTION_TITLES: dict[ListingAction, Text] = {
    ListingAction.CREATED: _l("Saved"),
    ListingAction.READY: _l("Made ready"),
    ListingAction.FROZEN: _l("Frozen"),
    ListingAction.THAWED: _l("No longer frozen: it waits for you to make it ready"),
    ListingAction.CHANGED: _l("Quantity changed"),
    ListingAction.DELISTED: _l("Taken down"),
}

_SENTENCES: dict[str, Text] = {
    "missing": _l("%(what)s is missing."),
    "expired": _l("%(what)s has expired."),
    "not_enough": _l("%(what)s has not enough left for the quantity you offer."),
    "used_up": _l("%(what)s is used up."),
    "suspended": _l("%(what)s is suspended."),
    "revoked": _l("%(what)s was revoked."),
    "not_yet_valid": _l("%(what)s is not valid yet."),
    "in_progress": _l("%(what)s is not decided yet."),
    "prohibited": _l("%(what)s"),
    "refer": _l("%(what)s"),
}


class ListingStateChanged(BaseModel):
    """A listing on your channel changed; nobody else is told. Ask for the listing itself to learn more."""

    model_config = ConfigDict(extra="forbid")

    reference: str = Field(description="The listing's reference.", examples=["LS-2026-00042-K"])
    channel: str = Field(description="Code of the channel it is for.", examples=["alibaba-com"])
    sku: str = Field(description="The seller's own reference; may be empty.", examples=["BOURBON-26"])
    title: str = Field(description="What the seller calls it.", examples=["Bourbon green coffee, 2026 harvest"])
    hs: str = Field(description="Code of the Harmonized System, six digits; empty for a service.", examples=["090111"])
    destination: str = Field(description="The country sold to (ISO 3166-1).", examples=["CN"])
    state: str = Field(description="The state it is in now; only “ready” may be sold.", examples=["frozen"])
    previous_state: str | None = Field(description="The state it was in before; null when it is new.")
    reason_code: str = Field(default="", description="Why, as a code; empty when none applies.", examples=["suspended"])
    occurred_at: datetime = Field(description="When it happened.")


events.register(
    STATE_CHANGED,
    ListingStateChanged,
    title=_l("A listing became ready, was frozen or was taken down."),
    scope="listings:read",
)


@dataclass(frozen=True)
class Change:
    """``previous`` is None for a listing that was just saved."""

    listing: Listing
    action: ListingAction
    previous: ListingState | None


def tell(session: Session, change: Change, actor: Actor, *, authority: str = "") -> None:
    """Everything but the messages to people, which come once for several listings. The listing is already changed."""
    listing = change.listing
    now = clock.now()
    session.add(
        ListingEvent(
            listing_id=listing.id,
            action=change.action.value,
            from_state=change.previous.value if change.previous else None,
            to_state=listing.state,
            at=now,
            actor_id=actor.user_id,
            actor_name=actor.name,
            reason_code=listing.reason_code,
            reason_subject=listing.reason_subject,
        )
    )
    entries.record(
        session,
        actor,
        VERBS[change.action],
        subject=f"listing:{listing.id}",
        reference=listing.reference,
        business_id=listing.business_id,
        detail={
            "previous": change.previous.value if change.previous else None,
            "state": listing.state,
            "reason_code": listing.reason_code,
            "reason_subject": listing.reason_subject,
            "quantity": listing.quantity,
            "unit": listing.unit,
        },
        authority=authority,
    )
    # A draft nobody abroad has ever seen is its owner's business alone.
    if listing.ready_at is not None and change.previous is not listing.stored_state:
        events.emit(
            session,
            STATE_CHANGED,
            subject=f"listing:{listing.reference}",
            data={
                "reference": listing.reference,
                "channel": listing.channel,
                "sku": listing.sku,
                "title": listing.title,
                "hs": listing.hs,
                "destination": listing.destination,
                "state": listing.state,
                "previous_state": change.previous.value if change.previous else None,
                "reason_code": listing.reason_code,
                "occurred_at": now,
            },
            business_id=listing.business_id,
            channel=listing.channel,
        )
    session.flush()


def write_to_members(session: Session, business: Business, template: str, listings: Sequence[Listing]) -> None:
    """One message to each member about all the listings, in the reader's language."""
    if not listings:
        return
    pack = load.current()
    path = f"/listings/{listings[0].reference}" if len(listings) == 1 else "/listings"
    for member in memberships.members_of(session, business.id):
        locale = people.user(session, member.user_id).locale
        with i18n.use_locale(locale, pack.zone):
            values = {
                "business": business.name,
                "listings": [
                    {
                        "reference": each.reference,
                        "title": each.title,
                        "reason": reason_sentence(pack, each.reason_code, each.reason_subject),
                    }
                    for each in listings
                ],
                "path": path,
            }
        notifications.send(session, user_id=member.user_id, template=template, locale=locale, values=values)


def reason_sentence(pack: Pack, code: str, subject: str) -> str:
    """Why a listing is frozen, in the reader's language; empty when it is not. See ``Readiness.reason``."""
    if not code:
        return ""
    return str(_SENTENCES.get(code, _SENTENCES["missing"])) % {"what": _subject(pack, subject)}


def _subject(pack: Pack, code: str) -> str:
    """A permit kind's, control's or channel's name; the reason itself names nothing else."""
    if code == "business":
        return _("Your business's registration")
    if code == "channel":
        return _("The channel")
    kind = rules.find(pack.permit_kinds, code)
    control = rules.find(pack.controls, code)
    return kind.name if kind else control.name if control else code


__all__ = [
    "ACTION_TITLES",
    "STATE_CHANGED",
    "Change",
    "ListingStateChanged",
    "reason_sentence",
    "tell",
    "write_to_members",
]
