"""Background work on permits."""

from sqlalchemy.orm import Session

from app.jobs import queue
from app.permits import lifecycle, records

EXPIRE = "permits.expire"


@queue.task(EXPIRE)
def expire(session: Session) -> None:
    """Make the end of validity a fact that others hear of. Every hour: a local day ends at any hour of UTC."""
    if lifecycle.expire(session) == lifecycle.EXPIRE_BATCH:
        queue.enqueue(session, EXPIRE)


queue.periodic("1 * * * *", EXPIRE)

__all__ = ["EXPIRE", "expire", "records"]
