"""What a disposed case leaves behind, table by table: who, when and which way it went, but nothing of what was said.

Every table that names a case has its place here; a test sees to that.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, or_, select, update
from sqlalchemy import case as when
from sqlalchemy.orm import Session, aliased

from app.audit import personal
from app.audit.models import Entry
from app.audit.models import Personal as PersonalPart
from app.cases.copies_models import KIND as COPY
from app.cases.copies_models import CertifiedCopy
from app.cases.models import Case, Submission
from app.core import clock
from app.core.db import Base
from app.documents.models import Record, RecordState, Upload

Hash = dict[str, str]
"""What was there: {what, name, hash}."""

MARK = "-"  # instead of a text that the schema wants to be there
BLANKED: dict[str, dict[str, Any]] = {
    "submissions": {"data": {}, "documents": []},
    "case_events": {"actor_name": "", "reason": "", "reasons": []},
    "information_requests": {"message": "", "reasons": [], "fields": []},
    "recommendations": {"reason": "", "reasons": [], "conditions": [], "checks": []},
    "decisions": {"reason": "", "reasons": [], "conditions": [], "checks": []},
    "corrections": {"reason": MARK, "reasons": []},
    "appeals": {"why": MARK, "documents": [], "reason": MARK},
    "case_flags": {"basis": {}, "clear_reason": MARK},
    "case_silence_holds": {"grounds": []},
}
DELETED = ("uploads", "case_notes", "messages", "advice_requests", "inspection_photographs", "inspection_reports",
           "inspection_officials", "inspections", "case_marks", "case_escalations")  # fmt: skip
# Registers, accounts, findings and lists, which are kept for ever, and what has a class of its own.
STAYS = frozenset(
    {
        "records", "charges", "findings", "correction_bars", "legal_holds", "disposal_items", "businesses",
        "business_versions", "name_claims", "permits", "declarations", "certified_copies",
    }
)  # fmt: skip
_OF_INSPECTIONS = frozenset({"inspection_photographs", "inspection_officials"})
AT_ONCE = 500


def hashes(session: Session, case: Case, kept_kinds: Sequence[str]) -> list[Hash]:
    """Everything that is about to go, for the tombstone: the submissions, the papers, the issued documents."""
    sent = session.execute(select(Submission.number, Submission.sha256).where(Submission.case_id == case.id))
    found = [{"what": "submission", "name": str(number), "hash": sha256} for number, sha256 in sent]
    papers = session.execute(select(Upload.code, Upload.sha256).where(Upload.case_id == case.id).order_by(Upload.id))
    found += [{"what": "paper", "name": code, "hash": sha256} for code, sha256 in papers]
    for record in session.scalars(select(Record).where(*_records(case.id, kept_kinds)).order_by(Record.id)):
        if record.sha256 is not None:
            found.append({"what": "document", "name": record.number or record.code, "hash": record.sha256})
    for table, column in (("inspection_photographs", "sha256"), ("advice_requests", "paper_sha256")):
        beside = _hashes(session, table, column, case.id)
        found += [{"what": "paper", "name": table, "hash": sha256} for sha256 in beside]
    return found


def clear(session: Session, case: Case, kept_kinds: Sequence[str]) -> None:
    """Destroy what the case says, in the open transaction; the schema refuses it unless it was approved and no hold
    stands. Documents of ``kept_kinds`` stay: they have a period of their own."""
    for record in session.scalars(select(Record).where(*_records(case.id, kept_kinds)).order_by(Record.id)):
        dispose_record(record)
    session.flush()
    for name in DELETED:
        _delete(session, name, case.id)
    for name, values in BLANKED.items():
        table = Base.metadata.tables[name]
        blank = {key: _blank(table, key, value) for key, value in values.items()}
        session.execute(update(table).where(table.c.case_id == case.id).values(**blank))
    session.execute(update(CertifiedCopy).where(_copied(case.id)).values(purpose_text=""))
    erase_personal(session, Entry.case_id == case.id)
    session.expire_all()


def close(case: Case) -> None:
    """The last touch: from here on a trigger keeps the row as it is."""
    case.entitle(case.reference)
    case.draft, case.arguments, case.likeness = {}, {}, ""
    case.disposed_at = clock.now()


def with_copies(session: Session, record: Record) -> list[Record]:
    """The document and the certified copies of it, which have it inside."""
    copies = select(Record).where(Record.kind == COPY, Record.subject == f"record:{record.id}")
    return [record, *session.scalars(copies.where(Record.state != RecordState.DISPOSED.value).order_by(Record.id))]


def dispose_record(record: Record) -> None:
    """Its number and code stay, for whoever holds the paper and checks it."""
    record.state = RecordState.DISPOSED.value
    record.data = {}
    record.sha256 = record.size = None
    record.signature_level = record.signed_by = record.signed_at = record.certificate_fingerprint = None


def erase_personal(session: Session, of: ColumnElement[bool]) -> int:
    """Blank the personal part of these entries, some at a time; how many there were."""
    count = 0
    whole = PersonalPart.erased_at.is_(None)
    wanted = select(Entry.id).join(PersonalPart, PersonalPart.entry_id == Entry.id).where(of, whole).limit(AT_ONCE)
    while ids := session.scalars(wanted).all():
        count += personal.erase(session, ids)
    return count


def _records(case_id: int, kept_kinds: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Those of the case, and every certified copy of one: the whole document is in it, whoever asked for it. What
    never became ready goes too: its row has what it was to say."""
    copied = select(CertifiedCopy.record_id).where(
        _copied(case_id), CertifiedCopy.original_kind.not_in([*kept_kinds]), CertifiedCopy.record_id.is_not(None)
    )
    return (
        or_(Record.case_id == case_id, Record.subject == f"case:{case_id}", Record.id.in_(copied)),
        Record.kind.not_in([*kept_kinds]),
        Record.state != RecordState.DISPOSED.value,
    )


def _copied(case_id: int) -> ColumnElement[bool]:
    originals = aliased(Record)
    return CertifiedCopy.original_id.in_(select(originals.id).where(originals.case_id == case_id))


def _blank(table: Table, key: str, value: Any) -> Any:
    """A text that was empty stays empty, but for a correction's, which may have had its reasons from the list."""
    return when((table.c[key] == "", ""), else_=MARK) if value == MARK and table.name != "corrections" else value


def _hashes(session: Session, name: str, column: str, case_id: int) -> list[str]:
    table = Base.metadata.tables[name]
    return list(session.scalars(select(table.c[column]).where(_of(name, case_id), table.c[column].is_not(None))))


def _delete(session: Session, name: str, case_id: int) -> None:
    table = Base.metadata.tables[name]
    session.execute(delete(table).where(_of(name, case_id)))


def _of(name: str, case_id: int) -> ColumnElement[bool]:
    table = Base.metadata.tables[name]
    if name not in _OF_INSPECTIONS:
        return table.c.case_id == case_id
    visits = Base.metadata.tables["inspections"]
    return table.c.inspection_id.in_(select(visits.c.id).where(visits.c.case_id == case_id))
