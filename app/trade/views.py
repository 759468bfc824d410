"""Pages: what a product needs (``/readiness``), and the listings of the business acted for."""

import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.businesses import lookup as businesses
from app.core import clock, db
from app.core.errors import Invalid
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.identifiers import public_code, token
from app.identity.actor import Role
from app.identity.policy import Permission
from app.jurisdictions import load
from app.jurisdictions import lookup as rules
from app.permits.words import amount
from app.reference import countries, hs
from app.trade import listings, readiness
from app.trade.announcing import ACTION_TITLES, reason_sentence
from app.trade.models import STATE_KINDS, STATE_TITLES, Listing, ListingAction, ListingEvent, ListingState
from app.trade.readiness import Question, Readiness, plain_number
from app.trade.showing import checklist
from app.web import navigation
from app.web.guards import actor, current_actor, posted_form, requires
from app.web.paging import read_id
from forms.trade import ListingForm, OfferForm, ReadinessForm

blueprint = Blueprint("trade", __name__)

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_ASKED = ("hs", "destination", "channel", "quantity", "unit")

navigation.register(
    navigation.NavigationItem(_l("What do I need?"), "/readiness", order=10),
    navigation.NavigationItem(_l("What do I need?"), "/readiness", roles=frozenset({Role.ENTREPRENEUR}), order=10),
)


@blueprint.get("/readiness")
@requires(Permission.PUBLIC)
def ask() -> ResponseReturnValue:
    """The question and, once it is whole, its answer under an address of its own.

    Without signing in: which permits are needed. For an entrepreneur: which of them their business holds.
    """
    typed = request.args
    if not any(name in typed for name in (*_ASKED, "_search")):
        return render_template("trade/readiness.html", form=ReadinessForm(None), answer=None)
    form = ReadinessForm(typed)
    if form.handle_buttons(typed):
        return render_template("trade/readiness.html", form=form, answer=None)
    if not form.validate():
        return render_template("trade/readiness.html", form=form, answer=None), 422
    quantity, unit = form.amount
    asked = Question(form.hs.data or "", form.destination.data, form.channel.data, quantity, unit)
    whole = _address(asked)
    if {name: typed.getlist(name) for name in _ASKED if name in typed} != {
        name: [each] for name, each in whole.items()
    }:
        return redirect(url_for("trade.ask", **whole), 303)
    return _answered(form, asked)


def _answered(form: ReadinessForm, asked: Question) -> ResponseReturnValue:
    session, pack, who = db.session(), load.current(), current_actor()
    entrepreneur = who is not None and who.role is Role.ENTREPRENEUR
    business = None
    if who is not None and entrepreneur and who.business_id is not None:
        business = businesses.get(session, who.business_id)
    description = _product(asked)
    found = readiness.answer(
        session, pack, asked, business=business, applicant_id=who.user_id if who and entrepreneur else None,
        description=description,
    )  # fmt: skip
    return render_template(
        "trade/readiness.html",
        form=form,
        answer=found,
        items=checklist(pack, found),
        asked=_words(asked),
        business=business,
        entrepreneur=entrepreneur,
        save_url=url_for("trade.new", **_address(asked)),
        key=_key(),
    )


def _address(asked: Question) -> dict[str, Any]:
    """The question as a query that reads the same in every language.

    A number with exactly three decimals gets a fourth: "1.234" means thousands to some readers.
    """
    number = plain_number(asked.quantity) if asked.quantity is not None else ""
    if len(number.partition(".")[2]) == 3:
        number += "0"
    known = {
        "hs": asked.hs,
        "destination": asked.destination,
        "channel": asked.channel,
        "quantity": number,
        "unit": asked.unit or "",
    }
    return {name: value for name, value in known.items() if value}


def _key() -> str:
    """Against double clicks; each button of the page adds its own code, and the whole must not be too long."""
    return public_code(100)


def _product(asked: Question) -> str:
    found = hs.find(asked.hs) if asked.hs else None
    return found.name if found else ""


def _words(asked: Question) -> dict[str, str]:
    """The question as people read it."""
    channel = rules.find(load.current().channels, asked.channel)
    goods = hs.find(asked.hs) if asked.hs else None
    return {
        "product": _("%(name)s (HS %(code)s)", name=goods.name, code=goods.dotted) if goods else _("A service"),
        "destination": countries.name(asked.destination),
        "channel": channel.name if channel else asked.channel,
        "quantity": amount(asked.quantity, asked.unit) if asked.quantity is not None and asked.unit else "",
    }


# Listings


@blueprint.get("/listings")
@requires(Permission.BUSINESS_VIEW)
def overview() -> ResponseReturnValue:
    """The listings of the business acted for, newest first."""
    session, who = db.session(), actor()
    business = businesses.get(session, who.business_id) if who.business_id is not None else None
    start = read_id(request.args.get("before"))
    found: list[Listing] = []
    if business is not None:
        found = listings.of_business(session, business.id, before=start, limit=listings.PAGE + 1)
    shown = found[: listings.PAGE]
    lapsed = listings.lapsed(session, shown, {business.id: business}) if business is not None else {}
    return render_template(
        "trade/listings.html",
        business=business,
        cards=[_card(each, lapsed.get(each.id)) for each in shown],
        older=shown[-1].id if len(found) > listings.PAGE else None,
        first=start is None,
    )


def _card(listing: Listing, lapse: Readiness | None) -> dict[str, Any]:
    """``lapse``: what it lacks, though nobody has frozen it yet."""
    state = ListingState.FROZEN if lapse else listing.stored_state
    reason = lapse.reason if lapse else (listing.reason_code, listing.reason_subject)
    return {
        "listing": listing,
        "url": url_for("trade.detail", reference=listing.reference),
        "status": STATE_TITLES[state],
        "kind": STATE_KINDS[state],
        "reason": reason_sentence(load.current(), *reason),
        **_words(listings.question(listing)),
    }


@blueprint.route("/listings/new", methods=["GET", "POST"])
@requires(Permission.BUSINESS_VIEW)
def new() -> ResponseReturnValue:
    """Give the answer of the readiness page a title and keep it. The page carries a key against double clicks."""
    session, pack, who = db.session(), load.current(), actor()
    typed = posted_form()
    known = {name: request.args.get(name, "") for name in _ASKED}
    form = ListingForm(typed or None, data=None if typed else {**_defaults(known), "key": token()})
    if who.business_id is None:
        return render_template("trade/new.html", form=form, business=None, asked=None)
    asked = Question(
        form.hs.data or "", form.destination.data or "", form.channel.data or "",
        *(form.amount if typed else (None, None)),
    )  # fmt: skip
    try:
        readiness.check(pack, replace(asked, quantity=None, unit=None), clock.today(pack.zone))
    except Invalid:
        flash(_("Say first what you want to sell, where and on which channel."), "warn")
        return redirect(url_for("trade.ask"), 303)
    if request.method == "POST" and form.validate():
        key = form.key.data if _KEY.fullmatch(form.key.data or "") else token()
        try:
            wanted = listings.NewListing(form.title.data, asked, form.sku.data or "")
            listing = listings.create(session, who, wanted, idempotency_key=key)
        except Invalid as error:
            form.refuse(error.problems)
        else:
            session.commit()
            ready = listing.stored_state is ListingState.READY
            flash(_("The listing is ready to sell.") if ready else _("The listing is saved."))
            return redirect(url_for("trade.detail", reference=listing.reference), 303)
    page = render_template(
        "trade/new.html",
        form=form,
        business=businesses.get(session, who.business_id),
        asked=_words(asked),
        back=url_for("trade.ask", **_address(replace(asked, quantity=None, unit=None))),
    )
    return page, 422 if form.errors or form.form_errors else 200


def _defaults(known: dict[str, str]) -> dict[str, Any]:
    """What the address carries, as the form's data; a spoilt quantity is left out."""
    found: dict[str, Any] = {name: known[name] for name in ("hs", "destination", "channel", "unit")}
    if re.fullmatch(r"\d{1,12}(\.\d{1,4})?", known["quantity"]):
        found["quantity"] = Decimal(known["quantity"])
    product = hs.find(known["hs"]) if known["hs"] else None
    found["title"] = product.name[:120] if product else ""
    return found


@blueprint.get("/listings/<reference>")
@requires(Permission.BUSINESS_VIEW)
def detail(reference: str) -> ResponseReturnValue:
    listing = listings.load_own(db.session(), actor(), reference)
    return _page(listing)


def _page(listing: Listing, error: Invalid | None = None) -> ResponseReturnValue:
    session, pack = db.session(), load.current()
    found = listings.assess(session, listing)
    page = render_template(
        "trade/listing.html",
        listing=listing,
        card=_card(listing, found if listing.stored_state is ListingState.READY and not found.ready else None),
        answer=found,
        items=checklist(pack, found),
        asked=_words(found.question),
        history=[_event(each) for each in reversed(listings.history(session, listing))],
        declare=_declaration(listing, found),
        problems=error.problems if error else (),
        entrepreneur=actor().business_id == listing.business_id,
        business=True,
        key=_key(),
    )
    return page, 422 if error else 200


def _declaration(listing: Listing, found: Readiness) -> dict[str, str]:
    """What the customs declaration of a shipment is filled with; empty for services and before all is held."""
    if not listing.hs or not found.ready or listing.stored_state is ListingState.DELISTED:
        return {}
    known = {"hs": listing.hs, "description": listing.title, "destination": listing.destination}
    return known | ({"permit_line": str(found.permit_line)} if found.permit_line is not None else {})


def _event(event: ListingEvent) -> dict[str, Any]:
    return {
        "title": ACTION_TITLES[ListingAction(event.action)],
        "at": event.at,
        "by": event.actor_name,
        "text": reason_sentence(load.current(), event.reason_code, event.reason_subject),
    }


def _version(typed: str | None) -> int:
    """The version the owner saw; a page that sends none has seen none, and whatever it asks is out of date."""
    return read_id(typed) or 0


@blueprint.post("/listings/<reference>/ready")
@requires(Permission.BUSINESS_VIEW)
def make_ready(reference: str) -> ResponseReturnValue:
    session = db.session()
    listing = listings.load_own(session, actor(), reference)
    try:
        listings.make_ready(session, listing, actor(), version=_version(request.form.get("version")))
    except Invalid as error:
        session.rollback()
        return _page(listings.load_own(session, actor(), reference), error)
    session.commit()
    flash(_("The listing is ready to sell."))
    return redirect(url_for("trade.detail", reference=listing.reference), 303)


@blueprint.route("/listings/<reference>/quantity", methods=["GET", "POST"])
@requires(Permission.BUSINESS_VIEW)
def quantity(reference: str) -> ResponseReturnValue:
    session = db.session()
    listing = listings.load_own(session, actor(), reference)
    known = {"quantity": listing.quantity, "unit": listing.unit, "version": listing.version}
    form = OfferForm(posted_form() or None, data=known)
    address = url_for("trade.detail", reference=listing.reference)
    if request.method == "POST" and form.validate():
        version = _version(request.form.get("version"))  # the form's own falls back on what is true now
        try:
            listings.change_quantity(session, listing, actor(), *form.amount, version=version)
        except Invalid as error:
            form.refuse(error.problems)
        else:
            session.commit()
            flash(_("The quantity is changed."))
            return redirect(address, 303)
    page = render_template("trade/quantity.html", form=form, listing=listing, back=address)
    return page, 422 if form.errors or form.form_errors else 200


@blueprint.route("/listings/<reference>/delist", methods=["GET", "POST"])
@requires(Permission.BUSINESS_VIEW)
def delist(reference: str) -> ResponseReturnValue:
    """Ask once more, then take it down."""
    session = db.session()
    listing = listings.load_own(session, actor(), reference)
    address = url_for("trade.detail", reference=listing.reference)
    if request.method == "POST":
        listings.delist(session, listing, actor(), version=_version(request.form.get("version")))
        session.commit()
        flash(_("The listing was taken down."))
        return redirect(address, 303)
    return render_template("trade/delist.html", listing=listing, back=address)
