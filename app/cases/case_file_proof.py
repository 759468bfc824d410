"""The parts of a printed case file that prove how it was handled: checks, copies, findings, messages, readers."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import verbs as audit_verbs
from app.audit.models import Entry
from app.cases import findings_lists
from app.cases.case_file import LOOKS, CaseFile
from app.cases.copies import STATE_TITLES as COPY_STATES
from app.cases.copies_models import CertifiedCopy, CopyState
from app.cases.findings_models import (
    ACTION_TITLES,
    SEVERITY_TITLES,
    STATE_TITLES,
    FindingAction,
    FindingState,
    Severity,
)
from app.cases.models import Sentences
from app.core import i18n
from app.core.i18n import Text
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Role
from app.notifications.models import MailState, Message

VISITS = 2000  # looked at, the latest; a longer history is read in the log

Line = list[Any]

ROLES: dict[str, Text] = {
    Role.ENTREPRENEUR: _l("Applicant's side"),
    Role.CLERK: _l("Clerk"),
    Role.SUPERVISOR: _l("Supervisor"),
    Role.AUDITOR: _l("Auditor"),
    Role.ADMINISTRATOR: _l("Administrator"),
}


def parts(session: Session, file: CaseFile) -> dict[str, Any]:
    """In the language in force."""
    return {
        "checks": _checks(file),
        "copies": _copies(file),
        "findings": _findings(session, file),
        "messages": [_message(file, each) for each in file.messages],
        "readers": _readers(session, file.case.id),
    }


def _shown(moment: datetime | None) -> str:
    return i18n.format_datetime(moment) if moment is not None else "–"


def _checks(file: CaseFile) -> list[dict[str, Any]]:
    """Those kept with each recommendation and decision, oldest first; what did not change is not printed twice."""
    kept: list[tuple[datetime, str, Sentences]] = [
        (each.recommended_at, _("When it was recommended on %(date)s", date=_shown(each.recommended_at)), each.checks)
        for each in file.recommendations
    ]
    kept += [
        (each.decided_at, _("When it was decided on %(date)s", date=_shown(each.decided_at)), each.checks)
        for each in file.decisions
    ]
    found: list[dict[str, Any]] = []
    before: Sentences | None = None
    for _at, title, checks in sorted(kept, key=lambda each: each[0]):
        if not checks:
            found.append({"title": title, "note": _("The checks were not kept then."), "rows": []})
        elif checks == before:
            found.append({"title": title, "note": _("The same as the time before."), "rows": []})
        else:
            rules = _("Rules in force: %(version)s.", version=checks[0]["rules"])
            found.append({"title": title, "note": rules, "rows": [_check(each) for each in checks]})
        before = checks or before
    return found


def _check(kept: dict[str, Any]) -> Line:
    results = {True: _("Passed"), False: _("Failed"), None: _("A person must look")}
    return [kept["title"], results[kept["passed"]], kept["detail"] or "–", kept["rule"] or "–"]


def _copies(file: CaseFile) -> list[Line]:
    return [
        [
            each.number or "–",
            _shown(each.requested_at),
            file.names.get(each.requested_by),
            each.purpose_name,
            _fee(file, each),
            str(COPY_STATES[CopyState(each.state)]),
        ]
        for each in file.copies
    ]


def _fee(file: CaseFile, copy: CertifiedCopy) -> str:
    charge = file.copy_bills.get(copy.charge_id) if copy.charge_id is not None else None
    if charge is None:
        return _("none: for official use") if copy.official else _("none")
    return _("%(amount)s, bill %(number)s", amount=str(charge.total), number=charge.reference)


def _findings(session: Session, file: CaseFile) -> list[dict[str, Any]]:
    """What auditors sent, and what became of it; drafts and marks are theirs alone."""
    found = []
    for finding, events in findings_lists.sent_of_case(session, file.case.id):
        accepted = _("Accepted") if finding.accepted else (_("Not accepted") if finding.accepted is False else None)
        rows = [
            [_("State"), str(STATE_TITLES[FindingState(finding.state)])],
            [_("Severity"), str(SEVERITY_TITLES[Severity(finding.severity)])],
            [_("What was seen"), finding.seen],
            [_("Rule or legal basis"), finding.legal_basis],
            [_("To answer by"), _shown(finding.due_at)],
            [_("Answer"), finding.answer],
            [_("What was done"), finding.done],
            [_("Conclusion"), ". ".join(part for part in (accepted, finding.conclusion) if part)],
            [_("Why it was withdrawn"), finding.withdrawn_reason],
        ]
        found.append(
            {
                "title": _("%(number)s: %(title)s", number=finding.number, title=finding.title),
                "facts": [row for row in rows if row[1]],
                "steps": [
                    [_shown(each.at), str(ACTION_TITLES[FindingAction(each.action)]), each.actor_name]
                    for each in events
                ],
            }
        )
    return found


def _message(file: CaseFile, message: Message) -> Line:
    if message.user_id == file.case.applicant_id:
        to = _("Applicant")
    else:
        role = file.roles.get(message.user_id) if message.user_id is not None else None
        to = str(ROLES[role]) if role in ROLES else "–"
    states = {
        MailState.QUEUED: _("on its way"),
        MailState.FAILED: _("could not be delivered"),
        MailState.SENT: _("handed over %(date)s", date=_shown(message.sent_at))
        if message.sent_at
        else _("handed over"),
    }
    return [_shown(message.created_at), to, message.email, message.subject, states[MailState(message.mail_state)]]


def _readers(session: Session, case_id: int) -> list[Line]:
    """Who saw the case or took something of it away: one line a person, a day and what they did, latest first."""
    looks = session.scalars(
        select(Entry)
        .where(Entry.case_id == case_id, Entry.verb.in_(LOOKS))
        .order_by(Entry.at.desc(), Entry.id.desc())
        .limit(VISITS)
    )
    return [_visit(day, list(each)) for day, each in _by_visit(looks)]


def _by_visit(looks: Iterable[Entry]) -> list[tuple[date, list[Entry]]]:
    grouped: dict[tuple[date, str, int | None, str], list[Entry]] = defaultdict(list)
    for entry in looks:
        day = entry.at.astimezone(i18n.zone()).date()
        grouped[day, entry.actor_kind, entry.actor_id, entry.verb].append(entry)
    return [(key[0], each) for key, each in grouped.items()]


def _visit(day: date, looks: list[Entry]) -> Line:
    latest, first = looks[0], looks[-1]
    times = i18n.format_time(first.at)
    if len(looks) > 1:
        times = _("%(first)s to %(last)s", first=times, last=i18n.format_time(latest.at))
    role = ROLES.get(latest.actor_role)
    return [
        i18n.format_date(day),
        times,
        latest.actor_name,
        str(role) if role is not None else "–",
        str(audit_verbs.title(latest.verb)),
        len(looks),
    ]
