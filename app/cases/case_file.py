"""Everything there is about one case, gathered once: for the auditor's page, the case-file record, and bundles.

What stands further left in the house (the business, the permits) is asked for through ``Neighbours``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import registry, summary
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
from app.core.i18n import lazy_gettext as _l
from app.documents import records
from app.documents.models import Record
from app.fees.models import Account, Charge, LedgerEntry, LedgerLine, Payment, Receipt
from app.identity import people
from app.jurisdictions.model import Pack
from app.notifications.models import Message

KIND = "case_file"
# Numbers of case files can be guessed and say that somebody looked: the public finds one by its code alone.
records.register_kind(KIND, _l("Case file"), records.as_issued, by_number=False)

LOOKS = ("case.viewed", "case.bundled", "case_file.requested", "record.downloaded", "upload.opened")
READERS = 50


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
class Neighbours:
    """How to ask the packages that know cases, and that cases may not know."""

    business: Callable[[Session, int], Holder | None]
    permits: Callable[[Session, int], Sequence[IssuedPermit]]


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
    charge: Charge
    payments: list[Payment] = field(default_factory=list)
    receipt: Receipt | None = None
    postings: list[Posting] = field(default_factory=list)


@dataclass(frozen=True)
class CaseFile:
    """``names`` are of every user who appears, by id."""

    case: Case
    definition: ServiceDefinition
    business: Holder | None
    versions: list[Version]
    requests: list[InformationRequest]
    recommendations: list[Recommendation]
    decision: Decision | None
    notes: list[Note]
    events: list[CaseEvent]
    bills: list[Bill]
    permits: list[IssuedPermit]
    records: list[Record]
    messages: list[Message]
    names: dict[int, str]


def gather(session: Session, pack: Pack, case: Case, neighbours: Neighbours) -> CaseFile:
    """The whole file, in a number of statements that depends on the number of submissions and nothing else."""
    definition = registry.service(case.service)
    requests = _of(session, InformationRequest, case)
    recommendations = _of(session, Recommendation, case)
    notes = _of(session, Note, case)
    submissions = _of(session, Submission, case)
    decision = session.scalar(select(Decision).where(Decision.case_id == case.id))
    ids = {case.applicant_id, case.assigned_to, decision.decided_by if decision else None}
    ids |= {each.asked_by for each in requests} | {each.recommended_by for each in recommendations}
    ids |= {each.author_id for each in notes} | {each.submitted_by for each in submissions}
    return CaseFile(
        case=case,
        definition=definition,
        business=neighbours.business(session, case.business_id) if case.business_id is not None else None,
        versions=_versions(session, definition, pack, case, submissions),
        requests=requests,
        recommendations=recommendations,
        decision=decision,
        notes=notes,
        events=_of(session, CaseEvent, case),
        bills=bills(session, case.id),
        permits=list(neighbours.permits(session, case.id)),
        records=records.for_case(session, case.id),
        messages=list(session.scalars(_messages(case.id))),
        names=people.names(session, ids),
    )


def _of(session: Session, model: Any, case: Case) -> list[Any]:
    return list(session.scalars(select(model).where(model.case_id == case.id).order_by(model.id)))


def _messages(case_id: int) -> Select[Message]:
    """Those that anyone but their reader may see: a private one holds a link that opens an account."""
    return select(Message).where(Message.case_id == case_id, ~Message.private).order_by(Message.id)


def _versions(
    session: Session, definition: ServiceDefinition, pack: Pack, case: Case, submissions: list[Submission]
) -> list[Version]:
    found: list[Version] = []
    for number, submission in enumerate(submissions):
        before = submissions[number - 1] if number else None
        required = definition.documents(pack, submission.data)
        found.append(
            Version(
                submission,
                summary.sections(session, definition, pack, case, submission.data),
                summary.differences(session, definition, pack, case, before, submission) if before else [],
                {requirement.code: str(requirement.title) for requirement in required},
            )
        )
    return found


def bills(session: Session, case_id: int) -> list[Bill]:
    """Every bill of the case, cancelled ones too, with what came in and what was posted."""
    charges = list(session.scalars(select(Charge).where(Charge.case_id == case_id).order_by(Charge.id)))
    if not charges:
        return []
    ids = [charge.id for charge in charges]
    found = {charge.id: Bill(charge) for charge in charges}
    for payment in session.scalars(select(Payment).where(Payment.charge_id.in_(ids)).order_by(Payment.id)):
        found[payment.charge_id].payments.append(payment)
    rows = session.execute(
        select(LedgerEntry, LedgerLine, Account.code)
        .join(LedgerLine, LedgerLine.entry_id == LedgerEntry.id)
        .join(Account, Account.id == LedgerLine.account_id)
        .where(LedgerEntry.charge_id.in_(ids))
        .order_by(LedgerEntry.id, LedgerLine.id)
    )
    for entry, line, account in rows:
        found[entry.charge_id].postings.append(
            Posting(entry.posted_at, entry.kind, account, line.amount_minor, entry.currency)
        )
    receipts = {
        receipt.charge_id: receipt for receipt in session.scalars(select(Receipt).where(Receipt.charge_id.in_(ids)))
    }
    return [Bill(bill.charge, bill.payments, receipts.get(key), bill.postings) for key, bill in found.items()]


def readers(session: Session, case_id: int) -> list[Entry]:
    """Who saw the case or took something of it away, the latest first."""
    wanted = select(Entry).where(Entry.case_id == case_id, Entry.verb.in_(LOOKS))
    return list(session.scalars(wanted.order_by(Entry.at.desc(), Entry.id.desc()).limit(READERS)))


def printed(session: Session, case: Case) -> list[Record]:
    """The case files issued of this case, newest first. They are not among its records: those are the applicant's."""
    wanted = select(Record).where(Record.subject == f"case:{case.id}", Record.kind == KIND)
    return list(session.scalars(wanted.order_by(Record.id.desc())))
