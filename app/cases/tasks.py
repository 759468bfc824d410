"""Every night: lists for disposal, reminders of holds, and what the schedule deletes by itself; and the disposals."""

from sqlalchemy.orm import Session

from app.cases import disposals, disposing, due, erasure, holds, transients
from app.documents import tasks as document_tasks
from app.jobs import queue
from app.jurisdictions import load

FIND = "retention.find"
DELETE = "retention.delete"


@queue.task(FIND, queue="bulk", retry=queue.NEVER)
def find(session: Session) -> None:
    pack = load.current()
    holds.remind(session, pack)
    due.check_clock(session)
    disposals.find(session, pack)


@queue.task(DELETE, queue="bulk", retry=queue.NEVER)
def delete(session: Session) -> None:
    pack = load.current()
    due.check_clock(session)
    more = transients.run(session, pack)
    erasure.anonymise_closed(session, pack, holds.people(session))
    if more:
        queue.enqueue(session, DELETE)


queue.periodic("7 1 * * *", FIND)
queue.periodic("37 1 * * *", DELETE)


@queue.task(disposals.DISPOSE, queue="bulk", retry=queue.Retry(attempts=5, first=30))
def dispose(session: Session, *, disposal_id: int) -> None:
    """One step of it, and a job for the next."""
    due.check_clock(session)
    if disposing.step(session, load.current(), disposal_id):
        disposals.enqueue(session, disposal_id)


@queue.task(disposing.FORGET, queue="bulk")
def forget_bytes(session: Session, *, hashes: list[str]) -> None:
    document_tasks.forget(session, hashes)
