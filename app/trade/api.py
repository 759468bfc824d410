"""What platforms ask: may this business list this product for that market, and what became of the listings?

No person appears in any answer. A platform sees the listings of its own channels, and only from the moment a listing
was ready for the first time: a draft is its owner's business.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, Field

from app.api.kit import Document, Page, PageQuery, Quantity, bearer, cursor, operation, read_cursor, scope
from app.api.kit import blueprint as make_blueprint
from app.businesses import lookup as businesses
from app.businesses.models import Business
from app.core import clock, db
from app.core.errors import Invalid, NotFound
from app.core.errors import Problem as DomainProblem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import load
from app.trade import listings, readiness
from app.trade.models import Listing, ListingState
from app.trade.readiness import Question, Readiness, Row

blueprint = make_blueprint("trade_api", __name__)


class Product(Document):
    hs: str = Field(
        default="", max_length=12, description=_("Code of the Harmonized System, six digits; empty for a service."),
        examples=["090111"],
    )  # fmt: skip


class ReadinessQuestion(Document):
    """A product, a market and a business."""

    business: str = Field(
        max_length=60, description=_("Its number in the business register."), examples=["RW-RDB-2026-00042-K"]
    )
    product: Product
    destination: str = Field(
        min_length=2, max_length=2, description=_("The country sold to (ISO 3166-1)."), examples=["CN"]
    )
    channel: str = Field(max_length=40, description=_("Code of the channel it is sold on."), examples=["alibaba-com"])
    quantity: Decimal | None = Field(
        default=None, gt=0, max_digits=15, decimal_places=3,
        description=_("How much is offered; compared with what the permits have left."), examples=["12000"],
    )  # fmt: skip
    unit: str | None = Field(
        default=None, max_length=3, description=_("Unit, UN/ECE Recommendation 20."), examples=["KGM"]
    )


class PermitHeld(BaseModel):
    number: str = Field(examples=["RW-COFFEE-EXPORT-2026-00042-K"])
    valid_to: date = Field(description=_("Last day, in the issuer's country."))
    remaining: Quantity | None = Field(
        description=_("What is left on all permits of this kind that count; null where quantities do not matter.")
    )
    unit: str | None = Field(description=_("Unit, UN/ECE Recommendation 20."), examples=["KGM"])


class RequirementAnswer(BaseModel):
    code: str = Field(description=_("What it is: “business”, “channel”, or the code of a permit kind or rule."))
    kind: str | None = Field(description=_("Code of the permit kind, if it asks for a permit."))
    title: str = Field(description=_("What it is called, in the language asked for."), examples=["Coffee export"])
    state: str = Field(
        description=_("held, in_progress, missing, expired, not_enough, suspended, or information."), examples=["held"]
    )
    rule: str = Field(description=_("The rule in words, in the language asked for."))
    legal_ref: str = Field(description=_("Where it is written; empty when no source was found."))
    caution: str = Field(description=_("What to beware of; empty when the source is firm."))
    permit: PermitHeld | None = Field(description=_("The permit that decides the state, if there is one."))


class ControlAnswer(BaseModel):
    code: str
    effect: str = Field(description=_("prohibited and refer: never ready; restricted: ask first."))
    rule: str
    legal_ref: str


class ReadinessAnswer(BaseModel):
    """May it be listed now, and if not, what is open."""

    ready: bool
    requirements: list[RequirementAnswer]
    controls: list[ControlAnswer] = Field(description=_("Prohibitions and restrictions on the goods."))
    checked_at: datetime
    pack_version: str = Field(description=_("Which edition of the country's rules was asked."))


class ListingQuery(PageQuery):
    channel: str | None = Field(default=None, max_length=40, description=_("Only this one of your channels."))
    state: Literal["draft", "ready", "frozen", "delisted"] | None = Field(
        default=None, description=_("Only listings in this state.")
    )


class Seller(BaseModel):
    number: str = Field(description=_("Its number in the business register."), examples=["RW-RDB-2026-00042-K"])
    name: str = Field(examples=["Nyungwe Coffee Cooperative"])


class ListingAnswer(BaseModel):
    """A listing as it is now."""

    reference: str = Field(examples=["LS-2026-00042-K"])
    business: Seller
    sku: str = Field(description=_("The seller's own reference; may be empty."))
    title: str = Field(examples=["Bourbon green coffee, 2026 harvest"])
    hs: str = Field(description=_("Code of the Harmonized System, six digits; empty for a service."))
    destination: str = Field(description=_("The country sold to (ISO 3166-1)."), examples=["CN"])
    channel: str = Field(description=_("Code of the channel it is sold on."), examples=["alibaba-com"])
    quantity: Quantity | None = Field(description=_("What the seller offers; null when not stated."))
    unit: str | None = Field(description=_("Unit, UN/ECE Recommendation 20."), examples=["KGM"])
    state: str = Field(description=_("draft, ready, frozen or delisted; only “ready” may be sold."), examples=["ready"])
    reason_code: str = Field(
        description=_("Why it is frozen, as a code; empty when it is not."), examples=["suspended"]
    )
    ready_at: datetime | None = Field(description=_("When it became ready the last time."))
    frozen_at: datetime | None = Field(description=_("When it was frozen the last time."))
    updated_at: datetime


@blueprint.post("/readiness")
@scope("readiness:ask")
@operation(
    summary=_l("Ask whether a product may be listed"),
    description=_l(
        "The answer holds for this moment. Ask again before you publish, and freeze the listing when you hear that a "
        "permit or the listing changed."
    ),
    tag="readiness",
    body=ReadinessQuestion,
    response=ReadinessAnswer,
    errors=(404,),
)
def ask_readiness(body: ReadinessQuestion) -> ReadinessAnswer:
    session, pack = db.session(), load.current()
    asked = Question(
        "".join(sign for sign in body.product.hs if sign not in ". "),
        body.destination.upper(),
        body.channel,
        body.quantity,
        body.unit,
    )
    _check(asked)
    try:
        business = businesses.by_number(session, body.business)
    except NotFound as error:
        raise NotFound(_l("There is no business with this number.")) from error
    found = readiness.answer(session, pack, asked, business=business)
    return ReadinessAnswer(
        ready=found.ready,
        requirements=[_requirement(row) for row in found.rows],
        controls=[
            ControlAnswer(
                code=control.code,
                effect=control.effect,
                rule=control.name,
                legal_ref="" if control.illustrative else control.legal_ref,
            )
            for control in found.controls
        ],
        checked_at=found.checked_at,
        pack_version=found.pack_version,
    )


def _check(asked: Question) -> None:
    """Raises Invalid with the fields as the body names them."""
    pack = load.current()
    try:
        readiness.check(pack, asked, clock.today(pack.zone))
    except Invalid as error:
        named = {"hs": "product.hs"}
        raise Invalid(
            *(
                DomainProblem(each.message, named.get(each.field or "", each.field), each.code)
                for each in error.problems
            )
        ) from error


def _requirement(row: Row) -> RequirementAnswer:
    ground = row.grounds[0]
    permit = row.permit
    return RequirementAnswer(
        code=row.code,
        kind=row.kind,
        title=str(row.title),
        state=row.state.value,
        rule=str(ground.rule),
        legal_ref=ground.legal_ref,
        caution=ground.caution,
        permit=PermitHeld(number=permit.number, valid_to=permit.valid_to, remaining=row.remaining, unit=row.unit)
        if permit is not None
        else None,
    )


@blueprint.get("/listings")
@scope("listings:read")
@operation(
    summary=_l("List the listings made for your channels"),
    description=_l("Those that were ready at least once, the oldest first. Fetch all pages every night to compare."),
    tag="listings",
    query=ListingQuery,
    response=Page[ListingAnswer],
)
def list_listings(query: ListingQuery) -> Page[ListingAnswer]:
    session = db.session()
    channel = bearer().client.channel
    if query.channel not in (None, channel):
        raise Invalid(DomainProblem(_l("This is not one of your channels."), "channel", "not_your_channel"))
    after = read_cursor(query.after, int)[0] if query.after else 0
    found = listings.for_channel(session, channel, state=query.state, after=after, limit=query.limit + 1)
    shown = found[: query.limit]
    return Page[ListingAnswer](
        items=[each for each in _listings(shown) if query.state in (None, each.state)],
        next=cursor(shown[-1].id) if len(found) > query.limit else None,
    )


@blueprint.get("/listings/<reference>")
@scope("listings:read")
@operation(
    summary=_l("Look a listing up"),
    description=_l("Only “ready” may be sold. An ETag makes asking again cheap."),
    tag="listings",
    response=ListingAnswer,
    errors=(404,),
    etag=True,
)
def look_up_listing(reference: str) -> ListingAnswer:
    try:
        found = listings.on_channel(db.session(), bearer().client.channel, reference)
    except NotFound as error:
        raise NotFound(_l("There is no listing with this reference on your channels.")) from error
    return _listings([found])[0]


def _listings(found: list[Listing]) -> list[ListingAnswer]:
    """What is stored as ready and lacks something by now is told as frozen, as it is about to be."""
    session = db.session()
    sellers = businesses.several(session, {each.business_id for each in found})
    lapsed = listings.lapsed(session, found, sellers)
    return [_listing(each, sellers[each.business_id], lapsed.get(each.id)) for each in found]


def _listing(found: Listing, seller: Business, lapse: Readiness | None) -> ListingAnswer:
    return ListingAnswer(
        reference=found.reference,
        business=Seller(number=seller.number, name=seller.name),
        sku=found.sku,
        title=found.title,
        hs=found.hs,
        destination=found.destination,
        channel=found.channel,
        quantity=found.quantity,
        unit=found.unit,
        state=ListingState.FROZEN.value if lapse else found.state,
        reason_code=lapse.reason[0] if lapse else found.reason_code,
        ready_at=found.ready_at,
        frozen_at=lapse.checked_at if lapse else found.frozen_at,
        updated_at=found.updated_at,
    )
