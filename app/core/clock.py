"""The only source of "now" in the portal, so that tests can move time and nothing reads a naive clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

_moved: ContextVar[datetime | None] = ContextVar("kibali_moment", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _moved.get() or datetime.now(UTC)


def today(zone: ZoneInfo) -> date:
    """The calendar day it is in ``zone`` (permits expire at the end of a local day)."""
    return now().astimezone(zone).date()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Inside the block it is ``moment``: for demo data, whose cases have a past."""
    token = _moved.set(moment)
    try:
        yield
    finally:
        _moved.reset(token)
