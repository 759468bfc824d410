"""Shares, percentages and beneficial owners, in integers and exact fractions. Pure: no database, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from app.core.errors import Invalid, Problem
from app.core.i18n import lazy_gettext as _l

BENEFICIAL = Fraction(1, 4)  # RW: 25 % or more of the shares or votes, directly or through others

Holdings = Mapping[str, Mapping[str, int]]
"""Company → owner → shares held. An owner that is itself a key here is a company with owners of its own."""


@dataclass(frozen=True)
class BeneficialOwner:
    """``share`` is the part of the company that reaches this person over all chains together."""

    owner: str
    share: Fraction

    @property
    def percent(self) -> Decimal:
        return (Decimal(self.share.numerator * 100) / self.share.denominator).quantize(Decimal("0.01"))


def check_shares(shares: Iterable[int | None], issued: int | None, *, field: str | None = None) -> None:
    """Raises Invalid unless every holding is positive and together they are exactly the issued shares."""
    held = [count for count in shares if count is not None]
    if any(count <= 0 for count in held):
        raise Invalid(Problem(_l("The number of shares must be 1 or more."), field, "shares_not_positive"))
    total = sum(held)
    if issued is not None and total != issued:
        raise Invalid(
            Problem(
                _l(
                    "The owners hold %(held)s shares together, but %(issued)s shares are issued. "
                    "Correct the numbers so that they are equal.",
                    held=total,
                    issued=issued,
                ),
                field,
                "shares_do_not_add_up",
            )
        )


def percentages(shares: Sequence[int]) -> tuple[Decimal, ...]:
    """Each holding as a percentage with two places, by largest remainder: they add up to exactly 100.00.

    Equal holdings may differ by 0.01 (three equal owners: 33.34, 33.33, 33.33); the earlier one has the hundredth.
    """
    total = sum(shares)
    if total <= 0 or min(shares) < 0:
        raise ValueError("percentages need a positive total and no negative holding")
    parts = [divmod(count * 10_000, total) for count in shares]
    missing = 10_000 - sum(whole for whole, _ in parts)
    largest = sorted(range(len(parts)), key=lambda place: (-parts[place][1], place))[:missing]
    return tuple(Decimal(whole + (1 if place in largest else 0)).scaleb(-2) for place, (whole, _) in enumerate(parts))


def find_cycle(holdings: Holdings) -> tuple[str, ...]:
    """A chain of companies in which the first owns part of itself, or nothing."""
    done: set[str] = set()
    for start in holdings:
        chain: list[str] = []
        stack = [(start, iter(holdings[start]))] if start not in done else []
        chain.extend(company for company, _ in stack)
        while stack:
            company, owners = stack[-1]
            owner = next((name for name in owners if name in holdings and name not in done), None)
            if owner is None:
                stack.pop()
                chain.pop()
                done.add(company)
            elif owner in chain:
                return tuple(chain[chain.index(owner) :])
            else:
                stack.append((owner, iter(holdings[owner])))
                chain.append(owner)
    return ()


def shares_through(company: str, holdings: Holdings) -> dict[str, Fraction]:
    """How much of ``company`` each owner has: multiplied along each chain, added over chains.

    Companies in the middle of a chain are in the result too. Raises Invalid when a company owns part of itself.
    """
    cycle = find_cycle(holdings)
    if cycle:
        raise Invalid(
            Problem(
                _l(
                    "These companies own each other in a circle: %(names)s. Name the people behind them.",
                    names=", ".join(cycle),
                ),
                None,
                "ownership_cycle",
            )
        )
    through: dict[str, Fraction] = {}
    for owned in _from_the_owned_up(company, holdings):
        weight = Fraction(1) if owned == company else through[owned]
        issued = sum(holdings[owned].values())
        for owner, count in holdings[owned].items():
            through[owner] = through.get(owner, Fraction(0)) + weight * Fraction(count, issued)
    return through


def _from_the_owned_up(company: str, holdings: Holdings) -> list[str]:
    """Companies reachable from ``company``, each after all companies it owns part of."""
    order: list[str] = []
    seen: set[str] = set()
    stack = [(company, False)]
    while stack:
        name, finished = stack.pop()
        if finished:
            order.append(name)
        elif name not in seen and holdings.get(name):
            seen.add(name)
            stack.append((name, True))
            stack.extend((owner, False) for owner in holdings[name])
    return order[::-1]


def beneficial_owners(
    company: str, holdings: Holdings, threshold: Fraction = BENEFICIAL
) -> tuple[BeneficialOwner, ...]:
    """The natural persons (owners that are no company here) with at least ``threshold``, the largest first."""
    found = [
        BeneficialOwner(owner, share)
        for owner, share in shares_through(company, holdings).items()
        if owner not in holdings and share >= threshold
    ]
    return tuple(sorted(found, key=lambda person: (-person.share, person.owner)))
