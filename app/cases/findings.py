"""Marks and findings of auditors: draft → sent → answered → closed, or withdrawn. A finding never touches its case.

A mark is seen by auditors alone. A finding is seen by the supervisors of the agency it was sent to, from the moment it
is sent. Each step adds a row to its history and an audit entry, and is refused when the finding moved on meanwhile.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.verbs import register
from app.cases import access, findings_notices, numbering
from app.cases.findings_models import (
    ACTION_TITLES,
    CaseMark,
    Finding,
    FindingAction,
    FindingEvent,
    FindingState,
    Severity,
)
from app.cases.models import Case, Decision
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor
from app.identity.policy import Permission, Subject, allows
from app.jurisdictions import working_days
from app.jurisdictions.model import Pack

SERIES = "FD"
_OPEN = (FindingState.DRAFT, FindingState.SENT, FindingState.ANSWERED)
ANSWER_DAYS = 10  # working days, unless the auditor says otherwise
STALE: Text = _l("This finding changed while you had it open. Look at what changed, then send yours again.")

for _action in FindingAction:  # a step without a title fails here, at start-up
    register(f"finding.{_action.value}", ACTION_TITLES[_action])
register("case.marked", _l("Case marked to look at again"))
register("case.unmarked", _l("Mark taken off a case"))


@dataclass(frozen=True)
class Content:
    """What an auditor writes. ``points`` are {kind, key, label}; ``answer_days`` working days."""

    title: str
    agency: str
    seen: str = ""
    severity: str = Severity.OBSERVATION.value
    legal_basis: str = ""
    answer_days: int = ANSWER_DAYS
    points: tuple[dict[str, str], ...] = ()

    def as_columns(self) -> dict[str, Any]:
        return {
            "title": self.title.strip(),
            "agency": self.agency,
            "seen": self.seen.strip(),
            "severity": Severity(self.severity).value,
            "legal_basis": self.legal_basis.strip(),
            "answer_days": self.answer_days,
            "points": list(self.points),
        }


# --- who may see one ------------------------------------------------------------------------------------------------


def load(session: Session, actor: Actor, number: str, permission: Permission) -> tuple[Finding, Case]:
    """The finding and its case, for an auditor (AUDIT) or a supervisor (CASE_DECIDE); NotFound otherwise.

    Another auditor's draft, and for officials whatever was never sent to their agency, looks like what does not exist.
    """
    row = session.execute(
        select(Finding, Case).join(Case, Case.id == Finding.case_id).where(Finding.number == number.strip().upper())
    ).one_or_none()
    if row is None:
        raise NotFound
    finding, case = row
    if permission is Permission.AUDIT:
        if not allows(actor, Permission.AUDIT) or (finding.sent_at is None and finding.author_id != actor.user_id):
            raise NotFound
    elif finding.sent_at is None or not _addressed(actor, finding, case):
        raise NotFound
    return finding, case


def _addressed(actor: Actor, finding: Finding, case: Case) -> bool:
    about = Subject(applicant_id=case.applicant_id, business_id=case.business_id, agency=finding.agency)
    return allows(actor, Permission.CASE_DECIDE, about)


def decided(session: Session, actor: Actor, case_id: int) -> bool:
    """Whether this person decided the case."""
    wanted = exists().where(Decision.case_id == case_id, Decision.decided_by == actor.user_id)
    return bool(session.scalar(select(wanted)))


# --- the auditor ----------------------------------------------------------------------------------------------------


def write(session: Session, pack: Pack, actor: Actor, case: Case, content: Content) -> Finding:
    """A new draft. Raises Invalid without a title.

    The same words of the same auditor on the same case, still open, are the finding that is there: a second click.
    """
    _auditor(actor)
    _titled(content)
    access.lock(session, case.id)
    columns = content.as_columns()
    same = [getattr(Finding, name) == columns[name] for name in ("title", "seen", "severity", "legal_basis", "agency")]
    wanted = select(Finding).where(Finding.case_id == case.id, Finding.author_id == actor.user_id, *same)
    known = session.scalar(wanted.where(Finding.state.in_(_OPEN)).order_by(Finding.id).limit(1))
    if known is not None:
        return known
    now = clock.now()
    year = now.astimezone(pack.zone).year
    finding = Finding(
        number=numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year)),
        case_id=case.id,
        author_id=actor.user_id,
        state=FindingState.DRAFT.value,
        version=0,  # the first step makes it 1
        created_at=now,
        updated_at=now,
        **columns,
    )
    session.add(finding)
    session.flush()
    _remember(session, actor, finding, case, FindingAction.WRITE, None, columns)
    return finding


def edit(session: Session, actor: Actor, finding: Finding, case: Case, content: Content, *, version: int) -> Finding:
    """Change a draft of one's own. Raises Stale, NotAllowed, Invalid."""
    finding = _take_up(session, finding, version, FindingState.DRAFT)
    _author(actor, finding)
    _titled(content)
    for name, value in content.as_columns().items():
        setattr(finding, name, value)
    _remember(session, actor, finding, case, FindingAction.EDIT, FindingState.DRAFT, content.as_columns())
    return finding


def send(session: Session, pack: Pack, actor: Actor, finding: Finding, case: Case, *, version: int) -> Finding:
    """Send it to its agency; the answer is due ``answer_days`` working days from now.

    Raises Invalid with everything that is still missing, Stale, NotAllowed.
    """
    finding = _take_up(session, finding, version, FindingState.DRAFT)
    _author(actor, finding)
    missing = []
    if not finding.seen:
        missing.append(Problem(_l("Write what you saw."), "seen", "required"))
    if not finding.legal_basis:
        missing.append(Problem(_l("Name the rule or the law it rests on."), "legal_basis", "required"))
    if not any(agency.code == finding.agency for agency in pack.agencies):
        missing.append(Problem(_l("Choose the agency that is to answer."), "agency", "required"))
    if missing:
        raise Invalid(*missing)
    now = clock.now()
    finding.state, finding.sent_at = FindingState.SENT.value, now
    finding.due_at = working_days.add(pack, now, finding.answer_days)
    _remember(
        session, actor, finding, case, FindingAction.SEND, FindingState.DRAFT, {"due_at": finding.due_at.isoformat()}
    )
    findings_notices.sent(session, finding, case)
    return finding


def close(
    session: Session, actor: Actor, finding: Finding, case: Case, *, accepted: bool, conclusion: str, version: int
) -> Finding:
    """Conclude on the answer; any auditor may. Raises Invalid, Stale, NotAllowed."""
    finding = _take_up(session, finding, version, FindingState.ANSWERED)
    _auditor(actor)
    finding.conclusion = _needed(conclusion, "conclusion", _l("Write your conclusion."))
    finding.accepted, finding.state = accepted, FindingState.CLOSED.value
    said = {"accepted": accepted, "conclusion": finding.conclusion}
    _remember(session, actor, finding, case, FindingAction.CLOSE, FindingState.ANSWERED, said)
    return finding


def withdraw(session: Session, actor: Actor, finding: Finding, case: Case, *, reason: str, version: int) -> Finding:
    """Take back a draft of one's own, or what was sent and is not closed. Raises Invalid, Stale, NotAllowed."""
    finding = _take_up(session, finding, version, FindingState.DRAFT, FindingState.SENT, FindingState.ANSWERED)
    _auditor(actor)
    before = FindingState(finding.state)
    if before is FindingState.DRAFT:
        _author(actor, finding)
    finding.withdrawn_reason = _needed(reason, "reason", _l("Say why you withdraw the finding."))
    finding.state = FindingState.WITHDRAWN.value
    _remember(session, actor, finding, case, FindingAction.WITHDRAW, before, {"reason": finding.withdrawn_reason})
    return finding


def mark(session: Session, actor: Actor, case: Case, note: str) -> CaseMark:
    """Mark the case, or write another note on one's mark."""
    _auditor(actor)
    note = _needed(note, "note", _l("Write what you want to look at again."))
    found = _standing(session, actor, case)
    if found is None:
        found = CaseMark(case_id=case.id, auditor_id=actor.user_id, note=note, made_at=clock.now())
        try:
            with session.begin_nested():
                session.add(found)
        except IntegrityError:  # a double click on another connection was quicker
            raise Stale from None
    found.note = note
    _note_mark(session, actor, case, "case.marked")
    return found


def unmark(session: Session, actor: Actor, case: Case) -> None:
    """Take one's mark off; nothing happens when there is none."""
    _auditor(actor)
    found = _standing(session, actor, case)
    if found is not None:
        found.removed_at = clock.now()
        _note_mark(session, actor, case, "case.unmarked")


def _standing(session: Session, actor: Actor, case: Case) -> CaseMark | None:
    wanted = select(CaseMark).where(CaseMark.case_id == case.id, CaseMark.auditor_id == actor.user_id)
    return session.scalar(wanted.where(CaseMark.removed_at.is_(None)))


def _note_mark(session: Session, actor: Actor, case: Case, verb: str) -> None:
    session.flush()
    entries.record(
        session, actor, verb, subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, authority=Permission.AUDIT.value,
    )  # fmt: skip
    session.flush()


# --- the agency -----------------------------------------------------------------------------------------------------


def answer(
    session: Session, actor: Actor, finding: Finding, case: Case, *, text: str, done: str, version: int
) -> Finding:
    """Answer for the agency, as one of its supervisors. Who decided the case may, and the finding keeps that they did.

    Raises Invalid, Stale, NotAllowed.
    """
    finding = _take_up(session, finding, version, FindingState.SENT)
    if not _addressed(actor, finding, case):
        raise NotAllowed
    answer_text = _needed(text, "answer", _l("Write the answer of your agency."))
    done = _needed(done, "done", _l("Say what was done, or that nothing had to be."))
    by_decider = decided(session, actor, case.id)
    finding.answer, finding.done, finding.by_decider = answer_text, done, by_decider
    finding.answered_by, finding.answered_at = actor.user_id, clock.now()
    finding.state = FindingState.ANSWERED.value
    said = {"answer": finding.answer, "done": finding.done, "by_decider": finding.by_decider}
    _remember(session, actor, finding, case, FindingAction.ANSWER, FindingState.SENT, said)
    findings_notices.answered(session, finding, case)
    return finding


# --- every step -----------------------------------------------------------------------------------------------------


def _take_up(session: Session, finding: Finding, version: int, *states: FindingState) -> Finding:
    """The finding locked, with the values it has now."""
    wanted = select(Finding).where(Finding.id == finding.id).with_for_update()
    current = session.scalars(wanted.execution_options(populate_existing=True)).one()
    if current.version != version or FindingState(current.state) not in states:
        raise Stale(STALE)
    return current


def _remember(
    session: Session,
    actor: Actor,
    finding: Finding,
    case: Case,
    action: FindingAction,
    before: FindingState | None,
    content: dict[str, Any],
) -> None:
    finding.version += 1
    finding.updated_at = clock.now()
    session.add(
        FindingEvent(
            finding_id=finding.id,
            action=action.value,
            from_state=before.value if before else None,
            to_state=finding.state,
            actor_id=actor.user_id,
            actor_name=actor.name,
            at=clock.now(),
            content=content,
        )
    )
    entries.record(
        session,
        actor,
        f"finding.{action.value}",
        subject=f"finding:{finding.id}",
        reference=finding.number,
        case_id=case.id,
        business_id=case.business_id,
        agency=finding.agency,
        detail={"from": before.value if before else None, "to": finding.state, "version": finding.version},
        authority=(Permission.CASE_DECIDE if action is FindingAction.ANSWER else Permission.AUDIT).value,
    )
    session.flush()


def _needed(text: str, field: str, message: Text) -> str:
    if not text.strip():
        raise Invalid(Problem(message, field, "required"))
    return text.strip()


def _titled(content: Content) -> None:
    _needed(content.title, "title", _l("Give the finding a title."))


def _auditor(actor: Actor) -> None:
    if not allows(actor, Permission.AUDIT):
        raise NotAllowed


def _author(actor: Actor, finding: Finding) -> None:
    _auditor(actor)
    if finding.author_id != actor.user_id:
        raise NotAllowed(_l("Only who wrote a draft may change or send it."))
