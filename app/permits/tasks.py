"""Background work on permits."""

from sqlalchemy.orm import Session

from app.jobs import queue
from app.permits import lifecycle, records, reminders

EXPIRE = "permits.expire"
REMIND = "permits.remind"


@queue.task(EXPIRE)
def expire(session: Session) -> None:
    """Make the end of validity a fact that others hear of. Every hour: a local day ends at any hour of UTC."""
    if lifecycle.expire(session) == lifecycle.EXPIRE_BATCH:
        queue.enqueue(session, EXPIRE)


@queue.task(REMIND, queue="bulk")
def remind(session: Session) -> None:
    """In the morning of both countries; a day on which no worker ran is made up for by the next."""
    if reminders.send(session) >= reminders.BATCH:
        queue.enqueue(session, REMIND)


queue.periodic("1 * * * *", EXPIRE)
queue.periodic("30 6 * * *", REMIND)

__all__ = ["EXPIRE", "REMIND", "expire", "records", "remind"]
