"""Attempts counted in PostgreSQL, right across processes.

Each count is one atomic upsert in a connection of its own, so that a request that fails and rolls back still counts.
"""

from datetime import datetime

from sqlalchemy import text

from app.core import clock, db
from app.core.errors import Busy

_HIT = text(
    """
    INSERT INTO rate_limits AS r (bucket, window_ends, count)
    VALUES (:bucket, CAST(:now AS timestamptz) + make_interval(secs => :seconds), 1)
    ON CONFLICT (bucket) DO UPDATE SET
        count = CASE WHEN r.window_ends <= :now THEN 1 ELSE r.count + 1 END,
        window_ends = CASE WHEN r.window_ends <= :now THEN EXCLUDED.window_ends ELSE r.window_ends END
    RETURNING count, window_ends
    """
)
_LOOK = text("SELECT count, window_ends FROM rate_limits WHERE bucket = :bucket AND window_ends > :now")
_GIVE_BACK = text("UPDATE rate_limits SET count = count - 1 WHERE bucket = :bucket AND count > 0")
_CLEAR = text("DELETE FROM rate_limits WHERE bucket = ANY(:buckets)")
_PURGE = text("DELETE FROM rate_limits WHERE window_ends < :now")


def hit(bucket: str, limit: int, seconds: int) -> int:
    """Count one attempt and give how many the window has now; raises Busy for every attempt beyond ``limit``.

    The window starts at the first attempt and lasts ``seconds``; attempts inside do not lengthen it.
    """
    now = clock.now()
    with db.database().engine.begin() as connection:
        count, ends = connection.execute(_HIT, {"bucket": bucket, "now": now, "seconds": seconds}).one()
    if count > limit:
        raise Busy(retry_after=_wait(now, ends))
    return int(count)


def check(bucket: str, limit: int) -> None:
    """Raise Busy when the window is already full, without counting."""
    now = clock.now()
    with db.database().engine.begin() as connection:
        row = connection.execute(_LOOK, {"bucket": bucket, "now": now}).one_or_none()
    if row is not None and row[0] >= limit:
        raise Busy(retry_after=_wait(now, row.window_ends))


def give_back(bucket: str) -> None:
    """Take back one attempt: it was no failure."""
    with db.database().engine.begin() as connection:
        connection.execute(_GIVE_BACK, {"bucket": bucket})


def clear(*buckets: str) -> None:
    """Forget the attempts (after a success)."""
    with db.database().engine.begin() as connection:
        connection.execute(_CLEAR, {"buckets": list(buckets)})


def purge() -> int:
    """Delete windows that have ended; how many."""
    with db.database().engine.begin() as connection:
        return connection.execute(_PURGE, {"now": clock.now()}).rowcount


def _wait(now: datetime, ends: datetime) -> int:
    return max(1, int((ends - now).total_seconds()) + 1)
