"""What the registration service hands to the register. Frozen, and kept as JSON in the entry's version."""

from dataclasses import asdict, dataclass
from typing import Any

from app.core.money import Money


@dataclass(frozen=True)
class PersonFacts:
    """A person in a role. ``role`` is one of the entity type's (owner, shareholder, partner, member, director, …)."""

    name: str
    role: str
    document_kind: str  # "national_id", "passport"
    document_number: str
    document_country: str  # ISO 3166-1 alpha-2
    nationality: str  # ISO 3166-1 alpha-2
    shares: int | None = None


@dataclass(frozen=True)
class RegistrationFacts:
    """The facts of a new entry. ``activities`` are ISIC Rev. 4 classes, the principal one first.

    ``unit_code`` is the administrative unit of the seat. ``shares_issued`` is None for forms without shares.
    """

    name: str
    entity_type: str
    activities: tuple[str, ...]
    unit_code: str
    street: str
    phone: str
    email: str
    people: tuple[PersonFacts, ...]
    trade_name: str | None = None
    capital: Money | None = None
    shares_issued: int | None = None
    tax_number: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
