"""Office hours: what comes when they are closed counts from when they open, and nothing ends while they are."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.jurisdictions import checks, working_days
from app.jurisdictions.clock_rows import OfficeHours, Silence
from app.jurisdictions.load import load
from app.jurisdictions.mistakes import Place
from app.jurisdictions.model import HolidayOverride, Pack

LONG = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday"), "07:30-18:15")
MARKET = {**LONG, "saturday": "08:00-12:00"}


def hours(week, *, agency="", begins=date(2010, 1, 1), ends=None) -> OfficeHours:
    return OfficeHours(agency=agency, week=week, valid_from=begins, valid_to=ends, legal_ref="illustrative")


def changed(pack: Pack) -> Pack:
    """Its week changes in 2027, one agency has its own, a Monday is taken off and a holiday is worked."""
    names = {"en": "A day", "fr": "Un jour"}
    off, on = (
        HolidayOverride(day=day, names=names, works=works, valid_from=day, legal_ref="illustrative")
        for day, works in ((date(2026, 11, 23), False), (date(2026, 12, 25), True))
    )
    rows = (
        hours({**LONG, "friday": "08:00-12:00"}, ends=date(2026, 12, 31)),
        hours(LONG, begins=date(2027, 1, 1)),
        hours(MARKET, agency="M", begins=date(2026, 6, 1)),
    )
    return pack.model_copy(update={"office_hours": rows, "holidays": (off, on)})


RW, CG = load("RW"), load("CG")
packs = st.sampled_from((RW, CG, changed(RW), changed(CG)))
agencies = st.sampled_from(("", "M"))
moments = st.datetimes(datetime(2025, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
minutes = st.integers(1, 20_000)
unhurried = settings(deadline=None, max_examples=60)


def inside(pack: Pack, moment: datetime, agency: str) -> bool:
    """While the offices are open, or as they close."""
    found = working_days.hours(pack, moment.astimezone(pack.zone).date(), agency)
    local = moment.astimezone(pack.zone)
    seconds = local.hour * 3600 + local.minute * 60 + local.second
    return found is not None and found.opens * 60 <= seconds <= found.closes * 60


@unhurried
@given(packs, agencies, moments, minutes, st.integers(0, 60))
def test_nothing_ends_outside_office_hours(pack, agency, start, length, days):
    assert inside(pack, working_days.add_time(pack, start, length, agency), agency)
    assert inside(pack, working_days.add(pack, start, days, agency), agency)
    assert working_days.is_open(pack, working_days.counted_from(pack, start, agency), agency)


@unhurried
@given(packs, agencies, moments, minutes)
def test_adding_and_measuring_time_agree(pack, agency, start, length):
    end = working_days.add_time(pack, start, length, agency)
    assert working_days.time_between(pack, start, end, agency) == timedelta(minutes=length)


@unhurried
@given(packs, agencies, moments, moments, moments)
def test_open_time_adds_up(pack, agency, one, two, three):
    a, b, c = sorted((one, two, three))

    def between(first, last):
        return working_days.time_between(pack, first, last, agency)

    assert between(a, c) == between(a, b) + between(b, c)


@unhurried
@given(packs, agencies, moments, st.timedeltas(timedelta(0), timedelta(days=20)), minutes, st.integers(0, 30))
def test_later_in_is_never_earlier_out(pack, agency, start, delay, length, days):
    first, later = (working_days.counted_from(pack, each, agency) for each in (start, start + delay))
    assert start <= first <= later
    assert working_days.add_time(pack, first, length, agency) <= working_days.add_time(pack, later, length, agency)
    assert working_days.add(pack, first, days, agency) <= working_days.add(pack, later, days, agency)
    assert working_days.add_time(pack, first, length, agency) < working_days.add_time(pack, first, length + 1, agency)


@unhurried
@given(packs, agencies, moments, st.integers(1, 120))
def test_counting_days_gives_back_what_was_added(pack, agency, start, days):
    start = working_days.counted_from(pack, start, agency)
    assert working_days.between(pack, start, working_days.add(pack, start, days, agency), agency) == days


@unhurried
@given(packs, agencies, st.dates(date(2025, 1, 1), date(2028, 6, 30)), st.integers(0, 400))
def test_arithmetic_is_what_walking_gives(pack, agency, day, length):
    days = [day + timedelta(days=number) for number in range(1, length + 1)]
    open_ = [found for each in days if (found := working_days.hours(pack, each, agency)) is not None]
    first, last = (datetime(each.year, each.month, each.day, 22, tzinfo=pack.zone) for each in (day, [day, *days][-1]))
    assert working_days.between(pack, first, last, agency) == len(open_)
    assert working_days.time_between(pack, first, last, agency) == timedelta(
        minutes=sum(each.minutes for each in open_)
    )


def local(*parts: int, pack: Pack = RW) -> datetime:
    return datetime(2026, 11, *parts, tzinfo=pack.zone)


@pytest.mark.parametrize(
    ("arrives", "counts"),
    [
        (local(16, 10, 5), local(16, 10, 5)),
        (local(16, 8, 59), local(16, 9)),
        (local(16, 17, 0), local(17, 9)),
        (local(20, 21, 0), local(23, 9)),  # a Friday evening
        (local(22, 4, 0), local(23, 9)),  # a Sunday
    ],
)
def test_what_comes_while_it_is_closed_counts_from_the_opening(arrives, counts):
    assert working_days.counted_from(RW, arrives) == counts


def test_six_working_hours_run_over_the_night():
    assert working_days.add_time(RW, local(16, 14), 6 * 60) == local(17, 12)
    assert working_days.add_time(RW, local(20, 18), 6 * 60) == local(23, 15)


def test_an_agency_keeps_its_own_week_and_the_country_the_rest():
    pack = changed(RW)
    saturday = date(2026, 11, 21)
    assert working_days.is_working_day(pack, saturday, "M")
    assert not working_days.is_working_day(pack, saturday)
    assert not working_days.is_working_day(pack, date(2027, 1, 8)), "Fridays are over"
    assert working_days.hours(pack, date(2026, 5, 29), "M") == working_days.hours(pack, date(2026, 5, 29))
    assert working_days.is_working_day(pack, date(2026, 12, 25))


def test_a_pack_without_office_hours_keeps_the_usual_ones():
    pack = RW.model_copy(update={"office_hours": ()})
    assert working_days.add(pack, local(16, 8), 0) == local(16, 17)
    assert working_days.is_open(pack, local(16, 8))


@pytest.mark.parametrize("week", [{}, {"monday": "17:00-08:00"}, {"monday": "8-17"}, {"lundi": "08:00-17:00"}])
def test_a_wrong_week_is_not_read(week):
    with pytest.raises(ValueError, match=r"names no day|closes before|is not like|not a day"):
        hours(week)


def test_an_invented_silence_is_about_one_permit_kind():
    row = Silence(
        service="customs", effect="consent", names={"en": "Granted.", "fr": "Accordé."},
        valid_from=date(2026, 1, 1), legal_ref="illustrative",
    )  # fmt: skip
    pack = RW.model_copy(update={"silences": (row,)})
    [mistake] = checks._silent(pack, {"silences": [(Place("here"), row)]})
    assert mistake.field == "permit_kind"
