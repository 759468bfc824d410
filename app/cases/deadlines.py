"""The service-standard clock: working days of the country, stopped while the applicant holds the case.

What arrives while the offices are closed counts from when they open; the promised day ends when they close. A promise
in hours is counted in the time they are open.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.cases.models import Case
from app.cases.workflow import OPEN, WITH_APPLICANT, Clock, State
from app.core import clock
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack


def apply(case: Case, change: Clock, pack: Pack, standard_days: int, standard_hours: int | None = None) -> None:
    """Start, pause, resume or stop the case's clock at this moment."""
    now, agency = clock.now(), case.agency or ""
    if change is Clock.START:
        first = case.clock_days_left is None
        days = standard_days if case.clock_days_left is None else case.clock_days_left
        minutes = (standard_hours or 0) * 60 if first else case.clock_minutes_left
        received = working_days.counted_from(pack, now, agency)
        if minutes:
            case.due_at = working_days.add_time(pack, received, minutes, agency)
        else:
            case.due_at = working_days.add(pack, received, max(days, 1), agency)
        case.clock_days_left = case.clock_minutes_left = None
    elif change is Clock.PAUSE and case.due_at is not None:
        left = case.due_at > now
        # From the same moment as START counts, so that a question and its answer in one night move no deadline.
        since = working_days.counted_from(pack, now, agency)
        case.clock_days_left = max(working_days.between(pack, since, case.due_at, agency), 0) if left else 0
        if left and standard_hours:
            rest = working_days.time_between(pack, now, case.due_at, agency)
            case.clock_minutes_left = max(-(-rest // timedelta(minutes=1)), 1)
        case.due_at = None
    elif change is Clock.STOP:
        case.clock_days_left = case.clock_minutes_left = None


@dataclass(frozen=True)
class ClockFace:
    """What applicant and clerk both see. ``days_left`` is negative when overdue; None while the clock stands.

    ``counts_from``: when the offices opened after the case had come in; None where it came in while they were open.
    """

    running: bool
    due_at: datetime | None
    days_left: int | None
    with_applicant: bool
    received_at: datetime | None = None
    counts_from: datetime | None = None


def face(case: Case, pack: Pack) -> ClockFace:
    state, agency = State(case.state), case.agency or ""
    if state not in OPEN or case.due_at is None:
        return ClockFace(False, None, case.clock_days_left, state in WITH_APPLICANT)
    now = clock.now()
    if case.due_at >= now:
        days = working_days.between(pack, now, case.due_at, agency)
    else:
        days = -max(working_days.between(pack, case.due_at, now, agency), 1)
    counts_from = working_days.counted_from(pack, case.submitted_at, agency) if case.submitted_at else None
    return ClockFace(
        True, case.due_at, days, False, case.submitted_at, counts_from if counts_from != case.submitted_at else None
    )
