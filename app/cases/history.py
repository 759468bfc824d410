"""What happened before a case was sent, as columns beside the case: what rules may ask of a business or a person."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, case, exists, func, literal_column, null, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from app.cases.models import Case
from app.cases.routing import History
from app.cases.workflow import State

_Registered = Callable[[InstrumentedAttribute[int | None]], ScalarSelect[Any]]
_registered: _Registered | None = None


def know_registration(when: _Registered) -> None:
    """``when``: given the id of a business, the moment it entered the register (the register is further left)."""
    global _registered
    _registered = when


def columns() -> tuple[ColumnElement[Any], ...]:
    """For ``of``, in a statement over ``Case``; each part is one look-up in an index."""
    other = aliased(Case)
    before = func.coalesce(Case.submitted_at, func.now())
    of_business, of_person = other.business_id == Case.business_id, other.applicant_id == Case.applicant_id
    sent = (other.id != Case.id, other.service == Case.service, other.submitted_at < before)
    refused = (other.id != Case.id, other.state == _literal(State.REFUSED), other.decided_at < before)

    def latest(whose: ColumnElement[bool]) -> ScalarSelect[Any]:
        return select(func.max(other.decided_at)).where(whose, *refused).correlate(Case).scalar_subquery()

    registered = _registered(Case.business_id) if _registered is not None else null()
    return (
        case(
            (Case.business_id.is_(None), ~exists().where(of_person, *sent).correlate(Case)),
            else_=~exists().where(of_business, *sent).correlate(Case),
        ),
        registered,
        case((Case.business_id.is_(None), latest(of_person)), else_=latest(of_business)),
    )


def _literal(state: State) -> ColumnElement[Any]:
    """As a constant: only so is the partial index of refused cases known to fit."""
    return literal_column(f"'{state.value}'")


def of(values: Sequence[Any], zone: ZoneInfo) -> History:
    first, registered, refused = values
    return History(bool(first), _day(registered, zone), _day(refused, zone))


def _day(moment: datetime | None, zone: ZoneInfo) -> date | None:
    return moment.astimezone(zone).date() if moment is not None else None
