"""Flags of cases, the runs of changed rules over the open ones, and what a case keeps of the rules it met."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import pick

# Of the table of cases. Its states are written out: an index keeps its condition whatever the code says later.
CASE_ARGUMENTS = (
    CheckConstraint("team_by IN ('rule', 'person')", name="team_by_known"),
    CheckConstraint("team IS NULL OR team_by IS NOT NULL", name="team_has_reason"),
    Index(
        "ix_cases_team_waiting",
        "team",
        "submitted_at",
        "id",
        postgresql_where=text("state = 'submitted' AND team IS NOT NULL"),
    ),
    Index(
        "ix_cases_team_desk",
        "team",
        "due_at",
        "id",
        postgresql_where=text("state IN ('in_review', 'recommended', 'submitted') AND team IS NOT NULL"),
    ),
    Index(
        "ix_cases_ruled",
        "id",
        "rules_version",
        postgresql_where=text("state IN ('awaiting_payment', 'in_review', 'recommended', 'returned', 'submitted')"),
    ),
    Index("ix_cases_refused_business", "business_id", "decided_at", postgresql_where=text("state = 'refused'")),
    Index("ix_cases_refused_applicant", "applicant_id", "decided_at", postgresql_where=text("state = 'refused'")),
)


class Routed:
    """Columns of a case: its team, who chose it (``TeamBy``), and the rules it met (``routing.Rules.version``)."""

    team: Mapped[str | None]
    team_by: Mapped[str | None]
    rules_version: Mapped[str | None]


class TeamBy(StrEnum):
    """Who chose a case's team: a person's choice stands until the case goes to another agency."""

    RULE = "rule"
    PERSON = "person"


class Clearance(StrEnum):
    """Who may clear a flag. One that nobody may goes when the case no longer fits its rule."""

    NOBODY = "nobody"
    CLERK = "clerk"
    SUPERVISOR = "supervisor"


class CaseFlag(Base):
    """A flag of a case, worded as its rule was when it was raised.

    It stands until a person clears it or the rules, run again, raise it no longer (``lapsed_at``). ``basis`` has the
    facts it was raised on: what was cleared is raised anew when a later submission changes them.
    """

    __tablename__ = "case_flags"
    __table_args__ = (
        CheckConstraint("clearable_by IN ('nobody', 'clerk', 'supervisor')", name="clearable"),
        CheckConstraint(
            "(cleared_at IS NULL) = (cleared_by IS NULL) AND (cleared_at IS NULL) = (clear_reason = '')",
            name="cleared_with_reason",
        ),
        CheckConstraint("cleared_at IS NULL OR clearable_by <> 'nobody'", name="cleared_by_someone"),
        Index("uq_case_flags_live", "case_id", "code", unique=True, postgresql_where=text("lapsed_at IS NULL")),
    )

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    submission_id: Mapped[int] = foreign_key("submissions.id")
    code: Mapped[str]
    names: Mapped[dict[str, Any]]
    explanation: Mapped[dict[str, Any]]
    legal_ref: Mapped[str]
    basis: Mapped[dict[str, Any]]
    rules_version: Mapped[str]
    blocks: Mapped[bool]
    clearable_by: Mapped[str]
    raised_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    clear_reason: Mapped[str] = mapped_column(default="", server_default="")
    lapsed_at: Mapped[datetime | None]

    @property
    def name(self) -> str:
        """In the reader's language, as is the explanation."""
        return pick(self.names)

    @property
    def explanation_text(self) -> str:
        return pick(self.explanation)

    @property
    def stands(self) -> bool:
        return self.cleared_at is None and self.lapsed_at is None

    @property
    def stops(self) -> bool:
        """Whether nothing is approved while it is like this."""
        return self.blocks and self.stands


class RuleRun(Base):
    """One run of changed rules over the open cases. ``blocked`` cases had no blocking flag before it; ``told`` are the
    officials who heard that cases of theirs went to other teams."""

    __tablename__ = "rule_runs"
    __table_args__ = (
        Index("uq_rule_runs_running", "rules_version", unique=True, postgresql_where=text("finished_at IS NULL")),
    )

    id: Mapped[BigId]
    rules_version: Mapped[str]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    seen: Mapped[int] = mapped_column(default=0, server_default="0")
    moved: Mapped[int] = mapped_column(default=0, server_default="0")
    raised: Mapped[int] = mapped_column(default=0, server_default="0")
    lapsed: Mapped[int] = mapped_column(default=0, server_default="0")
    blocked: Mapped[int] = mapped_column(default=0, server_default="0")
    told: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
