"""A case file as one PDF record: numbered, issued anew each time it is asked for, true as of that moment."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit import verbs as audit_verbs
from app.audit.models import Entry
from app.cases import (
    appeal_print,
    case_file_beside,
    case_file_flags,
    case_file_proof,
    grounds,
    numbering,
    silence_words,
    teams,
    verbs,
)
from app.cases.case_file import KIND, Bill, CaseFile, IssuedPermit, Version
from app.cases.models import Decision, Outcome, Sentences
from app.cases.workflow import State
from app.core import clock, i18n
from app.core.i18n import gettext as _
from app.core.money import Money
from app.documents import records
from app.documents.models import Record
from app.fees import phones
from app.fees.models import ChargeState, PaymentState
from app.identity.actor import Actor
from app.identity.policy import Permission
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack

TEMPLATE = "cases/case_file.html"
SERIES = "CF"
ENTRIES = 500  # audit entries printed, the latest; a longer history is read in the log

Line = list[Any]


def ask(session: Session, pack: Pack, actor: Actor, file: CaseFile) -> Record:
    """Issue it in the reader's language; a job renders it. The record belongs to no case: applicants never see it."""
    year = clock.now().astimezone(pack.zone).year
    number = numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year))
    record = records.request(
        session,
        kind=KIND,
        template=TEMPLATE,
        title=_("Case file of %(reference)s", reference=file.case.reference),
        data=data(session, pack, actor, file) | {"number": number},
        locale=pack.locale(i18n.language()),
        subject=f"case:{file.case.id}",
        issuer=i18n.pick(pack.portal_name),
        number=number,
    )
    entries.record(
        session, actor, "case_file.requested", subject=f"record:{record.id}", reference=file.case.reference,
        case_id=file.case.id, business_id=file.case.business_id, detail={"number": number},
    )  # fmt: skip
    return record


def data(session: Session, pack: Pack, actor: Actor, file: CaseFile) -> dict[str, Any]:
    """What the PDF says, in the language in force; moments are ISO 8601 and shown in the country's time."""
    case, definition = file.case, file.definition
    agency = lookup.agency(pack, case.agency).name if case.agency else None
    count = session.scalar(select(func.count()).where(Entry.case_id == case.id)) or 0
    latest = entries.for_case(session, case.id, limit=ENTRIES).entries
    return {
        "reference": case.reference,
        "as_at": clock.now().isoformat(),
        "asked_by": actor.name,
        "pack_version": pack.version,
        "summary": [
            [_("Reference"), case.reference],
            [_("Service"), str(definition.noun)],
            [_("About"), case.title],
            [_("State"), str(definition.workflow.official_title(State(case.state)))],
            [_("Agency"), agency],
            [_("Team"), teams.name_of(pack, case.team) or None],
            [_("Rules of teams and flags"), case.rules_version],
            [_("Applicant"), _name(file, case.applicant_id)],
            [_("Business"), f"{file.business.name} ({file.business.number})" if file.business else None],
            [_("Received"), _shown(case.submitted_at)],
            [_("Decided"), _shown(case.decided_at)],
            [_("Handled by"), _name(file, case.assigned_to)],
        ],
        "versions": [_version(file, version) for version in file.versions],
        "decision": _decision(file, file.decision),
        "earlier_decisions": [_decision(file, each) for each in reversed(file.decisions[:-1])],
        **appeal_print.parts(file),
        "recommendations": [
            [
                _shown(each.recommended_at),
                _name(file, each.recommended_by),
                outcome_title(each.outcome),
                _with_conditions(grounds.told(each.reasons, each.reason), each.conditions),
                _shown(each.voided_at) if each.voided_at else _("in force"),
            ]
            for each in file.recommendations
        ],
        "requests": [
            [
                [_("Asked"), _shown(each.asked_at)],
                [_("By"), _name(file, each.asked_by)],
                [_("Question"), grounds.told(each.reasons, each.message)],
                [_("To answer by"), _shown(each.due_at) or "–"],
                [_("About"), "; ".join(asked["label"] for asked in each.fields)],
                [_("Answered"), _shown(each.answered_at) or _("not answered yet")],
            ]
            for each in file.requests
        ],
        "flags": case_file_flags.lines(file),
        "silence_holds": silence_words.held(file.holds),
        "legal_holds": [
            [each.number, each.proceeding, i18n.format_datetime(each.placed_at)] for each in file.legal_holds
        ],
        **case_file_beside.lines(pack, file),
        "notes": [[_shown(each.written_at), _name(file, each.author_id), each.body] for each in file.notes],
        "bills": [_bill(bill) for bill in file.bills],
        "permits": [_permit(permit) for permit in file.permits],
        "records": [
            [each.title, each.number, _shown(each.issued_at), each.sha256 or _("being prepared")]
            for each in file.records
        ],
        "history": [
            [
                _shown(each.at),
                str(verbs.happened(definition.workflow, each)),
                each.actor_name,
                grounds.told(each.reasons, each.reason) or "–",
            ]
            for each in file.events
        ],
        "entries": [
            [_shown(each.at), audit_verbs.title(each.verb), each.actor_name, authority_title(each.authority) or "–"]
            for each in latest
        ],
        "entries_left_out": max(0, count - len(latest)),
        **case_file_proof.parts(session, file),
    }


def authority_title(authority: str) -> str:
    """The right by which something was done: the portal's own permissions in words, a law as it is."""
    known = {
        Permission.CASE_EDIT_OWN: _("As the applicant"),
        Permission.CASE_REVIEW: _("Right to review cases"),
        Permission.CASE_DECIDE: _("Right to decide cases"),
        Permission.PERMIT_CONTROL: _("Right to control permits"),
    }
    return next((words for permission, words in known.items() if permission == authority), authority)


def outcome_title(outcome: str) -> str:
    return _("Approve") if outcome == Outcome.APPROVE else _("Refuse")


def charge_title(state: str) -> str:
    return {
        ChargeState.DUE: _("To pay"),
        ChargeState.PAID: _("Paid"),
        ChargeState.CANCELLED: _("Cancelled"),
        ChargeState.REFUNDED: _("Owed back"),
    }[ChargeState(state)]


def payment_title(state: str) -> str:
    return {
        PaymentState.PENDING: _("On its way"),
        PaymentState.SUCCESSFUL: _("Received"),
        PaymentState.FAILED: _("Failed"),
        PaymentState.EXPIRED: _("No answer"),
    }[PaymentState(state)]


def posting_title(kind: str) -> str:
    """Of the ledger's entries; one that is not known here keeps its code."""
    known = {
        "assessment": _("Fee assessed"),
        "settlement": _("Fee settled"),
        "surplus": _("Surplus owed back"),
        "suspense": _("Held until cleared"),
        "cancellation": _("Bill cancelled"),
    }
    return known.get(kind, kind)


def _name(file: CaseFile, user_id: int | None) -> str | None:
    return file.names.get(user_id) if user_id is not None else None


def _shown(moment: datetime | None) -> str | None:
    return i18n.format_datetime(moment) if moment is not None else None


def _version(file: CaseFile, version: Version) -> dict[str, Any]:
    submission = version.submission
    return {
        "number": submission.number,
        "facts": [
            [_("Sent by"), _name(file, submission.submitted_by)],
            [_("Sent"), _shown(submission.submitted_at)],
            [_("Declaration made"), submission.declaration],
            [_("Rules in force"), submission.pack_version],
            [_("SHA-256 of what was sent"), submission.sha256],
        ],
        "differences": [[each.label, each.before or "–", each.after or "–"] for each in version.differences],
        "sections": [
            {"title": str(section.title), "rows": [[row.label, row.value] for row in section.rows if row.value]}
            for section in version.sections
        ],
        "documents": [
            [version.titles.get(each["code"], each["code"]), each["filename"], each["size"], each["sha256"]]
            for each in version.documents
        ],
    }


def _with_conditions(reason: str, conditions: Sentences) -> str:
    if not conditions:
        return reason
    return "\n".join([reason, _("On these conditions:"), *grounds.lines(conditions)])


def _decision(file: CaseFile, decision: Decision | None) -> list[Line]:
    if decision is None:
        return []
    return [
        [_("Outcome"), outcome_title(decision.outcome)],
        [_("Decided by"), _decider(file, decision)],
        [_("Decided"), _shown(decision.decided_at)],
        [_("Reason"), grounds.told(decision.reasons, decision.reason) or "–"],
        [_("Conditions"), "\n".join(grounds.lines(decision.conditions)) or "–"],
        [_("Legal basis"), decision.legal_ref or _("not kept then")],
        [_("Recommended by"), _name(file, decision.recommended_by) or "–"],
        [_("Two people"), _two_people(decision)],
        [_("SHA-256 of what was decided on"), decision.submission_sha256],
        [_("Rules in force"), decision.pack_version],
    ]


def _decider(file: CaseFile, decision: Decision) -> str | None:
    return _("Nobody: silence of the administration") if decision.by_silence else _name(file, decision.decided_by)


def _two_people(decision: Decision) -> str:
    if decision.by_silence:
        return _("No: nobody decided in time")
    return _("Yes") if decision.four_eyes else _("No: the rules let one official decide")


def _bill(bill: Bill) -> dict[str, Any]:
    charge = bill.charge
    return {
        "facts": [
            [_("Bill number"), charge.reference],
            [_("Bill for"), charge.title],
            [_("State"), charge_title(charge.state)],
            [_("Total"), str(charge.total)],
            [_("Issued"), _shown(charge.created_at)],
            [_("Paid"), _shown(charge.paid_at)],
            [_("Receipt"), bill.receipt.reference if bill.receipt else None],
        ],
        "lines": [[each.name, each.legal_ref, str(each.amount)] for each in bill.lines],
        "payments": [
            [_shown(each.created_at), phones.masked(each.msisdn), payment_title(each.state), str(each.amount),
             str(each.provider_reference)]
            for each in bill.payments
        ],
        "postings": [
            [_shown(each.at), posting_title(each.kind), each.account, *_sides(each.minor, each.currency)]
            for each in bill.postings
        ],
    }  # fmt: skip


def _sides(minor: int, currency: str) -> Iterable[str]:
    """Debit and credit."""
    amount = str(Money(abs(minor), currency))
    return (amount, "–") if minor > 0 else ("–", amount)


def _permit(permit: IssuedPermit) -> dict[str, Any]:
    return {
        "facts": [
            [_("Permit"), permit.title],
            [_("Number"), permit.number],
            [_("State when this file was made"), permit.state_title],
            [_("Valid from"), i18n.format_date(permit.valid_from)],
            [_("Valid to"), i18n.format_date(permit.valid_to)],
            [_("Conditions"), permit.conditions or "–"],
        ],
        "lines": [list(line) for line in permit.lines],
    }
