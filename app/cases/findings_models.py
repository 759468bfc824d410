"""Findings of auditors, the history of each, and the marks by which auditors remember a case."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l


class FindingState(StrEnum):
    DRAFT = "draft"
    SENT = "sent"
    ANSWERED = "answered"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class Severity(StrEnum):
    OBSERVATION = "observation"
    MINOR = "minor"
    MAJOR = "major"


class FindingAction(StrEnum):
    WRITE = "write"
    EDIT = "edit"
    SEND = "send"
    ANSWER = "answer"
    CLOSE = "close"
    WITHDRAW = "withdraw"


STATE_TITLES: dict[FindingState, Text] = {
    FindingState.DRAFT: _l("Draft"),
    FindingState.SENT: _l("Waiting for the answer"),
    FindingState.ANSWERED: _l("Answered"),
    FindingState.CLOSED: _l("Closed"),
    FindingState.WITHDRAWN: _l("Withdrawn"),
}
STATE_KINDS: dict[FindingState, str] = {
    FindingState.DRAFT: "new",
    FindingState.SENT: "wait",
    FindingState.ANSWERED: "work",
    FindingState.CLOSED: "ok",
    FindingState.WITHDRAWN: "none",
}
SEVERITY_TITLES: dict[Severity, Text] = {
    Severity.OBSERVATION: _l("Observation"),
    Severity.MINOR: _l("Minor finding"),
    Severity.MAJOR: _l("Major finding"),
}
ACTION_TITLES: dict[FindingAction, Text] = {
    FindingAction.WRITE: _l("Finding written"),
    FindingAction.EDIT: _l("Finding edited"),
    FindingAction.SEND: _l("Finding sent to the agency"),
    FindingAction.ANSWER: _l("Finding answered"),
    FindingAction.CLOSE: _l("Finding closed"),
    FindingAction.WITHDRAW: _l("Finding withdrawn"),
}


class Finding(Base):
    """What an auditor saw in one case, and what the agency says to it.

    ``answer_days`` are working days; ``due_at`` is set when it is sent. ``points``: what it points at, as
    {kind, key, label}. A trigger keeps what was sent, and each answer and conclusion, as it was.
    """

    __tablename__ = "findings"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'sent', 'answered', 'closed', 'withdrawn')", name="state_known"),
        CheckConstraint("severity IN ('observation', 'minor', 'major')", name="severity_known"),
        CheckConstraint("answer_days BETWEEN 1 AND 90", name="answer_days"),
        CheckConstraint("state IN ('draft', 'withdrawn') OR (sent_at IS NOT NULL AND due_at IS NOT NULL)", name="sent"),
        CheckConstraint("sent_at IS NULL OR (seen <> '' AND legal_basis <> '')", name="complete"),
        CheckConstraint("state <> 'answered' OR (answer <> '' AND answered_by IS NOT NULL)", name="answered"),
        CheckConstraint(
            "state <> 'closed' OR (accepted IS NOT NULL AND conclusion <> '' AND answer <> '')", name="closed"
        ),
        CheckConstraint("state <> 'withdrawn' OR withdrawn_reason <> ''", name="withdrawn"),
        Index("ix_findings_case_order", "case_id", "id"),
        Index("ix_findings_due", "due_at", "id", postgresql_where=text("state = 'sent'")),
        Index("ix_findings_agency_due", "agency", "due_at", "id", postgresql_where=text("state = 'sent'")),
        Index("ix_findings_state_updated", "state", "updated_at", "id"),
        Index("ix_findings_agency_sent", "agency", "updated_at", "id", postgresql_where=text("sent_at IS NOT NULL")),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(unique=True)
    case_id: Mapped[int] = foreign_key("cases.id", index=False)
    agency: Mapped[str]
    author_id: Mapped[int] = foreign_key("users.id")
    title: Mapped[str]
    seen: Mapped[str]
    severity: Mapped[str]
    legal_basis: Mapped[str]
    points: Mapped[list[Any]]
    answer_days: Mapped[int]
    state: Mapped[str] = mapped_column(default=FindingState.DRAFT.value)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(default="")
    done: Mapped[str] = mapped_column(default="")  # what the agency did about it
    answered_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    answered_at: Mapped[datetime | None]
    by_decider: Mapped[bool] = mapped_column(default=False)  # who answered had decided the case
    accepted: Mapped[bool | None]
    conclusion: Mapped[str] = mapped_column(default="")
    withdrawn_reason: Mapped[str] = mapped_column(default="")
    overdue_told_at: Mapped[datetime | None]  # when the agency was told that its answer is late


class FindingEvent(Base):
    """One step of a finding; a trigger refuses to change or delete a row. ``content`` is what was written then."""

    __tablename__ = "finding_events"
    __table_args__ = (Index("ix_finding_events_order", "finding_id", "id"),)

    id: Mapped[BigId]
    finding_id: Mapped[int] = foreign_key("findings.id", index=False)
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor_id: Mapped[int] = foreign_key("users.id")
    actor_name: Mapped[str]
    at: Mapped[datetime]
    content: Mapped[dict[str, Any]]


class CaseMark(Base):
    """ "Look at this case again": an auditor's own reminder, which only auditors see."""

    __tablename__ = "case_marks"
    __table_args__ = (
        Index(
            "uq_case_marks_standing",
            "case_id",
            "auditor_id",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
        Index("ix_case_marks_order", "made_at", "id", postgresql_where=text("removed_at IS NULL")),
    )

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    auditor_id: Mapped[int] = foreign_key("users.id")
    note: Mapped[str]
    made_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
