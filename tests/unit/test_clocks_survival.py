"""Medians of what has not all come to an end, worked out by hand; one stuck case moves them by a step at most."""

from collections import Counter
from fractions import Fraction
from statistics import mean

from hypothesis import given
from hypothesis import strategies as st

from app.statistics.survival import curve, quantile

HALF = Fraction(1, 2)


def median(ended, still_open=()):
    return quantile(curve(Counter(ended), Counter(still_open)), HALF)


def test_without_open_cases_it_is_what_was_counted():
    of = curve(Counter([1, 2, 2, 3, 5, 8]), {})
    assert of == [(1, Fraction(5, 6)), (2, HALF), (3, Fraction(1, 3)), (5, Fraction(1, 6)), (8, Fraction(0))]
    assert [quantile(of, Fraction(part, 4)) for part in (1, 2, 3, 4)] == [2, 2, 5, 8]


def test_a_curve_by_hand():
    """Ended on days 6, 6, 6, 7, 10, 13, 16, 22, 23; still open after 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35: the
    treated of Freireich et al. (1963), whose median is 23."""
    ended = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    still = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    of = curve(Counter(ended), Counter(still))
    assert [(time, round(float(share), 3)) for time, share in of] == [
        (6, 0.857), (7, 0.807), (10, 0.753), (13, 0.690), (16, 0.627), (22, 0.538), (23, 0.448),
    ]  # fmt: skip
    assert quantile(of, HALF) == 23
    assert quantile(of, Fraction(3, 4)) is None, "not yet known"


def test_open_cases_are_neither_left_out_nor_taken_for_ended():
    assert median([1, 1, 2], [9, 9, 9, 9]) is None
    assert median([1, 1, 2]) == 1
    assert median([], [3]) is None
    assert median([]) is None


days = st.integers(0, 30)


@given(st.lists(days, min_size=1, max_size=60), st.lists(days, max_size=60), st.integers(31, 100_000))
def test_one_stuck_case_moves_the_median_by_a_step_at_most(ended, still_open, stuck):
    before, after = median(ended, still_open), median(ended, [*still_open, stuck])
    steps = [*sorted(set(ended)), None]  # the last: not known yet
    assert 0 <= steps.index(after) - steps.index(before) <= 1


def test_a_mean_would_not_stand_it():
    ended = [3, 4, 4, 5, 6]
    assert mean([*ended, 10_000]) > 300 * mean(ended)
    assert median(ended, [10_000]) == 4 + 0 == median(ended)


@given(st.lists(days, max_size=40), st.lists(days, max_size=40))
def test_quantiles_stand_in_order(ended, still_open):
    of = curve(Counter(ended), Counter(still_open))
    found = [quantile(of, Fraction(part, 20)) for part in range(1, 20)]
    known = [each for each in found if each is not None]
    assert known == sorted(known)
    assert None not in found[: len(known)]
