"""``GET /permits/<number>``: what a platform may know about a permit. No person appears in it."""

from datetime import date

from pydantic import BaseModel, Field

from app.api.guards import scope
from app.api.operations import operation
from app.api.schemas import Quantity
from app.businesses import lookup as businesses
from app.core import clock, db
from app.core.errors import NotFound
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.jurisdictions import load
from app.jurisdictions import lookup as packs
from app.permits import lookup as permits
from app.permits import verification
from app.permits.models import STATE_TITLES, Permit, PermitLine
from app.permits.words import conditions


class Party(BaseModel):
    number: str = Field(description=_("Its number in the business register."), examples=["RW-RDB-2026-00042-K"])
    name: str = Field(examples=["Nyungwe Coffee Cooperative"])


class Issuer(BaseModel):
    code: str = Field(examples=["naeb"])
    name: str = Field(examples=["National Agricultural Export Development Board"])


class Line(BaseModel):
    hs: str = Field(description=_("Code of the Harmonized System."), examples=["090111"])
    description: str = Field(examples=["Green coffee, arabica"])
    quantity: Quantity = Field(description=_("What the permit allows in all."))
    remaining: Quantity = Field(description=_("What is neither used nor reserved yet."))
    unit: str = Field(description=_("Unit, UN/ECE Recommendation 20."), examples=["KGM"])


class PermitAnswer(BaseModel):
    """A permit as it is now."""

    number: str = Field(examples=["RW-COFFEE-EXPORT-2026-00042-K"])
    kind: str = Field(description=_("Code of the permit kind."), examples=["coffee-export"])
    title: str = Field(description=_("What it is called, in the language asked for."), examples=["Coffee export"])
    state: str = Field(
        description=_("active, not_yet_valid, suspended, revoked, expired or used_up; only “active” may be relied on."),
        examples=["active"],
    )
    state_title: str = Field(description=_("The state in words."), examples=["Valid"])
    holder: Party
    issuer: Issuer
    destination: str | None = Field(
        description=_("The only country it is for (ISO 3166-1), or null for all."), examples=["CN"]
    )
    valid_from: date = Field(description=_("First day, in the issuer's country."))
    valid_to: date = Field(description=_("Last day, in the issuer's country."))
    lines: list[Line] = Field(description=_("The goods; empty for a permit without quantities."))
    conditions: list[str] = Field(
        description=_(
            "What the holder must keep to, in the language asked for, each with its legal basis; a condition an "
            "official wrote themselves stays in its own words. Empty: none."
        ),
        examples=[["Each lot is sampled before loading (illustrative)"]],
    )


@scope("permits:read")
@operation(
    summary=_l("Look a permit up"),
    description=_l("Ask again before you rely on it: a permit may be suspended at any time. An ETag makes that cheap."),
    tag="permits",
    response=PermitAnswer,
    errors=(404,),
    etag=True,
)
def permit(number: str) -> PermitAnswer:
    session = db.session()
    try:
        found = permits.by_number(session, number)
    except NotFound as error:
        raise NotFound(_l("There is no permit with this number.")) from error
    holder = businesses.several(session, [found.business_id])[found.business_id]
    return _answer(found, Party(number=holder.number, name=holder.name))


def _answer(found: Permit, holder: Party) -> PermitAnswer:
    pack = load.current()
    state = verification.state(found, clock.now())
    return PermitAnswer(
        number=found.number,
        kind=found.kind,
        title=packs.permit_kind(pack, found.kind).name,
        state=state.value,
        state_title=str(STATE_TITLES[state]),
        holder=holder,
        issuer=Issuer(code=found.agency, name=packs.agency(pack, found.agency).name),
        destination=found.destination,
        valid_from=found.valid_from,
        valid_to=found.valid_to,
        lines=[_line(line) for line in found.lines],
        conditions=conditions(found),
    )


def _line(line: PermitLine) -> Line:
    return Line(
        hs=line.hs, description=line.description, quantity=line.quantity, remaining=line.available, unit=line.unit
    )


__all__ = ["PermitAnswer", "permit"]
