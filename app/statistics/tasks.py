"""Counting by night."""

from sqlalchemy.orm import Session

from app.jobs import queue
from app.jurisdictions import load
from app.statistics import durations, patterns


@queue.task(patterns.REFRESH, queue="bulk", retry=queue.Retry(attempts=3, first=300))
def count_patterns(session: Session) -> None:
    patterns.refresh(session, load.current())


@queue.task(durations.REFRESH, queue="bulk", retry=queue.Retry(attempts=3, first=300))
def count_durations(session: Session) -> None:
    durations.refresh(session, load.current())


queue.periodic("50 2 * * *", durations.REFRESH)
queue.periodic("40 2 * * *", patterns.REFRESH)
