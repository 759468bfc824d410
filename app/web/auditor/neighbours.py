"""What the register of businesses and the permits add to a case file."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.businesses.models import Business
from app.cases import findings_lists
from app.cases.case_file import Holder, IssuedPermit, Surroundings
from app.cases.findings_lists import OfCase
from app.cases.models import Case
from app.core import clock
from app.core.together import Statement, Together
from app.identity.actor import Actor
from app.permits import verification
from app.permits.models import STATE_TITLES, Permit, PermitLine
from app.permits.words import amount, conditions

_ISSUED = Permit.case_id == bindparam("case")
_PARTS: tuple[Statement, ...] = (
    select(Business).where(Business.id == bindparam("business")),
    select(Permit).where(_ISSUED),
    select(PermitLine).where(PermitLine.permit_id.in_(select(Permit.id).where(_ISSUED))),
)
_AROUND = Together(*_PARTS)
_WITH_FINDINGS = Together(*_PARTS, *findings_lists.PARTS)


def around(session: Session, case: Case) -> Surroundings:
    return _surroundings(_AROUND.read(session, case=case.id, business=case.business_id))


class WithFindings:
    """As ``around``; what auditors found in the case comes with the same statement, and is kept in ``found``."""

    def __init__(self, reader: Actor) -> None:
        self._reader = reader
        self.found = OfCase([], [], {})

    def __call__(self, session: Session, case: Case) -> Surroundings:
        read = _WITH_FINDINGS.read(session, case=case.id, business=case.business_id, reader=self._reader.user_id)
        self.found = findings_lists.of_parts(read[len(_PARTS) :])
        return _surroundings(read[: len(_PARTS)])


def _surroundings(read: Sequence[list[Any]]) -> Surroundings:
    businesses, permits, lines = read
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
        conditions="\n".join(conditions(permit)),
        lines=tuple((line.description, line.hs, amount(line.quantity, line.unit), str(line.value)) for line in lines),
    )
