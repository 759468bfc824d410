"""Hours in which no telephone rings because of us: from 21:00 to 07:00 on the country's clock."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

BEGINS, ENDS = time(21), time(7)


def until(moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The next morning when ``moment`` is in the quiet hours, None otherwise."""
    local = moment.astimezone(zone)
    if ENDS <= local.time() < BEGINS:
        return None
    day = local.date() + timedelta(days=1) if local.time() >= BEGINS else local.date()
    return datetime.combine(day, ENDS, zone)
