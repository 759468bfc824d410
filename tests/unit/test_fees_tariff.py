"""The tariff: exact, half-even, one currency."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.money import Money
from app.fees import tariff
from tests.factories.fees import rule


def test_fixed_and_percentage_lines_are_copied_with_their_legal_basis() -> None:
    lines = tariff.apply([rule(15000), rule(0, code="levy", percent="2.5", revenue="1152")], Money(1_000_010, "RWF"))
    assert [(line.code, line.amount, line.revenue_code) for line in lines] == [
        ("licence", Money(15000, "RWF"), "1422"),
        ("levy", Money(25000, "RWF"), "1152"),
    ]
    assert lines[0].legal_ref == "illustrative"
    assert tariff.total(lines) == Money(40000, "RWF")


@pytest.mark.parametrize(("value", "expected"), [(50, 0), (150, 2), (250, 2), (350, 4), (51, 1), (149, 1)])
def test_halves_go_to_the_even_neighbour(value: int, expected: int) -> None:
    assert tariff.percentage(Decimal(1), Money(value, "RWF")) == Money(expected, "RWF")


@given(st.decimals(0, 100, places=3), st.integers(0, 10**15))
def test_a_percentage_is_within_half_a_unit_of_the_exact_one(percent: Decimal, minor: int) -> None:
    exact = percent * minor / 100
    assert abs(tariff.percentage(percent, Money(minor, "RWF")).minor - exact) <= Decimal("0.5")


def test_nothing_to_pay() -> None:
    assert tariff.total(tariff.apply([rule(0)], None)) is None


def test_a_percentage_needs_a_declared_value_in_its_currency() -> None:
    with pytest.raises(ValueError, match="needs a declared value in RWF"):
        tariff.apply([rule(0, percent="1")], None)
    with pytest.raises(ValueError, match="needs a declared value in RWF"):
        tariff.apply([rule(0, percent="1")], Money(100, "USD"))


def test_one_currency_a_charge() -> None:
    with pytest.raises(ValueError, match="one currency"):
        tariff.apply([rule(1), rule(1, code="other", currency="XAF")], None)


def test_a_value_in_dollars_is_converted_from_cents() -> None:
    assert tariff.convert(Money(10_050, "USD"), Decimal("1450.5"), "RWF") == Money(145_775, "RWF")
