"""Rendering records after the decision that issued them was committed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import i18n
from app.documents import pdf, records, store
from app.documents.models import Record, RecordState
from app.jobs import queue
from app.jurisdictions import load


def _locked(session: Session, record_id: int) -> Record:
    """The row, locked until the transaction ends: a second worker waits here, then finds the record ready."""
    wanted = select(Record).where(Record.id == record_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def note_failure(session: Session, failed: queue.Failed, *, record_id: int) -> None:
    record = _locked(session, record_id)
    if record.ready:
        return
    record.attempts = failed.attempts
    record.last_error = failed.error
    record.state = RecordState.FAILED if failed.final else RecordState.PENDING


@queue.task(records.RENDER, retry=queue.Retry(attempts=5, first=5), on_failure=note_failure)
def render_record(session: Session, *, record_id: int) -> None:
    """Once for each record, whoever asks and however often."""
    record = _locked(session, record_id)
    if record.ready:
        return
    pack = load.current()
    with i18n.use_locale(record.locale):
        place = pack.name
    content = pdf.render(
        record.template,
        record.data,
        locale=record.locale,
        zone=pack.timezone,
        kind=record.kind,
        title=record.title,
        number=record.number,
        code=record.code,
        issuer=record.issuer,
        issued_at=record.issued_at.isoformat(timespec="seconds"),
        place=place,
    )
    record.size = len(content)
    record.sha256 = store.current().put(content)
    record.attempts += 1
    record.last_error = ""
    record.state = RecordState.READY
