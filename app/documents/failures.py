"""Records whose PDF could not be made, for someone who can act: seeing them, and trying again."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.errors import NotFound
from app.documents.models import Record, RecordState
from app.documents.records import RENDER
from app.jobs import failures

_FAILED = Record.state == RecordState.FAILED.value


def list(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Record]:
    """Newest first; ``before`` is the id of the last one of the page before."""
    statement = select(Record).where(_FAILED)
    if before is not None:
        statement = statement.where(Record.id < before)
    return session.scalars(statement.order_by(Record.id.desc()).limit(limit)).all()


def count(session: Session) -> int:
    return int(session.scalar(select(func.count()).where(_FAILED)) or 0)


def retry(session: Session, record_id: int) -> Record:
    """Make the PDF once more. Raises NotFound unless it was given up."""
    record = session.get(Record, record_id, with_for_update=True, populate_existing=True)
    if record is None or record.state != RecordState.FAILED:
        raise NotFound
    record.state = RecordState.PENDING.value
    session.flush()
    failures.ask_again(session, RENDER, record_id=record.id)
    return record
