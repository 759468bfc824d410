"""Records: the PDFs the state issues. Asked for in the transaction of the decision, rendered once, never again.

The row holds everything the PDF says, so the paper, the JSON inside it and the public check all agree.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core import clock, identifiers
from app.core.errors import DomainError
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.documents import codes, schema_models, signing, store
from app.documents.models import Record, RecordState
from app.documents.schema_models import Schema
from app.jobs import queue
from app.jurisdictions import load

RENDER = "documents.render_record"


class Standing(StrEnum):
    """What the public page says."""

    VALID = "valid"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Corrected:
    """That the decision behind a record was looked at again. ``number`` and ``code`` are of the record in its place."""

    text: str
    number: str = ""
    code: str = ""


@dataclass(frozen=True)
class Verification:
    """What anyone with the code may know. ``facts`` are label and value; never personal data."""

    state: Standing
    title: str
    issuer: str
    valid_from: date | datetime | None = None
    valid_to: date | datetime | None = None
    facts: Sequence[tuple[str, str]] = field(default_factory=tuple)
    correction: Corrected | None = None


UNKNOWN = Verification(Standing.UNKNOWN, "", "")
Status = Callable[[Session, Record], Verification]
Remark = Callable[[Session, Record, Verification], Verification]


@dataclass(frozen=True)
class Original:
    """The document a certified copy is of: its bytes go into the copy as they are, its page follows the copy's own.

    ``document`` is the JSON inside it and ``template`` its page; without them the bytes alone are in the copy.
    """

    content: bytes
    name: str  # as a file
    title: str
    issued_at: datetime
    template: str = ""
    document: dict[str, Any] | None = None


Enclosed = Callable[[Session, Record], Original]
Made = Callable[[Session, Record], None]


@dataclass(frozen=True)
class Kind:
    code: str
    title: Text
    status: Status
    by_number: bool
    original: Enclosed | None = None
    made: Made | None = None


_kinds: dict[str, Kind] = {}
_remarks: list[Remark] = []


class Gone(DomainError):
    """Asked for the bytes of a record that was disposed of."""

    code = "disposed"
    status = 410
    default_message = _l("This document was destroyed when the time for which it is kept had ended.")


class NotReady(DomainError):
    """Asked for the bytes of a record that is still being prepared."""

    code = "record_not_ready"
    status = 409
    default_message = _l("This document is still being prepared. Try again in a minute.")


def register_kind(
    kind: str,
    title: Text,
    status: Status,
    *,
    by_number: bool = True,
    original: Enclosed | None = None,
    made: Made | None = None,
    schema: Schema | None = None,
) -> None:
    """At import, by the package that issues records of this kind. ``status`` is asked at each public check.

    ``by_number``: the public may also look it up by its number. Numbers can be guessed, so that check tells the
    state, title, issuer and dates but none of the facts; a kind whose very existence is private says False.
    ``original`` gives what a record of this kind is a copy of, and ``made`` is called once its PDF is there, in the
    same transaction. ``schema`` is what its data is checked against when it is requested, and stands in the PDF.
    """
    if kind in _kinds:
        raise ValueError(f"record kind {kind} is registered twice")
    _kinds[kind] = Kind(kind, title, status, by_number, original, made)
    if schema is not None:
        schema_models.register(kind, schema)


def kind_of(record: Record) -> Kind | None:
    return _kinds.get(record.kind)


def on_verified(remark: Remark) -> Remark:
    """At import, by who knows more of a record than its own kind does. Usable as a decorator."""
    if remark not in _remarks:
        _remarks.append(remark)
    return remark


def kind_title(kind: str) -> Text:
    return _kinds[kind].title if kind in _kinds else kind


def as_issued(session: Session, record: Record) -> Verification:
    """Status of records whose truth never changes (receipts, certified case files): valid, with the day of issue."""
    return Verification(Standing.VALID, record.title, record.issuer, valid_from=record.issued_at)


def request(
    session: Session,
    *,
    kind: str,
    template: str,
    title: str,
    data: dict[str, Any],
    locale: str,
    case_id: int | None = None,
    business_id: int | None = None,
    subject: str,
    issuer: str,
    number: str | None = None,
) -> Record:
    """Issue a record: its row now, its PDF by a job after the commit. ``record.code`` is its public code.

    The agency that ``issuer`` names signs it, otherwise the portal. ``template`` is under ``templates/pdf/``. ``data``
    is JSON; ``number`` defaults to ``data["number"]``.
    """
    if kind not in _kinds:
        raise LookupError(f"record kind {kind} is not registered")
    fit = schema_models.examine(kind, data)
    record = Record(
        kind=kind,
        code=identifiers.public_code(),
        number=number if number is not None else str(data.get("number", "")),
        title=title,
        template=template,
        locale=locale,
        data=data,
        subject=subject,
        issuer=issuer,
        case_id=case_id,
        business_id=business_id,
        issued_at=clock.now(),
        state=RecordState.PENDING,
        attempts=0,
        last_error="",
        seal=signing.seal_of(load.current(), issuer),
        schema_version=fit.version,
        schema_fault=fit.fault,
    )
    session.add(record)
    session.flush()
    queue.enqueue(session, RENDER, record_id=record.id)
    return record


def for_case(session: Session, case_id: int) -> list[Record]:
    return list(session.scalars(select(Record).where(Record.case_id == case_id).order_by(Record.id)))


def by_code(session: Session, code: str) -> Record | None:
    """The record of a public code, however it was typed (lower case, with spaces or hyphens)."""
    plain = codes.tidy(code)
    return session.scalars(select(Record).where(Record.code == plain)).one_or_none() if plain else None


def verify(session: Session, typed: str) -> Verification:
    """What the public may know about the record with this code, or less by its number; ``UNKNOWN`` otherwise."""
    record = by_code(session, typed)
    if record is not None:
        return standing(session, record)
    number = typed.strip().upper()
    wanted = select(Record).where(
        Record.number == number,
        Record.kind.in_([kind.code for kind in _kinds.values() if kind.by_number]),
    )
    possible = number and number.isprintable()  # PostgreSQL takes no NUL
    record = session.scalars(wanted.order_by(Record.id.desc()).limit(1)).one_or_none() if possible else None
    if record is None:
        return UNKNOWN
    found = standing(session, record)
    # Not the code of what stands in its place either: with it one reads facts.
    return replace(found, facts=(), correction=replace(found.correction, code="") if found.correction else None)


def standing(session: Session, record: Record) -> Verification:
    """What the record is worth now."""
    if record.state == RecordState.DISPOSED:
        return Verification(Standing.EXPIRED, record.title, record.issuer, valid_from=record.issued_at)
    kind = _kinds.get(record.kind)
    found = kind.status(session, record) if kind is not None else as_issued(session, record)
    for remark in _remarks:
        found = remark(session, record, found)
    return found


def open_bytes(record: Record) -> bytes:
    """The PDF, always the same bytes. Raises NotReady, Gone, or store.Damaged when the store lost or changed them."""
    if record.state == RecordState.DISPOSED:
        raise Gone()
    if record.sha256 is None:
        raise NotReady()
    return store.current().get(record.sha256)
