"""Rendering records after the decision that issued them was committed, and forgetting bytes that no row names."""

import base64
import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import islice

from sqlalchemy import ARRAY, Text, cast, column, func, literal, select, table, text
from sqlalchemy.orm import Session

from app.core import clock, i18n
from app.documents import pdf, records, signing, store
from app.documents.models import Record, RecordState
from app.jobs import queue
from app.jurisdictions import load
from app.jurisdictions.model import Pack

SWEEP = "documents.sweep_store"
WAIT = timedelta(days=1)  # far longer than any transaction that is about to name what it put
AT_ONCE = 20_000  # hashes in one question to the database
FEW = 50  # unnamed files that surprise nobody
SHARE = 0.05  # of all old files; more unnamed ones than this mean that the store is not this database's alone
log = logging.getLogger(__name__)


def _locked(session: Session, record_id: int) -> Record:
    """The row, locked until the transaction ends: a second worker waits here, then finds the record ready."""
    wanted = select(Record).where(Record.id == record_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def note_failure(session: Session, failed: queue.Failed, *, record_id: int) -> None:
    record = _locked(session, record_id)
    if record.state not in {RecordState.PENDING, RecordState.FAILED}:
        return
    record.attempts = failed.attempts
    record.last_error = failed.error
    record.state = RecordState.FAILED if failed.final else RecordState.PENDING


@queue.task(records.RENDER, queue="papers", retry=queue.Retry(attempts=5, first=5), on_failure=note_failure)
def render_record(session: Session, *, record_id: int) -> None:
    """Once for each record, whoever asks and however often: rendered, signed and kept, or none of it."""
    record = _locked(session, record_id)
    if record.state not in {RecordState.PENDING, RecordState.FAILED}:
        return
    pack, kind = load.current(), records.kind_of(record)
    original = kind.original(session, record) if kind is not None and kind.original is not None else None
    with i18n.use_locale(record.locale):
        place = pack.state_name
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
        original=_enclosed(original, pack) if original is not None else None,
        schema_version=record.schema_version,
    )
    if signing.enabled():
        content = _sign(record, content)
    record.size = len(content)
    record.sha256 = store.current().put(content)
    record.attempts += 1
    record.last_error = ""
    record.state = RecordState.READY
    session.flush()
    if kind is not None and kind.made is not None:
        kind.made(session, record)


def _enclosed(original: records.Original, pack: Pack) -> pdf.Enclosed:
    document = original.document
    with i18n.use_locale(str(document["locale"]) if document else i18n.language()):
        place = pack.state_name
    return pdf.Enclosed(
        content=base64.b64encode(original.content).decode(),
        name=original.name,
        title=original.title,
        issued_at=original.issued_at.isoformat(timespec="seconds"),
        template=original.template if document else "",
        place=place,
        document=document or {},
    )


def _sign(record: Record, content: bytes) -> bytes:
    with i18n.use_locale(record.locale):
        reason = i18n.gettext("Issued by %(issuer)s", issuer=record.issuer)
    made = signing.sign(content, seal=record.seal, reason=reason)
    record.signature_level = made.level
    record.signed_by = made.by
    record.signed_at = made.at
    record.certificate_fingerprint = made.fingerprint
    return made.content


class NotOurStore(Exception):
    """So much in the store has no row that it must be another portal's too, or the database an old copy."""


@queue.task(SWEEP, queue="bulk")
def sweep_store(session: Session) -> None:
    """Forget bytes whose transaction was rolled back. Raises NotOurStore, and forgets nothing, when they are many."""
    before = clock.now() - WAIT
    hashes, looked_at = iter(store.current().older(before)), 0
    unnamed: list[str] = []
    while batch := list(islice(hashes, AT_ONCE)):
        looked_at += len(batch)
        unnamed += _unnamed(session, batch)
    if len(unnamed) > max(FEW, SHARE * looked_at):
        raise NotOurStore(f"{len(unnamed)} of {looked_at}")
    forgotten = sum(store.current().discard_older(sha256, before) for sha256 in unnamed)
    log.info("bytes without a row were forgotten", extra={"files": forgotten, "looked_at": looked_at})


queue.periodic("23 2 * * *", SWEEP)


def forget(session: Session, hashes: Sequence[str]) -> int:
    """Forget these bytes unless a row names them; how many. What was put again within a day is left to the sweep."""
    before = clock.now() - WAIT
    return sum(store.current().discard_older(sha256, before) for sha256 in _unnamed(session, hashes))


def _unnamed(session: Session, hashes: Sequence[str]) -> Iterable[str]:
    """Those that stand in no column named ``…sha256`` of any table, whichever package's it is. What an
    ``original_sha256`` says is of what a copy was made, and no claim to keep it."""
    columns = session.execute(
        text(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND column_name LIKE '%sha256' AND column_name NOT LIKE 'original%'"
            " ORDER BY 1, 2"
        )
    ).all()
    put = func.unnest(cast([*hashes], ARRAY(Text))).column_valued("put")
    named = [select(literal(1)).select_from(table(name)).where(column(key) == put).exists() for name, key in columns]
    return session.scalars(select(put).where(*(~each for each in named))).all()
