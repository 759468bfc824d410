"""Finding businesses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session, raiseload

from app.businesses import ownership
from app.businesses.models import Business, BusinessEvent, BusinessPerson, BusinessVersion
from app.cases import history as history_of_cases
from app.core.errors import NotFound

history_of_cases.know_registration(
    lambda business_id: select(Business.registered_at).where(Business.id == business_id).scalar_subquery()
)


def get(session: Session, business_id: int) -> Business:
    """Raises NotFound."""
    business = session.get(Business, business_id)
    if business is None:
        raise NotFound
    return business


def by_number(session: Session, number: str) -> Business:
    """Raises NotFound."""
    business = session.scalar(select(Business).where(Business.number == number.strip().upper()))
    if business is None:
        raise NotFound
    return business


def by_case(session: Session, case_id: int) -> Business | None:
    """The business a registration case made."""
    return session.scalar(select(Business).where(Business.case_id == case_id))


def several(session: Session, ids: Iterable[int | None]) -> dict[int, Business]:
    """By id, in one statement, without their people; unknown ids are left out."""
    wanted = {key for key in ids if key is not None}
    if not wanted:
        return {}
    rows = session.scalars(select(Business).where(Business.id.in_(wanted)).options(raiseload(Business.people)))
    return {business.id: business for business in rows}


def versions(session: Session, business_id: int) -> Sequence[BusinessVersion]:
    """Newest first."""
    statement = select(BusinessVersion).where(BusinessVersion.business_id == business_id)
    return session.scalars(statement.order_by(BusinessVersion.number.desc())).all()


def history(session: Session, business_id: int) -> Sequence[BusinessEvent]:
    """Changes of state, oldest first."""
    statement = select(BusinessEvent).where(BusinessEvent.business_id == business_id)
    return session.scalars(statement.order_by(BusinessEvent.id)).all()


@dataclass(frozen=True)
class Holding:
    """A person in the register now; ``percent`` is None for who holds no share."""

    person: BusinessPerson
    percent: Decimal | None


def holdings(business: Business) -> list[Holding]:
    """Everyone with a role today, with percentages that add up to exactly 100.00."""
    people = [person for person in business.people if person.valid_to is None]
    owners = [person for person in people if person.shares]
    percent: dict[int, Decimal] = {}
    if owners:
        parts = ownership.percentages([person.shares or 0 for person in owners])
        percent = {owner.id: part for owner, part in zip(owners, parts, strict=True)}
    return [Holding(person, percent.get(person.id)) for person in people]
