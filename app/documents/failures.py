"""Records whose PDF could not be made, for someone who can act: seeing them, and trying again."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core import clock
from app.core.errors import NotFound
from app.documents.models import Record, RecordState
from app.documents.records import RENDER
from app.jobs import failures

_FAILED = Record.state == RecordState.FAILED.value
UNFIT_SHOWN = timedelta(days=30)


def list(session: Session, *, before: int | None = None, limit: int = 50) -> Sequence[Record]:
    """Newest first; ``before`` is the id of the last one of the page before."""
    statement = select(Record).where(_FAILED)
    if before is not None:
        statement = statement.where(Record.id < before)
    return session.scalars(statement.order_by(Record.id.desc()).limit(limit)).all()


def count(session: Session) -> int:
    return int(session.scalar(select(func.count()).where(_FAILED)) or 0)


def unfit(session: Session, *, limit: int = 50) -> Sequence[Record]:
    """Those of the last ``UNFIT_SHOWN`` that were issued without a schema, as their data did not fit, newest first."""
    statement = select(Record).where(Record.schema_fault.is_not(None), Record.issued_at > clock.now() - UNFIT_SHOWN)
    return session.scalars(statement.order_by(Record.id.desc()).limit(limit)).all()


def retry(session: Session, record_id: int) -> Record:
    """Make the PDF once more. Raises NotFound unless it was given up."""
    record = session.get(Record, record_id, with_for_update=True, populate_existing=True)
    if record is None or record.state != RecordState.FAILED:
        raise NotFound
    record.state = RecordState.PENDING.value
    session.flush()
    failures.ask_again(session, RENDER, record_id=record.id)
    return record
