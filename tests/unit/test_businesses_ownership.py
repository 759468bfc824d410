"""Shares that add up, percentages that add up, and beneficial owners along chains."""

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


def test_the_chain_of_the_demo_firm_is_multiplied():
    """domain.md §I: 60 % × 50 % is 30 %, above the 25 % of a beneficial owner."""
    holdings = {"Pili-Pili": {"Nyota Holding": 60, "Aline": 40}, "Nyota Holding": {"Jean": 50, "Marie": 50}}
    assert ownership.beneficial_owners("Pili-Pili", holdings) == (
        ownership.BeneficialOwner("Aline", Fraction(2, 5)),
        ownership.BeneficialOwner("Jean", Fraction(3, 10)),
        ownership.BeneficialOwner("Marie", Fraction(3, 10)),
    )


def test_paths_are_added_and_the_threshold_is_included():
    holdings = {"A": {"B": 50, "C": 50}, "B": {"P": 25, "X": 75}, "C": {"P": 25, "Y": 75}}
    owners = {person.owner: person for person in ownership.beneficial_owners("A", holdings)}
    assert owners["P"].share == Fraction(1, 4)
    assert owners["P"].percent == Decimal("25.00")
    just_below = {"A": {"P": 2499, "Q": 7501}}
    assert [person.owner for person in ownership.beneficial_owners("A", just_below)] == ["Q"]


@pytest.mark.parametrize(
    "holdings",
    [
        {"A": {"A": 10, "P": 90}},
        {"A": {"B": 50, "P": 50}, "B": {"A": 50, "Q": 50}},
        {"A": {"B": 1}, "B": {"C": 1}, "C": {"D": 1}, "D": {"B": 1}},
    ],
)
def test_companies_that_own_each_other_in_a_circle_are_refused(holdings):
    with pytest.raises(Invalid) as caught:
        ownership.beneficial_owners("A", holdings)
    assert caught.value.problems[0].code == "ownership_cycle"


@st.composite
def acyclic_holdings(draw):
    """Companies C0…Cn, each owned by later companies and people only."""
    size = draw(st.integers(min_value=1, max_value=6))
    holdings = {}
    for place in range(size):
        owners = [f"C{later}" for later in range(place + 1, size)] + ["P", "Q", "R"]
        chosen = draw(st.lists(st.sampled_from(owners), min_size=1, max_size=4, unique=True))
        holdings[f"C{place}"] = {name: draw(st.integers(min_value=1, max_value=1000)) for name in chosen}
    return holdings


@given(acyclic_holdings())
def test_people_together_own_exactly_the_whole_company(holdings):
    through = ownership.shares_through("C0", holdings)
    assert ownership.find_cycle(holdings) == ()
    assert sum(share for name, share in through.items() if name not in holdings) == 1


@given(acyclic_holdings(), st.data())
def test_any_circle_is_found(holdings, data):
    """Closing a chain from C0 back to C0 is always noticed."""
    deepest = data.draw(
        st.sampled_from(sorted({"C0"} | (set(ownership.shares_through("C0", holdings)) & set(holdings))))
    )
    circular = {**holdings, deepest: {**holdings[deepest], "C0": 1}}
    cycle = ownership.find_cycle(circular)
    assert "C0" in cycle
    with pytest.raises(Invalid):
        ownership.shares_through("C0", circular)


def test_a_long_chain_needs_no_recursion():
    holdings = {f"C{place}": {f"C{place + 1}": 1} for place in range(5000)}
    assert ownership.shares_through("C0", holdings)["C5000"] == 1
