"""Shares and percentages, in integers. Pure: no database, no clock."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from app.core.errors import Invalid, Problem
from app.core.i18n import lazy_gettext as _l


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
