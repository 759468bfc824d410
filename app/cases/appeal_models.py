"""Corrections of decisions, who may not act in one, and appeals against decisions."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.schema import SchemaItem

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l


class AppealState(StrEnum):
    OPEN = "open"
    DISMISSED = "dismissed"  # the decision stands
    ALLOWED = "allowed"  # the case is decided anew
    INADMISSIBLE = "inadmissible"  # it was not looked into: too late, by somebody else, about nothing
    WITHDRAWN = "withdrawn"  # by the applicant's side, before anybody decided on it


class AppealGround(StrEnum):
    """What of a decision is appealed against; the pack says which may be."""

    REFUSAL = "refusal"
    CONDITIONS = "conditions"


class Scope(StrEnum):
    """What somebody may not do in a case that is decided anew."""

    CASE = "case"  # take it, recommend, decide: they had to do with the first decision
    DECISION = "decision"  # decide: they made the decision that is corrected


OPEN_SQL = "state = 'open'"
STATE_TITLES: dict[str, Text] = {
    AppealState.OPEN: _l("Open"),
    AppealState.DISMISSED: _l("Dismissed: the decision stands"),
    AppealState.ALLOWED: _l("Allowed: the case is decided anew"),
    AppealState.INADMISSIBLE: _l("Not admissible"),
    AppealState.WITHDRAWN: _l("Appeal withdrawn"),
}
STATE_KINDS: dict[str, str] = {
    AppealState.OPEN: "work",
    AppealState.DISMISSED: "none",
    AppealState.ALLOWED: "ok",
    AppealState.INADMISSIBLE: "none",
    AppealState.WITHDRAWN: "none",
}
GROUND_TITLES: dict[str, Text] = {
    AppealGround.REFUSAL: _l("Against the refusal"),
    AppealGround.CONDITIONS: _l("Against the conditions"),
}


def of_cases() -> tuple[SchemaItem, ...]:
    """What corrections ask of the table of cases."""
    return (
        CheckConstraint(
            "correction_id IS NULL OR state IN ('submitted', 'in_review', 'returned', 'recommended')",
            name="correction_open",
        ),
        ForeignKeyConstraint(
            ["correction_id", "id"],
            ["corrections.id", "corrections.case_id"],
            name="fk_cases_correction",
            use_alter=True,
        ),
        Index("ix_cases_correction", "correction_id", "id"),
    )


def of_decisions() -> tuple[SchemaItem, ...]:
    """The chain of decisions, and what appeals and corrections point to."""
    return (
        CheckConstraint("corrects_id IS NULL OR four_eyes", name="correction_needs_two"),
        ForeignKeyConstraint(
            ["corrects_id", "case_id"],
            ["corrections.decision_id", "corrections.case_id"],
            name="fk_decisions_corrects",
            use_alter=True,
        ),
        Index("uq_decisions_first_of_case", "case_id", unique=True, postgresql_where=text("corrects_id IS NULL")),
        Index("uq_decisions_one_correction", "corrects_id", unique=True),
        Index("uq_decisions_id_case", "id", "case_id", unique=True),  # what appeals and corrections point to
        Index("uq_decisions_id_decider", "id", "decided_by", unique=True),
        Index("uq_decisions_id_recommender", "id", "recommended_by", unique=True),
        Index("ix_decisions_corrects", "corrects_id", "case_id"),
        Index("ix_decisions_of_case", "case_id", "id"),
    )


class Correction(Base):
    """A decision was found wrong and the case is decided anew: opened once for a decision, never altered.

    The decision that comes of it points here by ``decisions.corrects_id``, which is ``decision_id``.
    """

    __tablename__ = "corrections"
    __table_args__ = (
        ForeignKeyConstraint(
            ["decision_id", "case_id"], ["decisions.id", "decisions.case_id"], name="fk_corrections_decision"
        ),
        UniqueConstraint("decision_id", "case_id"),
        UniqueConstraint("decision_id", name="uq_corrections_one_of_a_decision"),
        UniqueConstraint("id", "case_id"),
        CheckConstraint("reason <> '' OR reasons <> '[]'::jsonb", name="has_reason"),
    )

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    decision_id: Mapped[int]
    appeal_id: Mapped[int | None] = foreign_key("appeals.id", use_alter=True, nullable=True)  # that was allowed
    opened_by: Mapped[int] = foreign_key("users.id")
    opened_at: Mapped[datetime]
    reason: Mapped[str]
    reasons: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    pack_version: Mapped[str]


class CorrectionBar(Base):
    """Who is kept from acting in a correction; triggers keep them from recommending and deciding."""

    __tablename__ = "correction_bars"
    __table_args__ = (
        ForeignKeyConstraint(
            ["correction_id", "case_id"],
            ["corrections.id", "corrections.case_id"],
            name="fk_correction_bars_correction",
        ),
        Index("ix_correction_bars_correction", "correction_id", "case_id"),
        UniqueConstraint("correction_id", "user_id"),
        CheckConstraint("scope IN ('case', 'decision')", name="scope_known"),
    )

    id: Mapped[BigId]
    correction_id: Mapped[int]
    case_id: Mapped[int] = mapped_column(BigInteger, index=True)
    user_id: Mapped[int] = foreign_key("users.id")
    scope: Mapped[str]


class Appeal(Base):
    """An appeal of the applicant's side against one decision, once for each.

    ``against_decided_by`` and ``against_recommended_by`` are the decision's (None: by silence, or nobody recommended);
    a trigger keeps them so, and keeps ``judged_by`` apart from everyone who had to do with the case. What was judged or
    withdrawn is never altered.
    """

    __tablename__ = "appeals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["decision_id", "case_id"], ["decisions.id", "decisions.case_id"], name="fk_appeals_decision"
        ),
        ForeignKeyConstraint(
            ["decision_id", "against_decided_by"],
            ["decisions.id", "decisions.decided_by"],
            name="fk_appeals_decider",
        ),
        ForeignKeyConstraint(
            ["decision_id", "against_recommended_by"],
            ["decisions.id", "decisions.recommended_by"],
            name="fk_appeals_recommender",
        ),
        UniqueConstraint("reference"),
        UniqueConstraint("decision_id", name="uq_appeals_one_of_a_decision"),
        CheckConstraint("state IN ('open', 'dismissed', 'allowed', 'inadmissible', 'withdrawn')", name="state_known"),
        CheckConstraint("ground IN ('refusal', 'conditions')", name="ground_known"),
        CheckConstraint("why <> ''", name="says_why"),
        CheckConstraint("state IN ('open', 'withdrawn') OR reason <> ''", name="has_reason"),
        CheckConstraint("(state IN ('dismissed', 'allowed', 'inadmissible')) = (judged_by IS NOT NULL)", name="judged"),
        CheckConstraint("(judged_by IS NULL) = (judged_at IS NULL)", name="judged_when"),
        CheckConstraint("(state = 'withdrawn') = (withdrawn_by IS NOT NULL)", name="withdrawn"),
        CheckConstraint("(withdrawn_by IS NULL) = (withdrawn_at IS NULL)", name="withdrawn_when"),
        CheckConstraint("judged_by <> appealed_by", name="not_the_applicant"),
        CheckConstraint("judged_by <> against_decided_by", name="not_who_decided"),
        CheckConstraint("judged_by <> against_recommended_by", name="not_who_recommended"),
        Index("ix_appeals_decision", "decision_id", "case_id"),
        Index("ix_appeals_decider", "decision_id", "against_decided_by"),
        Index("ix_appeals_recommender", "decision_id", "against_recommended_by"),
        Index("ix_appeals_open", "agency", "appealed_at", "id", postgresql_where=text(OPEN_SQL)),
        Index("ix_appeals_due", "due_at", "id", postgresql_where=text(OPEN_SQL)),
        Index("ix_appeals_judge_when", "judged_by", "judged_at"),
    )

    id: Mapped[BigId]
    reference: Mapped[str]
    case_id: Mapped[int] = foreign_key("cases.id")
    decision_id: Mapped[int]
    against_decided_by: Mapped[int | None]
    against_recommended_by: Mapped[int | None]
    agency: Mapped[str]
    ground: Mapped[str]
    why: Mapped[str]
    documents: Mapped[list[Any]]  # as those of a submission
    declaration: Mapped[str]
    appealed_by: Mapped[int] = foreign_key("users.id")
    appealed_at: Mapped[datetime]
    last_day: Mapped[date]  # on which one could appeal
    due_at: Mapped[datetime]
    pack_version: Mapped[str]
    state: Mapped[str] = mapped_column(default=AppealState.OPEN.value)
    judged_by: Mapped[int | None] = foreign_key("users.id", nullable=True, index=False)
    judged_at: Mapped[datetime | None]
    withdrawn_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    withdrawn_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="", server_default="")
    record_id: Mapped[int | None] = foreign_key("records.id", nullable=True)
    soon_at: Mapped[datetime | None]  # when it was marked as due within a working day, and as overdue
    overdue_at: Mapped[datetime | None]

    @property
    def open(self) -> bool:
        return self.state == AppealState.OPEN
