"""Between the answers of the application and the facts of the register."""

from decimal import Decimal

from app.businesses import names
from app.businesses.facts import PersonFacts, RegistrationFacts
from app.cases.registry import JsonObject
from app.core import clock
from app.core.money import parse
from app.jurisdictions import lookup
from app.jurisdictions.model import EntityType, Pack


def legal_form(pack: Pack, data: JsonObject) -> EntityType | None:
    """As it is today; a form that is no more, as it last was."""
    code = data.get("legal_form", {}).get("entity_type")
    if not code:
        return None
    return lookup.find(pack.entity_types, code, clock.today(pack.zone)) or lookup.find(pack.entity_types, code)


def legal_name(pack: Pack, data: JsonObject) -> str:
    """The name with its legal form after it, as the law has it written: "Urumuri Tea Hills Ltd"."""
    name = str(data.get("name", {}).get("name") or "")
    kind = legal_form(pack, data)
    if not name or kind is None or not kind.suffix or names.has_legal_word(pack, name):
        return name
    return f"{name} {kind.suffix}"


def from_answers(pack: Pack, data: JsonObject) -> RegistrationFacts:
    """The register's facts. A person with two roles becomes two entries; shares stand on the owner's."""
    kind = legal_form(pack, data)
    assert kind is not None  # a submission is complete
    activity, address, capital = data["activity"], data["address"], data.get("capital", {})
    people = []
    for person in data["people"]["people"]:
        for role in person["roles"]:
            people.append(
                PersonFacts(
                    name=person["name"],
                    role=kind.owner_role if role == "owner" else kind.manager_role,
                    document_kind=person["document_kind"],
                    document_number=person["document_number"],
                    document_country=person["nationality"],
                    nationality=person["nationality"],
                    shares=person.get("shares") if role == "owner" else None,
                )
            )
    return RegistrationFacts(
        name=legal_name(pack, data),
        entity_type=kind.code,
        activities=tuple(code for code in (activity["main"], activity.get("other")) if code),
        unit_code=address["unit"],
        street=address["street"],
        phone=address["phone"],
        email=address["email"],
        people=tuple(people),
        trade_name=data["name"].get("trade_name") or None,
        tax_number=address.get("tax_number") or None,
        capital=parse(Decimal(str(capital["capital"])), pack.currency) if kind.has_shares else None,
        shares_issued=int(capital["shares_issued"]) if kind.has_shares else None,
    )
