"""Businesses for tests."""

from itertools import count

from sqlalchemy.orm import Session

from app.businesses import register
from app.businesses.facts import PersonFacts, RegistrationFacts
from app.businesses.models import Business
from app.cases.models import Case
from app.core import clock
from app.core.money import Money
from app.identity import memberships
from app.identity.actor import MembershipRole
from app.identity.models import User
from app.jurisdictions import load
from app.models_index import import_models
from tests.factories.people import make_user

import_models()  # foreign keys reach into packages that a test may not import
_numbers = count(1)
_taxpayers = count(1)


def facts(**changes: object) -> RegistrationFacts:
    """A small company of two shareholders, 600 and 400 shares, one of them the director."""
    number = next(_numbers)
    values: dict[str, object] = {
        "name": f"Umusozi Trading {number} Ltd",
        "entity_type": "ltd",
        "activities": ("4630",),
        "unit_code": load.current().units[0].code,
        "street": "KG 7 Ave 12",
        "phone": "+250788000001",
        "email": "office@umusozi.example",
        "people": (
            PersonFacts("Aline Uwase", "shareholder", "passport", "PC0000001", "RW", "RW", 600),
            PersonFacts("Jean Habimana", "shareholder", "passport", "PC0000002", "RW", "RW", 400),
            PersonFacts("Aline Uwase", "director", "passport", "PC0000001", "RW", "RW"),
        ),
        "capital": Money(1_000_000, "RWF"),
        "shares_issued": 1000,
        "tax_number": f"999{next(_taxpayers):06d}",
    }
    return RegistrationFacts(**(values | changes))  # type: ignore[arg-type]


def make_business(session: Session, *, owner: User | None = None, **changes: object) -> Business:
    """An active Rwandan business; ``owner`` becomes a member of it."""
    pack = load.configure("RW")
    business = register.create(session, pack, None, facts(**changes))
    if owner is not None:
        memberships.add(session, owner.id, business.id, MembershipRole.OWNER)
    session.flush()
    return business


def make_registration(session: Session, applicant: User | None = None) -> Case:
    """A draft registration, for what a case must exist to hold."""
    number = next(_numbers)
    case = Case(
        reference=f"BR-2026-{number:05d}-T",
        service="registration",
        applicant_id=(applicant or make_user(session)).id,
        idempotency_key=f"test-{number}",
        created_at=clock.now(),
        updated_at=clock.now(),
    )
    session.add(case)
    session.flush()
    return case
