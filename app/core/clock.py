"""The only source of "now" in the portal, so that tests can move time and nothing reads a naive clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def today(zone: ZoneInfo) -> date:
    """The calendar day it is in ``zone`` (permits expire at the end of a local day)."""
    return now().astimezone(zone).date()
