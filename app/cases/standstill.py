"""A case's clock that stands still while advice or a visit is waited for, where the pack says that it does.

The case keeps a due date meanwhile (lists are in its order): the days that were left, counted from when the waiting
is to end. When it ends earlier the date comes nearer; when it ends later the clock has run again since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.advice_models import Advice
from app.cases.inspection_models import Inspection
from app.cases.models import Case
from app.cases.workflow import OPEN, State
from app.core import clock
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack

Cause = Advice | Inspection


def until(cause: Cause) -> datetime:
    return cause.due_at if isinstance(cause, Advice) else cause.ends_at


def since(cause: Cause) -> datetime:
    return cause.asked_at if isinstance(cause, Advice) else cause.planned_at


def stands_for(causes: Sequence[Cause]) -> list[Cause]:
    """Of these, what the clock stands still for now, the earliest first."""
    now = clock.now()
    standing = [
        each for each in causes
        if each.clock_days_left is not None and each.ended_at is None and since(each) <= now <= until(each)
    ]  # fmt: skip
    return sorted(standing, key=since)


def _causes(session: Session, case: Case) -> list[Cause]:
    found: list[Cause] = list(
        session.scalars(select(Advice).where(Advice.case_id == case.id, Advice.ended_at.is_(None)))
    )
    found += session.scalars(select(Inspection).where(Inspection.case_id == case.id, Inspection.ended_at.is_(None)))
    return stands_for([each for each in found if each.agency == case.agency])


@dataclass(frozen=True)
class Stop:
    """``days`` working days are left of the promise when it begins again."""

    days: int


def begin(session: Session, pack: Pack, case: Case, end: datetime) -> Stop | None:
    """Stop the clock of a locked case until ``end``; None when it does not run at all."""
    if State(case.state) not in OPEN:
        return None
    now, standing = clock.now(), _causes(session, case)
    days: int | None
    if standing:
        days = standing[0].clock_days_left
    elif case.due_at is not None:
        days = working_days.between(pack, now, case.due_at, case.agency or "") if case.due_at > now else 0
    else:
        days = case.clock_days_left
    if days is None:
        return None
    if case.due_at is not None:
        _promise(pack, case, max([end, *(until(each) for each in standing)]), days)
    return Stop(days)


def end(session: Session, pack: Pack, case: Case, cause: Cause) -> None:
    """Let the clock of a locked case run again, unless something else is still waited for. ``cause`` has ended."""
    now, days = clock.now(), cause.clock_days_left
    if days is None or until(cause) < now or case.agency != cause.agency or State(case.state) not in OPEN:
        return
    if case.due_at is None:
        if case.clock_days_left is not None:
            case.clock_days_left, case.clock_minutes_left = days, None
        return
    others = [each for each in _causes(session, case) if each is not cause]
    _promise(pack, case, max([now, *(until(each) for each in others)]), days)


def kept(session: Session, pack: Pack, case: Case) -> None:
    """The clock of a locked case has stopped for the applicant, or run on from there: it stands still all the same."""
    standing = _causes(session, case) if State(case.state) in OPEN else []
    if not standing or (days := standing[0].clock_days_left) is None:
        return
    if case.due_at is not None:
        _promise(pack, case, max(until(each) for each in standing), days)
    elif case.clock_days_left is not None:
        case.clock_days_left, case.clock_minutes_left = days, None


def moved(session: Session, pack: Pack, case: Case, cause: Cause) -> None:
    """``cause`` is now to end at another time."""
    if cause.clock_days_left is not None and case.due_at is not None and State(case.state) in OPEN:
        _promise(pack, case, max([until(each) for each in [cause, *_causes(session, case)]]), cause.clock_days_left)


def _promise(pack: Pack, case: Case, start: datetime, days: int) -> None:
    case.due_at = working_days.add(pack, start, max(days, 1), case.agency or "")
