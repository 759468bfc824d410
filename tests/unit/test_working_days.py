"""Working days: never on a holiday, and adding and counting agree."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.jurisdictions import working_days
from app.jurisdictions.load import load
from app.jurisdictions.model import HolidayOverride

packs = st.sampled_from((load("RW"), load("CG")))
moments = st.datetimes(datetime(2024, 1, 1), datetime(2029, 12, 31), timezones=st.just(UTC))
counts = st.integers(0, 60)
unhurried = settings(deadline=None)  # the first question reads the calendar


@unhurried
@given(packs, moments, counts)
def test_a_deadline_is_the_closing_hour_of_a_working_day(pack, start, days):
    end = working_days.add(pack, start, days).astimezone(pack.zone)
    assert (end.hour, end.minute) == (17, 0)
    assert end.weekday() < 5
    assert working_days.is_working_day(pack, end.date())
    assert end >= start


@unhurried
@given(packs, moments, counts)
def test_more_days_end_later(pack, start, days):
    assert working_days.add(pack, start, days) <= working_days.add(pack, start, days + 1)
    if days:
        assert working_days.add(pack, start, days) < working_days.add(pack, start, days + 1)


@unhurried
@given(packs, moments, st.timedeltas(timedelta(0), timedelta(days=30)), counts)
def test_starting_later_never_ends_earlier(pack, start, delay, days):
    assert working_days.add(pack, start, days) <= working_days.add(pack, start + delay, days)


@unhurried
@given(packs, moments, st.integers(1, 60))
def test_counting_gives_back_what_was_added(pack, start, days):
    assert working_days.between(pack, start, working_days.add(pack, start, days)) == days


@unhurried
@given(packs, moments, moments, moments)
def test_counts_add_up(pack, a, b, c):
    assert working_days.between(pack, a, c) == working_days.between(pack, a, b) + working_days.between(pack, b, c)


@unhurried
@given(
    packs,
    moments,
    st.timedeltas(timedelta(0), timedelta(days=800)),
    st.sets(st.dates(date(2024, 1, 1), date(2029, 12, 31)), max_size=4),
    st.booleans(),
)
def test_counting_is_what_walking_the_calendar_gives(pack, start, length, days, works):
    pack = pack.model_copy(update={"holidays": tuple(override(day, works=works) for day in days)})
    end = start + length
    first, last = (moment.astimezone(pack.zone).date() for moment in (start, end))
    walked = (first + timedelta(days=step) for step in range(1, (last - first).days + 1))
    assert working_days.between(pack, start, end) == sum(working_days.is_working_day(pack, day) for day in walked)


@pytest.mark.parametrize(
    ("country", "day"),
    [
        ("RW", date(2026, 4, 7)),
        ("RW", date(2026, 7, 1)),
        ("RW", date(2026, 12, 28)),  # Boxing Day is a Saturday
        ("CG", date(2026, 6, 10)),
        ("CG", date(2026, 5, 25)),
        ("CG", date(2026, 11, 21)),  # a Saturday
    ],
)
def test_public_holidays_are_not_worked(country, day):
    assert not working_days.is_working_day(load(country), day)


def test_a_day_is_local_not_utc():
    """23:30 UTC on Monday is Tuesday in Kigali."""
    pack = load("RW")
    monday = datetime(2026, 11, 16, 12, 0, tzinfo=UTC)
    late = datetime(2026, 11, 16, 23, 30, tzinfo=UTC)
    assert working_days.add(pack, monday, 1) == datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
    assert working_days.add(pack, late, 1) == datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def test_zero_days_is_today_until_the_offices_close():
    pack = load("RW")
    morning = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
    evening = datetime(2026, 11, 16, 16, 0, tzinfo=UTC)
    saturday = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)
    assert working_days.add(pack, morning, 0) == datetime(2026, 11, 16, 15, 0, tzinfo=UTC)
    assert working_days.add(pack, evening, 0) == datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
    assert working_days.add(pack, saturday, 0) == datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
    with pytest.raises(ValueError, match="back"):
        working_days.add(pack, morning, -1)


def override(day: date, *, works: bool) -> HolidayOverride:
    names = {"en": "A day", "fr": "Un jour"}
    return HolidayOverride(day=day, names=names, works=works, valid_from=day, legal_ref="illustrative")


def test_an_override_of_the_pack_wins_over_the_calendar():
    holiday, plain = date(2026, 7, 1), date(2026, 7, 2)
    rows = (override(holiday, works=True), override(plain, works=False))
    pack = load("RW").model_copy(update={"holidays": rows})
    assert working_days.is_working_day(pack, holiday)
    assert not working_days.is_working_day(pack, plain)


def test_office_hours():
    pack = load("CG")  # UTC+1
    assert working_days.is_open(pack, datetime(2026, 11, 16, 7, 0, tzinfo=UTC))
    assert not working_days.is_open(pack, datetime(2026, 11, 16, 6, 59, tzinfo=UTC))
    assert not working_days.is_open(pack, datetime(2026, 11, 16, 16, 0, tzinfo=UTC))
    assert not working_days.is_open(pack, datetime(2026, 11, 21, 9, 0, tzinfo=UTC))
