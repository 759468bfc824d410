"""What the register of businesses and the permits add to a case file."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.businesses.models import Business
from app.cases.case_file import Holder, IssuedPermit, Surroundings
from app.cases.models import Case
from app.core import clock
from app.core.together import Together
from app.permits import verification
from app.permits.models import STATE_TITLES, Permit, PermitLine
from app.permits.words import amount

_ISSUED = Permit.case_id == bindparam("case")
_AROUND = Together(
    select(Business).where(Business.id == bindparam("business")),
    select(Permit).where(_ISSUED),
    select(PermitLine).where(PermitLine.permit_id.in_(select(Permit.id).where(_ISSUED))),
)


def around(session: Session, case: Case) -> Surroundings:
    businesses, permits, lines = _AROUND.read(session, case=case.id, business=case.business_id)
    holder = Holder(businesses[0].number, businesses[0].name) if businesses else None
    return Surroundings(
        holder, [_issued(permit, [line for line in lines if line.permit_id == permit.id]) for permit in permits]
    )


def _issued(permit: Permit, lines: list[PermitLine]) -> IssuedPermit:
    state = verification.state(permit, clock.now())
    return IssuedPermit(
        number=permit.number,
        title=permit.title,
        state=state.value,
        state_title=str(STATE_TITLES[state]),
        valid_from=permit.valid_from,
        valid_to=permit.valid_to,
        conditions=permit.conditions,
        lines=tuple((line.description, line.hs, amount(line.quantity, line.unit), str(line.value)) for line in lines),
    )
