"""The service-standard clock: working days of the country, stopped while the applicant holds the case."""

from dataclasses import dataclass
from datetime import datetime

from app.cases.models import Case
from app.cases.workflow import OPEN, WITH_APPLICANT, Clock, State
from app.core import clock
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack


def apply(case: Case, change: Clock, pack: Pack, standard_days: int) -> None:
    """Start, pause, resume or stop the case's clock at this moment."""
    now = clock.now()
    if change is Clock.START:
        days = standard_days if case.clock_days_left is None else case.clock_days_left
        case.due_at = working_days.add(pack, now, max(days, 1))
        case.clock_days_left = None
    elif change is Clock.PAUSE and case.due_at is not None:
        case.clock_days_left = working_days.between(pack, now, case.due_at) if case.due_at > now else 0
        case.due_at = None
    elif change is Clock.STOP:
        case.clock_days_left = None


@dataclass(frozen=True)
class ClockFace:
    """What applicant and clerk both see. ``days_left`` is negative when overdue; None while the clock stands."""

    running: bool
    due_at: datetime | None
    days_left: int | None
    with_applicant: bool


def face(case: Case, pack: Pack) -> ClockFace:
    state = State(case.state)
    if state not in OPEN or case.due_at is None:
        return ClockFace(False, None, case.clock_days_left, state in WITH_APPLICANT)
    now = clock.now()
    if case.due_at >= now:
        days = working_days.between(pack, now, case.due_at)
    else:
        days = -max(working_days.between(pack, case.due_at, now), 1)
    return ClockFace(True, case.due_at, days, False)
