"""Counting by night."""

from sqlalchemy.orm import Session

from app.jobs import queue
from app.jurisdictions import load
from app.statistics import patterns


@queue.task(patterns.REFRESH, retry=queue.Retry(attempts=3, first=300))
def count_patterns(session: Session) -> None:
    patterns.refresh(session, load.current())


queue.periodic("40 2 * * *", patterns.REFRESH)
