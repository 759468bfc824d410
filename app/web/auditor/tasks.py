"""Building bundles, and forgetting them when their week is over."""

from sqlalchemy.orm import Session

from app.cases import bundle_build, bundles
from app.jobs import queue
from app.jurisdictions import load
from app.web.auditor.neighbours import around

EXPIRE = "auditor.expire_bundles"


def note_failure(session: Session, failed: queue.Failed, *, bundle_id: int) -> None:
    bundles.note_failure(session, bundle_id, failed.error, final=failed.final)


@queue.task(bundles.BUILD, queue="bulk", retry=queue.Retry(attempts=3, first=30), on_failure=note_failure)
def build_bundle(session: Session, *, bundle_id: int) -> None:
    """One step of it, and a job for the next."""
    if bundle_build.step(session, load.current(), bundle_id, around):
        bundles.enqueue(session, bundle_id)


@queue.task(EXPIRE, queue="bulk", retry=queue.NEVER)
def expire_bundles(session: Session) -> None:
    bundles.expire(session)


queue.periodic("17 * * * *", EXPIRE)
