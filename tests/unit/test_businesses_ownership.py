"""Shares that add up, and percentages that add up."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.businesses import ownership
from app.core.errors import Invalid


def test_shares_must_add_up_to_what_is_issued():
    ownership.check_shares([600, 400], 1000)
    with pytest.raises(Invalid) as caught:
        ownership.check_shares([600, 399], 1000)
    assert caught.value.problems[0].code == "shares_do_not_add_up"
    assert "999" in str(caught.value.message)


@pytest.mark.parametrize("shares", [[0, 1000], [-1, 1001]])
def test_a_holding_is_at_least_one_share(shares):
    with pytest.raises(Invalid) as caught:
        ownership.check_shares(shares, 1000)
    assert caught.value.problems[0].code == "shares_not_positive"


def test_three_equal_owners_get_the_hundredth_once():
    assert ownership.percentages([1, 1, 1]) == (Decimal("33.34"), Decimal("33.33"), Decimal("33.33"))


@given(st.lists(st.integers(min_value=1, max_value=10**12), min_size=1, max_size=200))
def test_percentages_add_up_to_exactly_one_hundred(shares):
    parts = ownership.percentages(shares)
    assert sum(parts) == Decimal("100.00")
    for part, count in zip(parts, shares, strict=True):
        assert abs(Fraction(part) - Fraction(count * 100, sum(shares))) < Fraction(1, 100)


@given(st.lists(st.integers(min_value=1, max_value=10**9), min_size=2, max_size=50))
def test_who_holds_more_is_never_shown_with_less(shares):
    parts = ownership.percentages(shares)
    for one, more in zip(shares, parts, strict=True):
        assert all(more >= other for count, other in zip(shares, parts, strict=True) if count < one)
