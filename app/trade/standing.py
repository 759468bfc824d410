"""What a business has towards selling: its state in the register, its permits with balances, and open applications.

Plain values, read fresh from the database in a handful of statements, so that readiness itself is a pure function.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session, selectinload

from app.businesses.models import Business, BusinessState
from app.cases.models import Case, Submission
from app.cases.workflow import TERMINAL
from app.permits import verification
from app.permits.models import Permit, PermitState

REGISTRATION = "registration"
APPLICATION = "export_licence"
_OPEN_AT_MOST = 200  # applications of one business that are looked at, the newest


@dataclass(frozen=True)
class HeldLine:
    """``available`` is what is neither reserved nor used, in ``unit``."""

    id: int
    hs: str
    available: Decimal
    unit: str


@dataclass(frozen=True)
class HeldPermit:
    """``state`` is what the permit is worth at the moment asked about."""

    number: str
    kind: str
    state: PermitState
    destination: str | None
    valid_from: date
    valid_to: date
    lines: tuple[HeldLine, ...] = ()

    def covers(self, hs: str, destination: str) -> bool:
        """These goods (empty: a service) to this country, as ``permits.lookup.covers``."""
        if self.destination is not None and self.destination != destination:
            return False
        return not self.lines or not hs or any(hs.startswith(line.hs) for line in self.lines)


@dataclass(frozen=True)
class OpenCase:
    """An application that is not decided yet. ``kind`` is None for a registration."""

    reference: str
    service: str
    kind: str | None = None
    hs: str | None = None
    destination: str | None = None


@dataclass(frozen=True)
class Standing:
    """``business_state`` is None for someone without a business."""

    business_state: BusinessState | None = None
    permits: tuple[HeldPermit, ...] = ()
    cases: tuple[OpenCase, ...] = ()


def standing_of(
    session: Session,
    kinds: Collection[str],
    at: datetime,
    *,
    business: Business | None,
    applicant_id: int | None = None,
) -> Standing:
    """Permits and applications as of now in this transaction, whatever the session has loaded before; the business as
    the caller read it. At most three statements.

    ``applicant_id``: whose registration under way is of interest while there is no active business.
    """
    state = BusinessState(business.state) if business is not None else None
    permits = _permits(session, {business.id}, kinds, at).get(business.id, ()) if business is not None else ()
    wanted = []
    if business is not None and kinds:
        wanted.append(and_(Case.business_id == business.id, Case.service == APPLICATION, _kind.in_(sorted(kinds))))
    if applicant_id is not None and state is not BusinessState.ACTIVE:
        wanted.append(and_(Case.applicant_id == applicant_id, Case.service == REGISTRATION))
    return Standing(state, permits, _cases(session, wanted) if wanted else ())


def standings_of(
    session: Session, kinds: Collection[str], at: datetime, businesses: Collection[Business]
) -> dict[int, Standing]:
    """By business id, as ``standing_of`` but for the applications. At most two statements."""
    permits = _permits(session, {business.id for business in businesses}, kinds, at)
    return {
        business.id: Standing(BusinessState(business.state), permits.get(business.id, ())) for business in businesses
    }


def _permits(
    session: Session, businesses: Collection[int], kinds: Collection[str], at: datetime
) -> dict[int, tuple[HeldPermit, ...]]:
    """By business id."""
    if not businesses or not kinds:
        return {}
    statement = (
        select(Permit)
        .where(Permit.business_id.in_(sorted(businesses)), Permit.kind.in_(sorted(kinds)))
        .order_by(Permit.id.desc())
        .options(selectinload(Permit.lines))
        .execution_options(populate_existing=True)
    )
    found: dict[int, list[HeldPermit]] = {}
    for permit in session.scalars(statement):
        held = HeldPermit(
            permit.number,
            permit.kind,
            verification.state(permit, at),
            permit.destination,
            permit.valid_from,
            permit.valid_to,
            tuple(HeldLine(line.id, line.hs, line.available, line.unit) for line in permit.lines),
        )
        found.setdefault(permit.business_id, []).append(held)
    return {business: tuple(permits) for business, permits in found.items()}


def _answer(step: str, name: str) -> ColumnElement[str]:
    """An answer of an application: as sent, else as saved in the draft, else as filled in at its start."""
    draft = Case.draft[step]
    return func.coalesce(
        Submission.data[step][name].as_string(),
        draft["clean"][name].as_string(),
        draft["prefill"][name].as_string(),
    )


_kind = _answer("kind", "permit_kind")


def _cases(session: Session, wanted: list[ColumnElement[bool]]) -> tuple[OpenCase, ...]:
    rows = session.execute(
        select(Case.reference, Case.service, _kind, _answer("product", "hs"), _answer("product", "destination"))
        .outerjoin(Submission, Submission.id == Case.current_submission_id)
        .where(Case.state.not_in(sorted(state.value for state in TERMINAL)), or_(*wanted))
        .order_by(Case.id.desc())
        .limit(_OPEN_AT_MOST)
    )
    return tuple(OpenCase(*row) for row in rows)


__all__ = ["HeldLine", "HeldPermit", "OpenCase", "Standing", "standing_of", "standings_of"]
