"""Patterns worth a look: numbers over a period, counted by night. A line is a reason to look, never more than that.

To count them over 100,000 cases takes longer than a page may, so that each period has a row in ``pattern_counts``.
What only a service knows (when two of its cases are about the same thing, what value was declared) it says at import.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import literal, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.core import clock
from app.core.together import Statement
from app.jobs import queue
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack
from app.statistics import patterns_sql as sql
from app.statistics.models import PatternCount

PERIODS = (30, 90, 180, 365)  # days
USUAL = 90
REFRESH = "statistics.count_patterns"
MOST = 20  # lines of one pattern
LEAST_DECISIONS = 5  # by one official for one business
AWAY = 3  # standard deviations from what chance gives
LEAST = 3  # of whatever else is counted
WITHIN = 30  # days
NEAR = Decimal("0.8")  # of a threshold
QUICKEST = Decimal("0.05")
ENOUGH = 20  # approvals, before their quickest twentieth says anything


class Pattern(StrEnum):
    SAME_AGAIN = "same_again"
    OUT_OF_HOURS = "out_of_hours"
    REVERSED = "reversed"
    SPLIT = "split"
    QUICK = "quick"
    CHOSEN = "chosen"


@dataclass(frozen=True)
class Line:
    """One line of a pattern; parts it has no use for are empty. ``of``: out of how many; ``other``: who decided after.

    ``seconds``: the quickest twentieth took less. ``minor`` and ``sum``: a threshold and what was declared near it.
    """

    official: int | None = None
    other: int | None = None
    business: int | None = None
    agency: str = ""
    service: str = ""
    kind: str = ""
    n: int = 0
    of: int = 0
    expected: str = ""
    seconds: int = 0
    rule: str = ""
    minor: int = 0
    sum: int = 0
    currency: str = ""
    refs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """``total``: how many lines there are; the first ``MOST`` are kept."""

    lines: list[Line] = field(default_factory=list)
    total: int = 0


@dataclass(frozen=True)
class Counted:
    days: int
    since: datetime
    until: datetime
    found: dict[Pattern, Found]


@dataclass(frozen=True)
class Threshold:
    """``rule`` is the code of the pack's row; ``minor`` in the national currency."""

    rule: str
    minor: int
    currency: str


_alike: dict[str, tuple[tuple[str, ...], ...]] = {}
_measured: dict[str, tuple[Statement, Callable[[Pack], tuple[Threshold, ...]]]] = {}


def alike(service: str, *paths: tuple[str, ...]) -> None:
    """Cases of ``service`` are about the same thing when the answers at all ``paths`` of the submission agree."""
    _alike[service] = paths


def measured(service: str, values: Statement, thresholds: Callable[[Pack], tuple[Threshold, ...]]) -> None:
    """``values`` selects case_id, business_id, at, value_minor and currency, of every case of ``service``."""
    _measured[service] = (values, thresholds)


# --- counting -------------------------------------------------------------------------------------------------------


def refresh(session: Session, pack: Pack) -> None:
    """Count every period anew, up to now."""
    for days in PERIODS:
        counted = count(session, pack, days)
        found = {
            pattern.value: {"total": each.total, "lines": [asdict(line) for line in each.lines]}
            for pattern, each in counted.found.items()
        }
        values = {"since": counted.since, "until": counted.until, "found": found}
        statement = insert(PatternCount).values(days=days, **values)
        session.execute(statement.on_conflict_do_update(index_elements=["days"], set_=values))
    session.expire_all()


def count(session: Session, pack: Pack, days: int) -> Counted:
    """The patterns of the ``days`` before this moment."""
    until = clock.now()
    since = until - timedelta(days=days)
    period: dict[str, Any] = {"since": since, "until": until, "most": MOST}
    found = {
        Pattern.SAME_AGAIN: _read(session, sql.SAME_AGAIN, period, least=LEAST_DECISIONS, away=AWAY),
        Pattern.OUT_OF_HOURS: _read(
            session,
            sql.OUT_OF_HOURS,
            period,
            closed=_closed(pack, since, until),
            **_hours(pack, until),
            zone=pack.timezone,
            least=LEAST,
        ),
        Pattern.REVERSED: _reversed(session, period),
        Pattern.SPLIT: _split(session, pack, period),
        Pattern.QUICK: _read(session, sql.QUICK, period, percentile=QUICKEST, enough=ENOUGH, least=LEAST),
        Pattern.CHOSEN: _read(session, sql.CHOSEN, period, least=LEAST),
    }
    return Counted(days, since, until, found)


def _read(session: Session, statement: str, period: dict[str, Any], **values: Any) -> Found:
    rows = session.execute(text(statement), period | values).mappings().all()
    return Found([_line(row) for row in rows], int(rows[0]["total"]) if rows else 0)


def _line(row: Any) -> Line:
    values = {name: value for name, value in row.items() if name != "total" and value is not None}
    values["refs"] = tuple(values["refs"])
    for name in ("n", "of", "sum", "minor"):
        values[name] = int(values.get(name, 0))
    return Line(**values | {"expected": str(values.get("expected", ""))})


def _closed(pack: Pack, since: datetime, until: datetime) -> list[Any]:
    """The days on which the offices do not open at all."""
    first, last = since.astimezone(pack.zone).date(), until.astimezone(pack.zone).date()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if not working_days.is_working_day(pack, day)]


def _hours(pack: Pack, until: datetime) -> dict[str, list[Any]]:
    """When each agency's offices are open, a line for each day of the week (1 is Monday), in minutes."""
    day = until.astimezone(pack.zone).date()
    lines = [
        (agency, number, *hours)
        for agency in sorted({agency.code for agency in pack.agencies})
        for number, hours in enumerate(working_days.week(pack, day, agency), start=1)
        if hours is not None
    ]
    names = ("agencies", "weekdays", "opens", "closes")
    return dict(zip(names, (list(column) for column in zip(*lines, strict=True)), strict=True))


def _reversed(session: Session, period: dict[str, Any]) -> Found:
    branches, values = [], {}
    for number, (service, paths) in enumerate(sorted(_alike.items())):
        parts = []
        for place, path in enumerate(paths):
            values[f"path_{number}_{place}"] = list(path)
            parts.append(f"s.data #>> CAST(:path_{number}_{place} AS text[])")
        values[f"service_{number}"] = service  # type: ignore[assignment]
        branches.append(f"WHEN :service_{number} THEN concat_ws(' ', {', '.join(parts)})")
    same = f"CASE c.service {' '.join(branches)} ELSE '' END" if branches else "CAST('' AS text)"
    return _read(session, sql.REVERSED.replace("{alike}", same), period, within=WITHIN, **values)


def _split(session: Session, pack: Pack, period: dict[str, Any]) -> Found:
    parts, rows = [], []
    for service, (values, thresholds) in sorted(_measured.items()):
        named = values.add_columns(literal(service).label("service"))
        parts.append(str(named.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})))  # type: ignore[no-untyped-call]
        rows += [(service, each.rule, each.minor, each.currency) for each in thresholds(pack)]
    if not rows:
        return Found()
    services, rules, minors, currencies = (list(column) for column in zip(*rows, strict=True))
    statement = sql.SPLIT.replace("{measured}", " UNION ALL ".join(parts))
    return _read(
        session, statement, period, services=services, rules=rules, minors=minors, currencies=currencies,
        share=NEAR, within=WITHIN, least=LEAST,
    )  # fmt: skip


# --- reading --------------------------------------------------------------------------------------------------------


def latest(session: Session, days: int) -> Counted | None:
    """As counted last; None before the first count."""
    row = session.scalar(select(PatternCount).where(PatternCount.days == days))
    if row is None:
        return None
    found = {
        pattern: Found(
            [Line(**line | {"refs": tuple(line["refs"])}) for line in row.found[pattern.value]["lines"]],
            row.found[pattern.value]["total"],
        )
        for pattern in Pattern
        if pattern.value in row.found
    }
    return Counted(row.days, row.since, row.until, found)


def ask(session: Session) -> None:
    """Count anew as soon as a worker is free."""
    queue.enqueue(session, REFRESH, lock=REFRESH)
