"""What the register of businesses and the permits add to a case file."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.businesses.models import Business
from app.cases.case_file import Holder, IssuedPermit, Neighbours
from app.core import clock
from app.permits import lookup, verification
from app.permits.models import STATE_TITLES, Permit
from app.permits.words import amount


def _business(session: Session, business_id: int) -> Holder | None:
    found = session.execute(select(Business.number, Business.name).where(Business.id == business_id)).one_or_none()
    return Holder(found.number, found.name) if found is not None else None


def _permits(session: Session, case_id: int) -> list[IssuedPermit]:
    return [_issued(permit) for permit in lookup.by_case(session, case_id)]


def _issued(permit: Permit) -> IssuedPermit:
    state = verification.state(permit, clock.now())
    return IssuedPermit(
        number=permit.number,
        title=permit.title,
        state=state.value,
        state_title=str(STATE_TITLES[state]),
        valid_from=permit.valid_from,
        valid_to=permit.valid_to,
        conditions=permit.conditions,
        lines=tuple(
            (line.description, line.hs, amount(line.quantity, line.unit), str(line.value)) for line in permit.lines
        ),
    )


NEIGHBOURS = Neighbours(business=_business, permits=_permits)
