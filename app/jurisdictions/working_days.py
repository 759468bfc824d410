"""Working days of a country: Monday to Friday without public holidays, office hours 08:00 to 17:00 local time."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from app.jurisdictions.model import Pack

OPENS = time(8)
CLOSES = time(17)
_DAY = timedelta(days=1)


@cache
def _public_holidays(country: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # 0.2 s to import: only when a deadline is computed

    return frozenset(country_holidays(country, years=year))


@cache
def _days_off(country: str, overrides: tuple[tuple[date, bool], ...], year: int) -> frozenset[date]:
    """The weekdays of a year on which the offices are closed."""
    closed = {day for day in _public_holidays(country, year) if day.weekday() < 5}
    for day, works in overrides:
        if works:
            closed.discard(day)
        elif day.weekday() < 5 and day.year == year:
            closed.add(day)
    return frozenset(closed)


def _closed(pack: Pack, year: int) -> frozenset[date]:
    """``pack.holidays`` wins over the calendar: movable feasts are announced a few days before."""
    return _days_off(pack.country, tuple((override.day, override.works) for override in pack.holidays), year)


def is_working_day(pack: Pack, day: date) -> bool:
    return day.weekday() < 5 and day not in _closed(pack, day.year)


def _weekdays_through(day: date) -> int:
    """Mondays to Fridays since the first day of the calendar, which was a Monday, up to and with ``day``."""
    weeks, rest = divmod(day.toordinal(), 7)
    return weeks * 5 + min(rest, 5)


def _closing(pack: Pack, day: date) -> datetime:
    return datetime.combine(day, CLOSES, tzinfo=pack.zone).astimezone(UTC)


def add(pack: Pack, start: datetime, days: int) -> datetime:
    """Closing time (UTC) of the ``days``-th working day after the local day of ``start``.

    Zero means by the end of this working day, or of the next one when the offices are already closed.
    """
    if days < 0:
        raise ValueError("cannot go back in working days")
    day = start.astimezone(pack.zone).date()
    if days == 0:
        if is_working_day(pack, day) and start <= _closing(pack, day):
            return _closing(pack, day)
        days = 1
    while days:
        day += _DAY
        if is_working_day(pack, day):
            days -= 1
    return _closing(pack, day)


def between(pack: Pack, a: datetime, b: datetime) -> int:
    """Working days after the local day of ``a`` up to and with that of ``b``; negative when ``b`` is the earlier."""
    first, last = a.astimezone(pack.zone).date(), b.astimezone(pack.zone).date()
    if last < first:
        return -between(pack, b, a)
    closed = sum(first < day <= last for year in range(first.year, last.year + 1) for day in _closed(pack, year))
    return _weekdays_through(last) - _weekdays_through(first) - closed


def is_open(pack: Pack, moment: datetime) -> bool:
    """Whether the offices are open."""
    local = moment.astimezone(pack.zone)
    return is_working_day(pack, local.date()) and OPENS <= local.time() < CLOSES
