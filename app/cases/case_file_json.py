"""A case for machines: every row about it as canonical JSON, the same in every language."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases import findings_lists
from app.cases.case_file import Bill, CaseFile
from app.cases.case_file_beside import ADVICE_LEAVES, VISIT_LEAVES
from app.cases.registry import JsonObject
from app.core.db import Base
from app.fees import phones

FORMAT = 1
# What was typed and not sent is nobody's evidence; the rest serves the portal alone.
_CASE_LEAVES = frozenset(
    {"draft", "arguments", "search", "idempotency_key", "version", "clock_days_left", "clock_minutes_left"}
)
_RECORD_LEAVES = frozenset({"template", "attempts", "last_error"})
_PAYMENT_LEAVES = frozenset({"msisdn", "checks", "next_check_at", "checked_at"})
_APPEAL_LEAVES = frozenset({"soon_at", "overdue_at"})
_MESSAGE_LEAVES = frozenset({"private", "attempts", "error", "read_at"})
_COPY_LEAVES = frozenset({"idempotency_key"})
_FINDING_LEAVES = frozenset({"version"})
_ENTRY_LEAVES = frozenset({"searched", "session_id"})


def document(session: Session, file: CaseFile, *, auditor: bool = False) -> JsonObject:
    """Ready for ``submitting.canonical``: no floats, moments in UTC, quantities and identifiers as text.

    ``auditor``: with the findings that were sent, of which nobody else gets a copy.
    """
    found = {"findings": _findings(session, file.case.id)} if auditor else {}
    return {
        "format": FORMAT,
        "case": row(file.case, _CASE_LEAVES),
        "business": {"number": file.business.number, "name": file.business.name} if file.business else None,
        "people": {str(key): name for key, name in file.names.items()},
        "submissions": [row(version.submission) for version in file.versions],
        "information_requests": [row(each) for each in file.requests],
        "recommendations": [row(each) for each in file.recommendations],
        "advice": [row(each, ADVICE_LEAVES) for each in file.advice],
        "visits": [row(each, VISIT_LEAVES) for each in file.visits],
        "inspection_reports": [row(each) for each in file.reports],
        "decision": row(file.decision) if file.decision else None,
        "decisions": [row(each) for each in file.decisions],
        "corrections": [row(each) for each in file.corrections],
        "appeals": [row(each, _APPEAL_LEAVES) for each in file.appeals],
        "flags": [row(each) for each in file.flags],
        "silence_holds": [row(each) for each in file.holds],
        "legal_holds": [
            {"number": each.number, "proceeding": each.proceeding, "since": each.placed_at.isoformat()}
            for each in file.legal_holds
        ],
        "notes": [row(each) for each in file.notes],
        "events": [row(each) for each in file.events],
        "bills": [_bill(bill) for bill in file.bills],
        "permits": [
            {
                "number": each.number,
                "title": each.title,
                "state": each.state,
                "valid_from": each.valid_from.isoformat(),
                "valid_to": each.valid_to.isoformat(),
                "conditions": each.conditions,
                "lines": [list(line) for line in each.lines],
            }
            for each in file.permits
        ],
        "records": [row(each, _RECORD_LEAVES) for each in file.records],
        "messages": [row(each, _MESSAGE_LEAVES) for each in file.messages],
        "certified_copies": [row(each, _COPY_LEAVES) for each in file.copies],
        "audit": _entries(session, file.case.id),
        **found,
    }


def _findings(session: Session, case_id: int) -> list[JsonObject]:
    return [
        row(finding, _FINDING_LEAVES) | {"history": [row(event) for event in events]}
        for finding, events in findings_lists.sent_of_case(session, case_id)
    ]


def row(instance: Base, leaves: frozenset[str] = frozenset()) -> JsonObject:
    """The columns of a row, without those in ``leaves``."""
    mapper = inspect(type(instance))
    names = [attribute.key for attribute in mapper.column_attrs if attribute.key not in leaves]
    return {name: _plain(getattr(instance, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID) else value


def _bill(bill: Bill) -> JsonObject:
    return {
        **row(bill.charge),
        "lines": [row(each) for each in bill.lines],
        "payments": [row(each, _PAYMENT_LEAVES) | {"number": phones.masked(each.msisdn)} for each in bill.payments],
        "receipt": row(bill.receipt) if bill.receipt else None,
        "postings": [
            {
                "at": each.at.isoformat(),
                "kind": each.kind,
                "account": each.account,
                "minor": each.minor,
                "currency": each.currency,
            }
            for each in bill.postings
        ],
    }


def _entries(session: Session, case_id: int) -> list[JsonObject]:
    found: list[JsonObject] = []
    after: str | None = None
    while True:
        page = entries.for_case(session, case_id, after=after, limit=500)
        found += [row(entry, _ENTRY_LEAVES) for entry in page.entries]
        if page.next is None:
            return found
        after = page.next
