"""The arithmetic of time against a model that walks minute by minute, over calendars nobody would wish for."""

from datetime import UTC, date, datetime, timedelta

from holidays import country_holidays
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.cases import deadlines
from app.cases.models import Case
from app.cases.workflow import Clock
from app.core import clock
from app.jurisdictions import working_days
from app.jurisdictions.clock_rows import WEEKDAYS, OfficeHours
from app.jurisdictions.load import load
from app.jurisdictions.model import HolidayOverride

FIRST, DAYS = date(2026, 12, 1), 70  # over a year's end
PACKS = (load("RW"), load("CG"))
HOLIDAYS = {pack.country: country_holidays(pack.country, years=range(2026, 2029)) for pack in PACKS}
MINUTE = timedelta(minutes=1)

days = st.dates(FIRST, FIRST + timedelta(days=DAYS))
agencies = st.sampled_from(("", "M", "one without hours of its own"))
moments = st.datetimes(datetime(2026, 12, 1), datetime(2027, 1, 31), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(second=0, microsecond=0)
)
open_from_to = st.tuples(st.integers(0, 1438), st.integers(1, 1439)).filter(lambda pair: pair[0] < pair[1])
weeks = st.dictionaries(
    st.sampled_from(WEEKDAYS),
    open_from_to.map(lambda pair: "-".join(f"{each // 60:02}:{each % 60:02}" for each in pair)),
    min_size=1,
)


@st.composite
def changing_hours(draw, agency):
    """Rows one after the other, with and without gaps."""
    begins = sorted(draw(st.lists(days, max_size=3, unique=True)))
    rows = []
    for begin, following in zip(begins, [*begins[1:], None], strict=False):
        ends = [following - timedelta(days=1)] if following else []
        if draw(st.booleans()):
            ends.append(begin + timedelta(days=draw(st.integers(0, 20))))
        rows.append(
            OfficeHours(
                agency=agency,
                week=draw(weeks),
                valid_from=begin,
                valid_to=min(ends, default=None),
                legal_ref="illustrative",
            )
        )
    return rows


@st.composite
def calendars(draw):
    overrides = draw(st.dictionaries(days, st.booleans(), max_size=8))
    rows = [*draw(changing_hours("")), *draw(changing_hours("M"))]
    return draw(st.sampled_from(PACKS)).model_copy(
        update={
            "office_hours": tuple(rows),
            "holidays": tuple(
                HolidayOverride(
                    day=day, names={"en": "x", "fr": "x"}, works=works, valid_from=day, legal_ref="illustrative"
                )
                for day, works in overrides.items()
            ),
        }
    )


class Walk:
    """From the local midnight before ``start``: for each minute whether the offices are open."""

    def __init__(self, pack, agency, start):
        self.first = start.astimezone(pack.zone).date()
        self.midnight = datetime(self.first.year, self.first.month, self.first.day, tzinfo=pack.zone)
        self.days = [_hours(pack, agency, self.first + timedelta(days=number)) for number in range(DAYS)]
        self.open = [each is not None and each[0] <= minute < each[1] for each in self.days for minute in range(1440)]

    def at(self, place):
        return self.midnight + place * MINUTE

    def opens(self, place):
        while not self.open[place]:
            place += 1
        return place


def _hours(pack, agency, day):
    closed = day in HOLIDAYS[pack.country]
    for override in pack.holidays:
        if override.day == day:
            closed = not override.works
    if closed:
        return None
    for whose in (agency, ""):
        for row in pack.office_hours:
            if row.agency == whose and row.valid_from <= day and (row.valid_to is None or day <= row.valid_to):
                return row.week[day.weekday()]
    return (480, 1020) if day.weekday() < 5 else None


unhurried = settings(deadline=None, max_examples=30)


@unhurried
@given(calendars(), agencies, moments, st.integers(1, 4000), st.integers(0, 30 * 1440))
def test_time_is_what_a_walk_finds(pack, agency, start, length, gap):
    walk = Walk(pack, agency, start)
    begin = (start - walk.midnight) // MINUTE
    assert working_days.is_open(pack, start, agency) == walk.open[begin]
    assert (
        working_days.time_between(pack, start, start + gap * MINUTE, agency)
        == sum(walk.open[begin : begin + gap]) * MINUTE
    )
    assume(sum(walk.open[begin:]) >= length)
    assert working_days.counted_from(pack, start, agency) == walk.at(walk.opens(begin))
    end, left = begin, length
    while left:
        left, end = left - walk.open[end], end + 1
    assert working_days.add_time(pack, start, length, agency) == walk.at(end)


@unhurried
@given(calendars(), agencies, moments, st.integers(0, 25))
def test_days_are_what_a_walk_finds(pack, agency, start, number):
    walk = Walk(pack, agency, start)
    assume(sum(each is not None for each in walk.days[1:]) > number)
    open_days = [place for place, each in enumerate(walk.days) if each is not None]
    closing = {place: walk.at(place * 1440 + walk.days[place][1]) for place in open_days}
    later = [place for place in open_days if place]
    today = number == 0 and 0 in closing and start <= closing[0]
    assert working_days.add(pack, start, number, agency) == closing[0 if today else later[max(number, 1) - 1]]
    assert working_days.between(pack, start, closing[later[number]], agency) == number + 1


@unhurried
@given(calendars(), agencies, moments, st.integers(1, 15), st.integers(0, 10 * 1440), st.integers(0, 5 * 1440))
def test_a_question_answered_before_the_offices_open_again_moves_no_deadline(
    pack, agency, start, promised, asked, took
):
    case = Case(agency=agency)
    with clock.at(start):
        deadlines.apply(case, Clock.START, pack, promised)
    due, moment = case.due_at, start + asked * MINUTE
    with clock.at(moment):
        deadlines.apply(case, Clock.PAUSE, pack, promised)
    left = case.clock_days_left
    assert left is not None
    assert left <= promised
    with clock.at(min(moment + took * MINUTE, working_days.counted_from(pack, moment, agency))):
        deadlines.apply(case, Clock.START, pack, promised)
    if left:
        assert case.due_at == due
    else:
        assert case.due_at >= due, "on its last day a case gets one more"
