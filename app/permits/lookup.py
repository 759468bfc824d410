"""Finding permits, for their holder, for officials, for readiness and for a declaration's items."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, selectinload

from app.core.errors import NotFound
from app.documents.models import Record
from app.identity.actor import Actor
from app.identity.policy import Permission, Subject, allows
from app.permits.models import Permit, PermitEvent, PermitState

PAGE = 20


def _permits() -> Select[Permit]:
    return select(Permit).options(selectinload(Permit.lines))


def get(session: Session, permit_id: int) -> Permit:
    """Raises NotFound."""
    permit = session.get(Permit, permit_id)
    if permit is None:
        raise NotFound
    return permit


def by_number(session: Session, number: str) -> Permit:
    """Raises NotFound."""
    permit = session.scalar(_permits().where(Permit.number == number.strip().upper()))
    if permit is None:
        raise NotFound
    return permit


def load(session: Session, actor: Actor | None, number: str, permission: Permission) -> Permit:
    """As ``by_number``; a permit the actor may not see is not found either."""
    permit = by_number(session, number)
    if not allows(actor, permission, Subject(business_id=permit.business_id, agency=permit.agency)):
        raise NotFound
    return permit


def by_case(session: Session, case_id: int) -> list[Permit]:
    """What the decision of a case issued."""
    return list(session.scalars(_permits().where(Permit.case_id == case_id).order_by(Permit.id)))


def for_business(session: Session, business_id: int, *, before: int | None = None, limit: int = PAGE) -> list[Permit]:
    """Newest first, with lines; ``before`` is the id of the last one seen."""
    return _page(session, _permits().where(Permit.business_id == business_id), before, limit)


def for_agencies(
    session: Session,
    agencies: Iterable[str],
    *,
    without: Collection[int] = (),
    state: PermitState | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[Permit]:
    """Issued by these agencies, newest first, with lines; ``without`` those of these businesses."""
    statement = _permits().where(Permit.agency.in_(sorted(agencies)), Permit.business_id.not_in(sorted(without)))
    if state is not None:
        statement = statement.where(Permit.state == state.value)
    return _page(session, statement, before, limit)


def _page(session: Session, statement: Select[Permit], before: int | None, limit: int) -> list[Permit]:
    if before is not None:
        statement = statement.where(Permit.id < before)
    return list(session.scalars(statement.order_by(Permit.id.desc()).limit(limit)))


def covers(permit: Permit, hs: str, destination: str) -> bool:
    """Whether the permit is for these goods (empty ``hs``: a service) and this destination, whatever its state."""
    if permit.destination is not None and destination and permit.destination != destination:
        return False
    return not permit.lines or not hs or any(hs.startswith(line.hs) for line in permit.lines)


def held(session: Session, business_id: int, kind: str, hs: str, destination: str, day: date) -> list[Permit]:
    """Permits of a kind that are active on ``day`` and cover the goods and destination, the longest valid first."""
    # Few at a time: with their lines in the one statement.
    statement = (
        select(Permit)
        .options(joinedload(Permit.lines))
        .where(
            Permit.business_id == business_id,
            Permit.kind == kind,
            Permit.state == PermitState.ACTIVE.value,
            Permit.valid_from <= day,
            Permit.valid_to >= day,
        )
    )
    found = session.scalars(statement.order_by(Permit.valid_to.desc(), Permit.id.desc())).unique()
    return [permit for permit in found if covers(permit, hs, destination)]


@dataclass(frozen=True)
class LicensableLine:
    """A line a declaration item may draw on."""

    line_id: int
    permit_id: int
    permit_number: str
    kind: str
    hs: str
    description: str
    available: Decimal
    unit: str
    valid_to: date
    destination: str | None


def history(session: Session, permit_id: int) -> Sequence[PermitEvent]:
    """Changes of state, oldest first."""
    statement = select(PermitEvent).where(PermitEvent.permit_id == permit_id)
    return session.scalars(statement.order_by(PermitEvent.id)).all()


def papers(session: Session, permits: Iterable[Permit]) -> dict[int, Record]:
    """The records of the permits by record id, in one statement."""
    wanted = {permit.record_id for permit in permits if permit.record_id is not None}
    if not wanted:
        return {}
    return {record.id: record for record in session.scalars(select(Record).where(Record.id.in_(wanted)))}
