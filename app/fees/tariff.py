"""The tariff applied: rows of the pack and a declared value become lines with money. Pure.

A percentage is taken of the declared value in the rule's own currency and rounded to its smallest unit, halves to
the even neighbour (ISO 80000-1 rule A, "banker's rounding"): the bias of always rounding up would be the payer's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from app.core.money import Money, exponent
from app.jurisdictions.model import FeeRule, Names


@dataclass(frozen=True)
class TariffLine:
    code: str
    names: Names
    amount: Money
    legal_ref: str
    revenue_code: str


def convert(value: Money, rate: Decimal, currency: str) -> Money:
    """``value`` in ``currency``, where one unit of its own costs ``rate``; rounded half-even."""
    if value.currency == currency:
        return value
    return Money(_rounded((value.amount * rate).scaleb(exponent(currency))), currency)


def percentage(percent: Decimal, of: Money) -> Money:
    """``percent`` (2.5 is 2.5 %) of an amount, rounded half-even to the smallest unit."""
    return Money(_rounded(percent * of.minor / 100), of.currency)


def apply(rules: Iterable[FeeRule], base: Money | None) -> tuple[TariffLine, ...]:
    """The lines of ``rules`` that come to more than nothing.

    Raises ValueError when a percentage has no declared value in its currency, or the rules mix currencies.
    """
    lines = []
    for rule in rules:
        amount = Money(rule.amount_minor, rule.currency)
        if rule.percent:
            if base is None or base.currency != rule.currency:
                raise ValueError(f"fee {rule.code} is a percentage and needs a declared value in {rule.currency}")
            amount += percentage(rule.percent, base)
        if amount.minor > 0:
            lines.append(TariffLine(rule.code, rule.names, amount, rule.legal_ref, rule.revenue_code))
    if len({line.amount.currency for line in lines}) > 1:
        raise ValueError("the fees of one charge must be in one currency")
    return tuple(lines)


def total(lines: Iterable[TariffLine]) -> Money | None:
    """The sum; None when there is nothing to pay."""
    found: Money | None = None
    for line in lines:
        found = line.amount if found is None else found + line.amount
    return found


def _rounded(value: Decimal) -> int:
    return int(value.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
