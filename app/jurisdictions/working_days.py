"""Working days and office hours of a country: the pack's week, without public holidays.

Deadlines in days are counted in whole local days and end when the offices close; promises in hours are counted in the
time they are open. An agency with hours of its own in the pack is counted by these. All of it is arithmetic on weeks
and on the few holidays of a year, so that a long period costs no more than a short one.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from app.jurisdictions.clock_rows import Hours, OfficeHours, Week
from app.jurisdictions.model import Pack

USUAL: Week = (Hours(8 * 60, 17 * 60),) * 5 + (None, None)  # where a pack says nothing
_DAY = timedelta(days=1)


@cache
def _public_holidays(country: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # 0.2 s to import: only when a deadline is computed

    return frozenset(country_holidays(country, years=year))


@cache
def _days_off(country: str, overrides: tuple[tuple[date, bool], ...], year: int) -> frozenset[date]:
    """The days of a year on which no office opens, whatever its week is."""
    closed = set(_public_holidays(country, year))
    for day, works in overrides:
        if works:
            closed.discard(day)
        elif day.year == year:
            closed.add(day)
    return frozenset(closed)


def _closed(pack: Pack, year: int) -> frozenset[date]:
    """``pack.holidays`` wins over the calendar: movable feasts are announced a few days before."""
    return _days_off(pack.country, tuple((override.day, override.works) for override in pack.holidays), year)


class _Span(NamedTuple):
    """The days from ``first`` to ``last`` have the same week."""

    first: date
    last: date
    week: Week


@lru_cache(maxsize=64)
def _spans(rows: tuple[OfficeHours, ...], agency: str) -> tuple[_Span, ...]:
    """All days there are. An agency's own row wins over the country's, and any row over ``USUAL``."""
    mine = sorted((row for row in rows if row.agency in ("", agency)), key=lambda row: row.agency, reverse=True)
    begins = {date.min, *(row.valid_from for row in mine)}
    begins |= {row.valid_to + _DAY for row in mine if row.valid_to is not None}
    edges = sorted(begins)
    return tuple(
        _Span(
            first,
            following - _DAY if following else date.max,
            next((row.week for row in mine if row.in_force(first)), USUAL),
        )
        for first, following in zip(edges, [*edges[1:], None], strict=True)
    )


def hours(pack: Pack, day: date, agency: str = "") -> Hours | None:
    """When the offices open and close on ``day``; None when they do not open."""
    return None if day in _closed(pack, day.year) else week(pack, day, agency)[day.weekday()]


def week(pack: Pack, day: date, agency: str = "") -> Week:
    """The office hours in force on ``day``, holidays apart."""
    return next(span.week for span in _spans(pack.office_hours, agency) if span.first <= day <= span.last)


def is_working_day(pack: Pack, day: date, agency: str = "") -> bool:
    return hours(pack, day, agency) is not None


def _through(day: date, weights: Sequence[int]) -> int:
    """The weights of all days since the first of the calendar, which was a Monday, up to and with ``day``."""
    weeks, rest = divmod(day.toordinal(), 7)
    return weeks * sum(weights) + sum(weights[:rest])


def _parts(pack: Pack, first: date, last: date, agency: str) -> Iterator[tuple[date, date, Week]]:
    for span in _spans(pack.office_hours, agency):
        low = max(first, span.first - _DAY) if span.first > date.min else first
        high = min(last, span.last)
        if low < high:
            yield low, high, span.week


def _sum(pack: Pack, first: date, last: date, agency: str, *, minutes: bool) -> int:
    """Working days, or minutes of office hours, of the days after ``first`` up to and with ``last``."""
    total = 0
    for low, high, week in _parts(pack, first, last, agency):
        weights = [0 if each is None else each.minutes if minutes else 1 for each in week]
        total += _through(high, weights) - _through(low, weights)
        for year in range(low.year, high.year + 1):
            total -= sum(weights[day.weekday()] for day in _closed(pack, year) if low < day <= high)
    return total


def _search(pack: Pack, first: date, wanted: int, agency: str, *, minutes: bool) -> date:
    """The first day after ``first`` up to and with which there are ``wanted`` working days, or minutes."""
    reach = 16
    while _sum(pack, first, first + timedelta(days=reach), agency, minutes=minutes) < wanted:
        reach *= 2
        if reach > 100_000:
            raise ValueError("the offices never open")
    found = bisect_left(
        range(reach + 1),
        wanted,
        lo=1,
        key=lambda days: _sum(pack, first, first + timedelta(days=days), agency, minutes=minutes),
    )
    return first + timedelta(days=found)


def _at(pack: Pack, day: date, minute: int) -> datetime:
    """``minute`` minutes after local midnight, in UTC."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=pack.zone)
    return (midnight + timedelta(minutes=minute)).astimezone(UTC)


def _open(pack: Pack, day: date, agency: str) -> Hours:
    found = hours(pack, day, agency)
    assert found is not None  # asked of working days alone
    return found


def _closing(pack: Pack, day: date, agency: str) -> datetime:
    return _at(pack, day, _open(pack, day, agency).closes)


def add(pack: Pack, start: datetime, days: int, agency: str = "") -> datetime:
    """Closing time (UTC) of the ``days``-th working day after the local day of ``start``.

    Zero means by the end of this working day, or of the next one when the offices are already closed. Who counts what
    arrives while they are closed from when they open gives ``counted_from`` of that moment.
    """
    if days < 0:
        raise ValueError("cannot go back in working days")
    day = start.astimezone(pack.zone).date()
    if days == 0:
        if is_working_day(pack, day, agency) and start <= _closing(pack, day, agency):
            return _closing(pack, day, agency)
        days = 1
    return _closing(pack, _search(pack, day, days, agency, minutes=False), agency)


def between(pack: Pack, a: datetime, b: datetime, agency: str = "") -> int:
    """Working days after the local day of ``a`` up to and with that of ``b``; negative when ``b`` is the earlier."""
    first, last = a.astimezone(pack.zone).date(), b.astimezone(pack.zone).date()
    if last < first:
        return -between(pack, b, a, agency)
    return _sum(pack, first, last, agency, minutes=False)


def is_open(pack: Pack, moment: datetime, agency: str = "") -> bool:
    """Whether the offices are open."""
    return counted_from(pack, moment, agency) == moment


def counted_from(pack: Pack, moment: datetime, agency: str = "") -> datetime:
    """When what arrives at ``moment`` counts as received: at once while the offices are open, else as they open."""
    day = moment.astimezone(pack.zone).date()
    today = hours(pack, day, agency)
    if today is not None:
        if moment < _at(pack, day, today.opens):
            return _at(pack, day, today.opens)
        if moment < _at(pack, day, today.closes):
            return moment
    following = _search(pack, day, 1, agency, minutes=False)
    return _at(pack, following, _open(pack, following, agency).opens)


def add_time(pack: Pack, start: datetime, minutes: int, agency: str = "") -> datetime:
    """The moment (UTC) when the offices have been open for ``minutes`` minutes since ``start``; one or more."""
    if minutes < 1:
        raise ValueError("at least a minute")
    start = counted_from(pack, start, agency)
    day = start.astimezone(pack.zone).date()
    end = _closing(pack, day, agency)
    left = timedelta(minutes=minutes) - (end - start)  # what is not done today
    if left <= timedelta(0):
        return start + timedelta(minutes=minutes)
    last = _search(pack, day, -(-left // timedelta(minutes=1)), agency, minutes=True)
    before = timedelta(minutes=_sum(pack, day, last - _DAY, agency, minutes=True))
    return _at(pack, last, _open(pack, last, agency).opens) + left - before


def time_between(pack: Pack, a: datetime, b: datetime, agency: str = "") -> timedelta:
    """For how long the offices are open from ``a`` to ``b``; nothing when ``b`` is not the later."""
    if b <= a:
        return timedelta(0)
    first, last = a.astimezone(pack.zone).date(), b.astimezone(pack.zone).date()
    whole = timedelta(minutes=_sum(pack, first, last, agency, minutes=True))
    return whole + _rest_of_day(pack, a, first, agency) - _rest_of_day(pack, b, last, agency)


def _rest_of_day(pack: Pack, moment: datetime, day: date, agency: str) -> timedelta:
    """For how long the offices will still be open on the day of ``moment``."""
    today = hours(pack, day, agency)
    if today is None:
        return timedelta(0)
    opens, closes = _at(pack, day, today.opens), _at(pack, day, today.closes)
    return closes - min(max(moment, opens), closes)
