"""How long something usually takes when not everything has come to an end: the estimate of Kaplan and Meier.

A case that is still open says that it takes longer than it has so far. To leave it out would flatter, to count its
time so far as its whole would too; and one that is stuck for ever moves a quantile by one step at most.
"""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

Curve = list[tuple[int, Fraction]]
"""At each time something ended, the share that takes longer; oldest first. Exact: a half is a half."""


def curve(ended: Mapping[int, int], open_: Mapping[int, int]) -> Curve:
    """Both: how many, by the time they took or have taken so far. What ends at a time comes before what is lost."""
    at_risk = sum(ended.values()) + sum(open_.values())
    share, found = Fraction(1), []
    leaving = Counter(ended) + Counter(open_)
    for time in sorted(leaving):
        if ends := ended.get(time, 0):
            share *= Fraction(at_risk - ends, at_risk)
            found.append((time, share))
        at_risk -= leaving[time]
    return found


def quantile(of: Curve, part: Fraction) -> int | None:
    """By when ``part`` of all have ended; None where that is not known yet."""
    return next((time for time, longer in of if longer <= 1 - part), None)
