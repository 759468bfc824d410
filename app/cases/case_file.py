"""Everything there is about one case, gathered once: for the auditor's page, the case-file record, and bundles.

What stands further left in the house (the business, the permits) is asked for through ``Neighbours``.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.audit.models import Entry
from app.cases import registry, summary
from app.cases.advice_models import Advice
from app.cases.appeal_models import Appeal, Correction
from app.cases.case_file_data import CaseFile as CaseFileData
from app.cases.copies_models import CertifiedCopy
from app.cases.flags_models import CaseFlag
from app.cases.inspection_models import Inspection, InspectionReport
from app.cases.models import (
    Case,
    CaseEvent,
    Decision,
    InformationRequest,
    Note,
    Recommendation,
    Submission,
)
from app.cases.registry import ServiceDefinition
from app.cases.retention_models import LegalHold
from app.cases.rows import CASE, PARTS, Rows
from app.cases.silence_models import SilenceHold
from app.core.i18n import lazy_gettext as _l
from app.core.together import Together
from app.documents import records
from app.documents.models import Record
from app.documents.schema_models import Schema
from app.fees.models import Account, Charge, ChargeLine, LedgerEntry, LedgerLine, Payment, Receipt
from app.identity.models import User
from app.jurisdictions.model import Pack
from app.notifications.models import Message

KIND = "case_file"
# Numbers of case files can be guessed and say that somebody looked: the public finds one by its code alone.
records.register_kind(KIND, _l("Case file"), records.as_issued, by_number=False, schema=Schema(CaseFileData, 1))

LOOKS = (
    "case.viewed", "case.previewed", "case.bundled", "case_file.requested", "record.downloaded", "upload.opened",
    "advice.viewed", "advice.opened", "advice.paper_opened",
)  # fmt: skip
READERS = 50

_COPIED = CertifiedCopy.original_id.in_(select(Record.id).where(Record.case_id == CASE))
_COPY_BILLS = select(CertifiedCopy.charge_id).where(_COPIED)
_CHARGES: BindParameter[int] = bindparam("charges", expanding=True)  # the case's, by id


def _billed(charge_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return charge_id.in_(_CHARGES) | charge_id.in_(_COPY_BILLS)


_POSTED = _billed(LedgerEntry.charge_id)
_POSTINGS = LedgerLine.entry_id.in_(select(LedgerEntry.id).where(_POSTED))
# Two statements: to plan all of it as one takes PostgreSQL longer than to run both.
_ROWS = Together(*PARTS)
_PAPERS = Together(
    select(ChargeLine).where(_billed(ChargeLine.charge_id)),
    select(Payment).where(_billed(Payment.charge_id)),
    select(Receipt).where(_billed(Receipt.charge_id)),
    select(LedgerEntry).where(_POSTED),
    select(LedgerLine).where(_POSTINGS),
    select(Account).where(Account.id.in_(select(LedgerLine.account_id).where(_POSTINGS))),
    # Those that anyone but their reader may see: a private one holds a link that opens an account.
    select(Message).where(Message.case_id == CASE, ~Message.private),
    select(Record).where(Record.subject == bindparam("subject"), Record.kind == KIND),
    select(Entry)
    .where(Entry.case_id == CASE, Entry.verb.in_(LOOKS))
    .order_by(Entry.at.desc(), Entry.id.desc())
    .limit(READERS),
    select(CertifiedCopy).where(_COPIED),
    select(Charge).where(Charge.id.in_(_COPY_BILLS)),
    select(User.id, User.name, User.role).where(
        User.id.in_(select(CertifiedCopy.requested_by).where(_COPIED))
        | User.id.in_(select(Message.user_id).where(Message.case_id == CASE, ~Message.private))
    ),
)


@dataclass(frozen=True)
class IssuedPermit:
    """What the case's decision issued. ``lines``: goods, HS code, quantity and value, as people read them."""

    number: str
    title: str
    state: str
    state_title: str
    valid_from: date
    valid_to: date
    conditions: str
    lines: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True)
class Holder:
    number: str
    name: str


@dataclass(frozen=True)
class Surroundings:
    business: Holder | None
    permits: Sequence[IssuedPermit]


# How to ask the packages that know cases, and that cases may not know.
Neighbours = Callable[[Session, Case], Surroundings]


@dataclass(frozen=True)
class Version:
    """One submission: the answers as people read them, and what differs from the one before."""

    submission: Submission
    sections: list[summary.Section]
    differences: list[summary.Difference]
    titles: dict[str, str]  # of the documents, by requirement code

    @property
    def documents(self) -> list[dict[str, Any]]:
        return list(self.submission.documents)


@dataclass(frozen=True)
class Posting:
    """One line of the ledger; a positive amount is a debit."""

    at: datetime
    kind: str
    account: str
    minor: int
    currency: str


@dataclass(frozen=True)
class Bill:
    """With what came in and what was posted."""

    charge: Charge
    lines: list[ChargeLine]
    payments: list[Payment]
    receipt: Receipt | None
    postings: list[Posting]


@dataclass(frozen=True)
class CaseFile:
    """``names`` are of every user who appears, by id. ``bills`` has the cancelled ones too, and those of the copies.

    ``printed``: the case files issued of this case, newest first. They are not among its records: those are the
    applicant's. ``readers``: who saw the case or took something of it away, the latest first.
    """

    case: Case
    definition: ServiceDefinition
    business: Holder | None
    versions: list[Version]
    requests: list[InformationRequest]
    recommendations: list[Recommendation]
    decision: Decision | None
    decisions: list[Decision]  # the first, and each that corrected the one before it
    notes: list[Note]
    events: list[CaseEvent]
    bills: list[Bill]
    permits: list[IssuedPermit]
    records: list[Record]
    messages: list[Message]
    corrections: list[Correction]
    appeals: list[Appeal]
    holds: list[SilenceHold]  # why silence could not decide when the time had run out, by day
    printed: list[Record]
    readers: list[Entry]
    names: dict[int, str]
    advice: list[Advice]
    visits: list[Inspection]
    reports: list[InspectionReport]
    copies: list[CertifiedCopy]  # of the records of the case
    copy_bills: dict[int, Charge]  # by id
    roles: dict[int, str | None]  # of who was written to, by id
    flags: list[CaseFlag]  # the cleared and the lapsed ones too
    routed: list[Any]  # entries of the log that name a team
    legal_holds: list[LegalHold]  # those that stand


def gather(session: Session, pack: Pack, case: Case, neighbours: Neighbours) -> CaseFile:
    """The whole file, in a number of statements that depends on the service and nothing else."""
    definition = registry.service(case.service)
    rows = Rows.of(_ROWS.read(session, case=case.id))
    charges = [charge.id for charge in rows.charges]
    *billing, messages, printed, readers, copied, copy_bills, others = _PAPERS.read(
        session, case=case.id, charges=charges, subject=f"case:{case.id}"
    )
    around = neighbours(session, case)
    return CaseFile(
        case=case,
        definition=definition,
        business=around.business,
        versions=_versions(session, definition, pack, case, rows.submissions),
        requests=rows.requests,
        advice=rows.advice,
        visits=rows.visits,
        reports=rows.reports,
        recommendations=rows.recommendations,
        decision=rows.decision,
        decisions=rows.decisions,
        corrections=rows.corrections,
        appeals=rows.appeals,
        notes=rows.notes,
        events=rows.events,
        bills=_bills([*rows.charges, *copy_bills], *billing),
        permits=list(around.permits),
        records=rows.records,
        messages=messages,
        holds=rows.holds,
        printed=printed[::-1],
        readers=sorted(readers, key=lambda entry: (entry.at, entry.id), reverse=True),
        names=rows.names | {each.id: each.name for each in others},
        copies=copied,
        copy_bills={each.id: each for each in copy_bills},
        roles={each.id: each.role for each in others},
        flags=rows.all_flags,
        routed=rows.routed,
        legal_holds=rows.legal_holds,
    )


def _versions(
    session: Session, definition: ServiceDefinition, pack: Pack, case: Case, submissions: list[Submission]
) -> list[Version]:
    if not submissions:
        return []
    facts = definition.facts(session, pack, case)
    found: list[Version] = []
    before: summary.Sent | None = None
    for submission in submissions:
        sections = summary.sections(session, definition, pack, case, submission.data, facts=facts)
        sent = summary.Sent(submission, sections)
        required = definition.documents(pack, submission.data)
        found.append(
            Version(
                submission,
                sections,
                summary.differences(definition, pack, before, sent) if before else [],
                {requirement.code: str(requirement.title) for requirement in required},
            )
        )
        before = sent
    return found


def _bills(
    charges: list[Charge],
    lines: list[ChargeLine],
    payments: list[Payment],
    receipts: list[Receipt],
    entries: list[LedgerEntry],
    ledger_lines: list[LedgerLine],
    accounts: list[Account],
) -> list[Bill]:
    """Everything oldest first."""
    posted = {entry.id: entry for entry in entries}
    codes = {account.id: account.code for account in accounts}
    postings: dict[int, list[Posting]] = defaultdict(list)
    for line in sorted(ledger_lines, key=lambda line: (line.entry_id, line.id)):
        entry = posted[line.entry_id]
        postings[entry.charge_id].append(
            Posting(entry.posted_at, entry.kind, codes[line.account_id], line.amount_minor, entry.currency)
        )
    receipt_of = {receipt.charge_id: receipt for receipt in receipts}
    return [
        Bill(
            charge,
            sorted((line for line in lines if line.charge_id == charge.id), key=lambda line: line.position),
            [payment for payment in payments if payment.charge_id == charge.id],
            receipt_of.get(charge.id),
            postings[charge.id],
        )
        for charge in charges
    ]
