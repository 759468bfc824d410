"""Rows about time: when offices are open, and what it means when they say nothing."""

import re
from itertools import groupby
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from app.core import i18n
from app.core.i18n import gettext as _
from app.core.i18n import pick
from app.jurisdictions.rows import Code, Dated, Names


class Hours(NamedTuple):
    """From when to when the offices are open on a day, in minutes after local midnight."""

    opens: int
    closes: int

    @property
    def minutes(self) -> int:
        return self.closes - self.opens


Day = Hours | None
Week = tuple[Day, Day, Day, Day, Day, Day, Day]
"""Monday first; None: closed."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _minutes(written: str) -> Hours:
    """Of ``08:00-17:00``."""
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", written)
    if found is None:
        raise ValueError(f"{written!r} is not like 08:00-17:00")
    first, last = (int(found[place]) * 60 + int(found[place + 1]) for place in (1, 3))
    if last <= first:
        raise ValueError(f"{written!r} closes before it opens")
    return Hours(first, last)


def _week(written: object) -> object:
    """From ``{monday = "08:00-17:00", …}``; a day that is not named is closed."""
    if not isinstance(written, dict):
        return written
    if strange := set(written) - set(WEEKDAYS):
        raise ValueError(f"{', '.join(sorted(strange))}: not a day of the week")
    if not written:
        raise ValueError("names no day on which the offices are open")
    return tuple(_minutes(str(written[day])) if day in written else None for day in WEEKDAYS)


class OfficeHours(Dated):
    """When offices are open: of one agency, or of every one that has no row of its own."""

    agency: str = ""
    week: Annotated[Week, BeforeValidator(_week)]

    @property
    def spoken(self) -> list[str]:
        """“Monday to Friday 08:00–17:00”, in the reader's language; days with the same hours in a row together."""
        names = i18n.weekdays()
        found = []
        for hours, days in groupby(range(7), key=lambda day: self.week[day]):
            if hours is None:
                continue
            first, *rest = list(days)
            day = _("%(first)s to %(last)s", first=names[first], last=names[rest[-1]]) if rest else names[first]
            found.append(f"{day} {_clock(hours.opens)}–{_clock(hours.closes)}")
        return found


class Silence(Dated):
    """What it means when an agency has not decided in time: consent or refusal, in the words of ``names``.

    It takes effect when the promised time has run out and ``after_working_days`` more have. Where no source is known,
    a row may only be about one permit kind. ``awaits_inspection``: not while an inspection is to be made.
    """

    service: Code
    permit_kind: str | None = None
    effect: Literal["consent", "refusal"]
    after_working_days: int = Field(default=0, ge=0)
    awaits_inspection: bool = True
    names: Names

    @property
    def about(self) -> str:
        return f"{self.service}/{self.permit_kind or ''}"

    @property
    def name(self) -> str:
        return pick(self.names)
