"""Building bundles, and forgetting them when their week is over."""

from sqlalchemy.orm import Session

from app.cases import bundles
from app.core import db
from app.jobs import queue
from app.jurisdictions import load
from app.web.auditor.neighbours import around

EXPIRE = "auditor.expire_bundles"


def note_failure(session: Session, failed: queue.Failed, *, bundle_id: int) -> None:
    bundles.note_failure(session, bundle_id, failed.error, final=failed.final)


@queue.task(bundles.BUILD, retry=queue.Retry(attempts=3, first=30), on_failure=note_failure)
def build_bundle(session: Session, *, bundle_id: int) -> None:
    """Once for each bundle, however often it is begun. Progress is committed apart, so that the page can show it."""

    def progress(done: int) -> None:
        with db.unit_of_work() as apart:
            bundles.note_progress(apart, bundle_id, done)

    bundles.build(session, load.current(), bundle_id, around, progress)


@queue.task(EXPIRE, retry=queue.NEVER)
def expire_bundles(session: Session) -> None:
    bundles.expire(session)


queue.periodic("17 * * * *", EXPIRE)
