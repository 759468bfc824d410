"""How long cases take: medians that one stuck case does not spoil, counted by night from the history of the cases.

Of the cases that came in during the last ninety days, the working days each was on the agency's side, as its clock
counts them: what the applicant was asked for is the applicant's time, and a standstill for advice or a visit is
nobody's. A decision by silence ends a case too, but never in time; nor is anything that was overdue on some morning,
even if a question to the applicant gave it a new day.
A case that was withdrawn says, like one that is open, only that it takes longer. Of one that is decided anew the first
decision counts, but not whether it was in time: its deadline is another one since.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, delete, func, insert, select
from sqlalchemy.orm import Session

from app.cases.advice_models import Advice
from app.cases.escalation import Level
from app.cases.inspection_models import Inspection
from app.cases.models import Case, CaseEvent, Escalation
from app.cases.workflow import BY_SILENCE, ON_DESK, Action, State
from app.core import clock
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack
from app.statistics.models import ServiceDuration
from app.statistics.survival import curve, quantile

REFRESH = "statistics.count_durations"
DAYS = 90
ENOUGH = 5  # cases, below which nothing is said
AT_ONCE = 5_000  # rows read at a time
_DECIDED = frozenset({State.APPROVED.value, State.REFUSED.value})
_DESK = frozenset(state.value for state in ON_DESK)


Stop = tuple[datetime, datetime]


class Step(NamedTuple):
    """What happened to a case, with what the case itself says."""

    case_id: int
    service: str
    agency: str
    permit_kind: str
    due_at: datetime | None
    overdue: bool  # on some morning
    action: str
    from_state: str
    to_state: str
    at: datetime


@dataclass(frozen=True)
class Course:
    """``days`` on the agency's side until the decision, or so far. ``on_time``: None while that is open, or unknown."""

    days: int
    decided: bool
    by_silence: bool
    on_time: bool | None


@dataclass
class _Group:
    ended: Counter[int] = field(default_factory=Counter)
    open: Counter[int] = field(default_factory=Counter)
    silent: int = 0
    on_time: int = 0
    late: int = 0

    def add(self, course: Course) -> None:
        (self.ended if course.decided else self.open)[course.days] += 1
        self.silent += course.by_silence
        self.on_time += course.on_time is True
        self.late += course.on_time is False


class Calendar:
    """Working days between moments, asked once for each pair of days."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._known: dict[tuple[date, date, str], int] = {}

    def days(self, first: datetime, last: datetime, agency: str, *, goes_on: bool = False) -> int:
        """``goes_on``: the clock will run again, from the moment at which it counts as having stopped."""
        first = working_days.counted_from(self._pack, first, agency)
        if goes_on:
            last = working_days.counted_from(self._pack, last, agency)
        if last <= first:
            return 0
        key = (first.astimezone(self._pack.zone).date(), last.astimezone(self._pack.zone).date(), agency)
        if key not in self._known:
            self._known[key] = working_days.between(self._pack, first, last, agency)
        return self._known[key]


def _running(first: datetime, last: datetime, stops: Sequence[Stop]) -> Iterator[tuple[datetime, datetime, bool]]:
    """What is left of a time on the desk without ``stops``, in their order, and whether the clock ran again after."""
    for begin, end in stops:
        if end > first and begin < last:
            if begin > first:
                yield first, begin, True
            first = min(end, last)
    if first < last:
        yield first, last, False


def course(steps: Sequence[Step], calendar: Calendar, now: datetime, stops: Sequence[Stop] = ()) -> Course | None:
    """Up to the first decision; None for a case that no agency ever had.

    ``stops``: when its clock stood still for advice or a visit, the earliest first.
    """

    def spent(first: datetime, last: datetime, agency: str, *, goes_on: bool = False) -> int:
        parts = _running(first, last, stops)
        return sum(calendar.days(begin, end, agency, goes_on=again or goes_on) for begin, end, again in parts)

    days, since, had, late = 0, None, False, any(step.overdue for step in steps)
    for step in steps:
        if since is not None and step.to_state not in _DESK:
            days += spent(since, step.at, step.agency, goes_on=step.to_state == State.RETURNED)
            since = None
            late |= step.to_state == State.WITHDRAWN and step.due_at is not None and step.at > step.due_at
        elif since is None and step.to_state in _DESK:
            since, had = step.at, True
        if step.to_state in _DECIDED:
            silent = step.action in BY_SILENCE
            late |= silent or (step.due_at is not None and step.at > step.due_at)
            anew = any(each.action == Action.CORRECT for each in steps)
            return Course(days, decided=True, by_silence=silent, on_time=None if anew and not silent else not late)
    if not had:
        return None
    if since is not None:
        days += spent(since, now, steps[-1].agency)
        late |= steps[-1].due_at is not None and steps[-1].due_at < now
    return Course(days, decided=False, by_silence=False, on_time=False if late else None)


def refresh(session: Session, pack: Pack) -> None:
    """Count the last ninety days anew, up to now."""
    until = clock.now()
    since = until - timedelta(days=DAYS)
    stops = _stops(session, since, until)
    rows = _rows(_groups(_cases(session, since), Calendar(pack), until, stops), since, until)
    session.execute(delete(ServiceDuration))
    if rows:
        session.execute(insert(ServiceDuration), rows)
    session.expire_all()


def _stops(session: Session, since: datetime, until: datetime) -> dict[int, list[Stop]]:
    """By case, of those that came in ``since``; as ``cases.standstill`` stops their clocks."""
    found: dict[int, list[Stop]] = {}
    causes = (
        (Advice, Advice.asked_at, Advice.due_at, Advice.ended_at),
        (Inspection, Inspection.planned_at, Inspection.ends_at, Inspection.ended_at),
    )
    for model, begin, planned, ended in causes:
        wanted = (
            select(Case.id, begin, func.least(planned, func.coalesce(ended, until)))
            .join(model, model.case_id == Case.id)
            .where(Case.submitted_at >= since, model.clock_days_left.is_not(None))
        )
        for case_id, first, last in session.execute(wanted):
            found.setdefault(case_id, []).append((first, last))
    return {case_id: sorted(stops) for case_id, stops in found.items()}


def _cases(session: Session, since: datetime) -> Iterator[list[Step]]:
    wanted = (
        select(
            CaseEvent.case_id, Case.service, Case.agency, Case.permit_kind, Case.due_at,
            Escalation.case_id.is_not(None),
            CaseEvent.action, CaseEvent.from_state, CaseEvent.to_state, CaseEvent.at,
        )
        .join(Case, Case.id == CaseEvent.case_id)
        .outerjoin(Escalation, and_(Escalation.case_id == Case.id, Escalation.level == Level.OVERDUE.value))
        .where(Case.submitted_at >= since, Case.agency.is_not(None))
        .order_by(CaseEvent.case_id, CaseEvent.id)
        .execution_options(yield_per=AT_ONCE)
    )  # fmt: skip
    steps = (
        Step(case, service, agency or "", kind or "", *rest)
        for case, service, agency, kind, *rest in session.execute(wanted)
    )
    for _case, mine in groupby(steps, key=lambda step: step.case_id):
        yield list(mine)


def _groups(
    cases: Iterable[list[Step]], calendar: Calendar, until: datetime, stops: Mapping[int, Sequence[Stop]]
) -> dict[tuple[str, str, str], _Group]:
    found: dict[tuple[str, str, str], _Group] = {}
    for steps in cases:
        taken = course(steps, calendar, until, stops.get(steps[0].case_id, ()))
        if taken is None:
            continue
        last = steps[-1]
        for kind in {"", last.permit_kind}:
            found.setdefault((last.service, last.agency, kind), _Group()).add(taken)
    return found


def _rows(groups: dict[tuple[str, str, str], _Group], since: datetime, until: datetime) -> list[dict[str, Any]]:
    rows = []
    for (service, agency, kind), group in groups.items():
        shape = curve(group.ended, group.open)
        decided = group.ended.total()
        rows.append(
            {
                "service": service, "agency": agency, "permit_kind": kind, "since": since, "until": until,
                "cases": decided + group.open.total(), "decided": decided, "by_silence": group.silent,
                "on_time": group.on_time, "late": group.late,
                "median": quantile(shape, Fraction(1, 2)),
                "p75": quantile(shape, Fraction(3, 4)),
                "p90": quantile(shape, Fraction(9, 10)),
            }
        )  # fmt: skip
    return rows


# --- reading --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Usual:
    """What is said of the cases of a service at an agency, or of one permit kind; only where there are enough."""

    service: str
    agency: str
    permit_kind: str
    until: datetime
    cases: int
    decided: int
    by_silence: int
    median: int | None
    p75: int | None
    p90: int | None
    on_time: int | None  # percent of those that were decided or are overdue, rounded down


def counted(agencies: Iterable[str] | None = None) -> Select[ServiceDuration]:
    """For one statement with others; ``said`` puts its rows into the form of ``latest``."""
    wanted = select(ServiceDuration).where(ServiceDuration.cases >= ENOUGH)
    return wanted if agencies is None else wanted.where(ServiceDuration.agency.in_(sorted(agencies)))


def said(rows: Iterable[ServiceDuration]) -> list[Usual]:
    return [_usual(row) for row in sorted(rows, key=lambda row: (row.service, row.agency, row.permit_kind))]


def latest(session: Session, *, agencies: Iterable[str] | None = None) -> list[Usual]:
    """As counted last, in one statement."""
    return said(session.scalars(counted(agencies)))


def like(session: Session, case: Case) -> Usual | None:
    """Of cases like this one; None where too few came in."""
    wanted = select(ServiceDuration).where(
        ServiceDuration.service == case.service,
        ServiceDuration.agency == (case.agency or ""),
        ServiceDuration.permit_kind == (case.permit_kind or ""),
        ServiceDuration.cases >= ENOUGH,
    )
    row = session.scalar(wanted)
    return _usual(row) if row is not None else None


def _usual(row: ServiceDuration) -> Usual:
    judged = row.on_time + row.late
    return Usual(
        row.service, row.agency, row.permit_kind, row.until, row.cases, row.decided, row.by_silence,
        row.median, row.p75, row.p90, 100 * row.on_time // judged if judged else None,
    )  # fmt: skip
