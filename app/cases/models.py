"""Cases and all that hangs on one: submissions, what happened, requests, recommendations, decisions, notes."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.cases import (  # whoever knows the package's tables knows these
    advice_models,  # noqa: F401
    appeal_models,
    findings_models,  # noqa: F401
    inspection_models,  # noqa: F401
    retention_models,  # noqa: F401
    silence_models,  # noqa: F401
)
from app.cases import copies_models as _copies_models  # noqa: F401
from app.cases.escalation_models import Escalation as Escalation
from app.cases.escalation_models import MorningReport as MorningReport
from app.cases.flags_models import CASE_ARGUMENTS, Routed
from app.cases.workflow import ON_DESK, State
from app.core.db import Base, BigId, foreign_key

ON_DESK_SQL = ", ".join(f"'{state.value}'" for state in sorted(ON_DESK))
STATES_SQL = ", ".join(f"'{state.value}'" for state in State)


Sentences = list[Any]
"""Sentences of the pack's list as they were when they were used, and free ones: see ``cases.grounds``."""


class Outcome(StrEnum):
    APPROVE = "approve"
    REFUSE = "refuse"


class Case(Routed, Base):
    """One application or declaration on its way through an agency. Only ``cases.engine`` writes ``state``."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("applicant_id", "idempotency_key"),
        CheckConstraint(f"state IN ({STATES_SQL})", name="state_known"),
        CheckConstraint("state IN ('draft', 'withdrawn') OR current_submission_id IS NOT NULL", name="submitted"),
        CheckConstraint("state IN ('draft', 'withdrawn') OR agency IS NOT NULL", name="has_agency"),
        *appeal_models.of_cases(),
        Index(
            "ix_cases_desk",
            "agency",
            "due_at",
            "id",
            postgresql_where=text(f"state IN ({ON_DESK_SQL})"),
        ),
        # The same in order of urgency for someone of several agencies.
        Index("ix_cases_due", "due_at", "id", postgresql_where=text(f"state IN ({ON_DESK_SQL})")),
        Index("ix_cases_waiting", "agency", "submitted_at", "id", postgresql_where=text("state = 'submitted'")),
        Index("ix_cases_held", "assigned_to", "id", postgresql_where=text("state IN ('in_review', 'returned')")),
        Index("ix_cases_returned", "agency", "updated_at", "id", postgresql_where=text("state = 'returned'")),
        Index("ix_cases_updated", "updated_at", "id"),
        Index("ix_cases_agency_updated", "agency", "updated_at", "id"),  # the auditor's filters
        Index("ix_cases_state_updated", "state", "updated_at", "id"),
        Index("ix_cases_submitted", "submitted_at", "id", postgresql_where=text("submitted_at IS NOT NULL")),
        Index("ix_cases_search", "search", postgresql_using="gin", postgresql_ops={"search": "gin_trgm_ops"}),
        Index("ix_cases_applicant_recent", "applicant_id", "updated_at", "id"),
        Index("ix_cases_business_recent", "business_id", "updated_at", "id"),
        Index(
            "ix_cases_likeness",
            "service",
            "likeness",
            "decided_at",
            postgresql_where=text("decided_at IS NOT NULL AND likeness <> ''"),
        ),
        *CASE_ARGUMENTS,
    )

    id: Mapped[BigId]
    reference: Mapped[str] = mapped_column(unique=True)
    service: Mapped[str]
    agency: Mapped[str | None]
    title: Mapped[str] = mapped_column(default="")
    search: Mapped[str] = mapped_column(default="")  # upper-case words the search boxes look in
    likeness: Mapped[str] = mapped_column(default="", server_default="")  # cases that say the same here are alike
    state: Mapped[str] = mapped_column(default=State.DRAFT.value)
    version: Mapped[int] = mapped_column(default=1)
    applicant_id: Mapped[int] = foreign_key("users.id")
    business_id: Mapped[int | None] = foreign_key("businesses.id", use_alter=True, nullable=True)
    idempotency_key: Mapped[str]
    arguments: Mapped[dict[str, Any]] = mapped_column(default=dict)
    draft: Mapped[dict[str, Any]] = mapped_column(default=dict)
    current_submission_id: Mapped[int | None] = foreign_key("submissions.id", use_alter=True, nullable=True)
    submitted_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    clock_days_left: Mapped[int | None]  # working days left, kept while the applicant holds the case
    clock_minutes_left: Mapped[int | None]  # the same of a promise in office hours
    assigned_to: Mapped[int | None] = foreign_key("users.id", nullable=True)
    # What an official may need training for, from what was sent.
    permit_kind: Mapped[str | None]
    office: Mapped[str | None]
    decided_at: Mapped[datetime | None]  # of the decision in force
    correction_id: Mapped[int | None]  # the correction that is under way: no decision is in force until it is done
    disposed_at: Mapped[datetime | None]  # what it said is destroyed: a trigger lets nothing of it change any more
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    def entitle(self, title: str) -> None:
        """Say what the case is about; it is found by these words and by its reference."""
        self.title = title
        self.search = f"{self.reference} {title}".upper()


class Submission(Base):
    """The immutable snapshot of what the applicant sent; ``sha256`` is over its canonical JSON."""

    __tablename__ = "submissions"
    __table_args__ = (
        UniqueConstraint("case_id", "number"),
        UniqueConstraint("id", "sha256"),
        UniqueConstraint("id", "submitted_by"),
        CheckConstraint("length(sha256) = 64", name="sha256_hex"),
    )

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    number: Mapped[int]
    data: Mapped[dict[str, Any]]
    documents: Mapped[list[Any]]
    sha256: Mapped[str]
    declaration: Mapped[str]
    submitted_by: Mapped[int] = foreign_key("users.id")
    submitted_at: Mapped[datetime]
    pack_version: Mapped[str]


class CaseEvent(Base):
    """What happened to a case, append-only: one row a transition."""

    __tablename__ = "case_events"
    __table_args__ = (Index("ix_case_events_case_order", "case_id", "id"),)

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    action: Mapped[str]
    from_state: Mapped[str]
    to_state: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[int | None] = foreign_key("users.id", nullable=True)
    actor_name: Mapped[str]
    actor_role: Mapped[str | None]
    at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(default="")
    reasons: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    submission_id: Mapped[int | None] = foreign_key("submissions.id", nullable=True)


class InformationRequest(Base):
    """What a clerk asks, naming the exact fields: ``fields`` is a list of {path, label, step}.

    ``told`` counts what was said about ``due_at``: one reminder, a second one on the day, that it passed.
    """

    __tablename__ = "information_requests"
    __table_args__ = (
        CheckConstraint("told BETWEEN 0 AND 3", name="told"),
        Index("ix_information_requests_due", "due_at", "id", postgresql_where=text("answered_at IS NULL AND told < 3")),
    )

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    message: Mapped[str]
    reasons: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    fields: Mapped[list[Any]]
    due_at: Mapped[datetime | None]  # None: asked before questions had a date
    told: Mapped[int] = mapped_column(default=0, server_default="0")
    asked_by: Mapped[int] = foreign_key("users.id")
    asked_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answer_submission_id: Mapped[int | None] = foreign_key("submissions.id", nullable=True)


class Recommendation(Base):
    """The first pair of eyes: an outcome proposed on exactly one submission."""

    __tablename__ = "recommendations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["submission_id", "submission_sha256"],
            ["submissions.id", "submissions.sha256"],
            name="fk_recommendations_submission",
        ),
        UniqueConstraint(
            "id", "recommended_by", "submission_id", "submission_sha256", "outcome", name="uq_recommendations_whole"
        ),
        CheckConstraint("outcome IN ('approve', 'refuse')", name="outcome_known"),
        Index("ix_recommendations_submission", "submission_id", "submission_sha256"),
        Index("ix_recommendations_person_when", "recommended_by", "recommended_at"),
        Index("uq_recommendations_one_standing", "case_id", unique=True, postgresql_where=text("voided_at IS NULL")),
    )

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    submission_id: Mapped[int]
    submission_sha256: Mapped[str]
    outcome: Mapped[str]
    reason: Mapped[str]
    reasons: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    conditions: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    checks: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))  # ``cases.rested``
    recommended_by: Mapped[int] = foreign_key("users.id")
    recommended_at: Mapped[datetime]
    voided_at: Mapped[datetime | None]


class Decision(Base):
    """The decision of a case: one first, and each later one corrects the one before it (``corrects_id``).

    Four eyes stands here in the schema: the composite keys make ``recommended_by``, ``submitted_by`` and the
    submission's hash those of the rows they point to, and the checks keep who decides apart from the other two.
    ``four_eyes`` is false only for a workflow that lets one official decide (a green-lane release), and for what
    nobody decided: the agency's silence, where the pack says what that means (``cases.silence``).
    """

    __tablename__ = "decisions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["recommendation_id", "recommended_by", "submission_id", "submission_sha256", "outcome"],
            [
                "recommendations.id",
                "recommendations.recommended_by",
                "recommendations.submission_id",
                "recommendations.submission_sha256",
                "recommendations.outcome",
            ],
            name="fk_decisions_recommendation",
        ),
        ForeignKeyConstraint(
            ["submission_id", "submitted_by"],
            ["submissions.id", "submissions.submitted_by"],
            name="fk_decisions_submitter",
        ),
        ForeignKeyConstraint(
            ["submission_id", "submission_sha256"],
            ["submissions.id", "submissions.sha256"],
            name="fk_decisions_submission",
        ),
        CheckConstraint("outcome IN ('approve', 'refuse')", name="outcome_known"),
        CheckConstraint(
            "NOT four_eyes OR (recommendation_id IS NOT NULL AND recommended_by IS NOT NULL)", name="needs_two"
        ),
        CheckConstraint("recommended_by IS NULL OR recommended_by <> decided_by", name="two_people"),
        CheckConstraint("submitted_by <> decided_by", name="not_the_applicant"),
        *appeal_models.of_decisions(),
        CheckConstraint(
            "recommended_by IS NULL OR recommended_by <> submitted_by", name="not_recommended_by_applicant"
        ),
        CheckConstraint("(decided_by IS NULL) = by_silence", name="nobody_by_silence"),
        CheckConstraint(
            "NOT by_silence OR (NOT four_eyes AND recommendation_id IS NULL AND recommended_by IS NULL)",
            name="silence_alone",
        ),
        Index(
            "ix_decisions_recommendation",
            "recommendation_id",
            "recommended_by",
            "submission_id",
            "submission_sha256",
            "outcome",
        ),
        Index("ix_decisions_submission", "submission_id", "submission_sha256"),
        Index("ix_decisions_person_when", "decided_by", "decided_at"),
        Index("ix_decisions_submitter", "submission_id", "submitted_by"),
        Index("ix_decisions_decided_at", "decided_at"),  # the auditor's patterns
    )

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id", index=False)
    corrects_id: Mapped[int | None]  # the decision this one stands in place of
    submission_id: Mapped[int]
    submission_sha256: Mapped[str]
    submitted_by: Mapped[int]
    recommendation_id: Mapped[int | None]
    recommended_by: Mapped[int | None]
    four_eyes: Mapped[bool]
    outcome: Mapped[str]
    reason: Mapped[str]
    reasons: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    conditions: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    checks: Mapped[Sentences] = mapped_column(default=list, server_default=text("'[]'::jsonb"))  # none: not kept then
    legal_ref: Mapped[str] = mapped_column(default="", server_default="")  # of the service, by the rules of the day
    decided_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    by_silence: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    decided_at: Mapped[datetime]
    pack_version: Mapped[str]


class Note(Base):
    """A note among officials; the applicant never sees it. ``mentions`` are {id, name} of colleagues told of it."""

    __tablename__ = "case_notes"

    id: Mapped[BigId]
    case_id: Mapped[int] = foreign_key("cases.id")
    author_id: Mapped[int] = foreign_key("users.id")
    body: Mapped[str]
    mentions: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    written_at: Mapped[datetime]


class CaseCounter(Base):
    """The last number given in a series and year; its locked row makes numbers gap-free."""

    __tablename__ = "case_counters"

    series: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int]


class BundleState(StrEnum):
    QUEUED = "queued"
    BUILDING = "building"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


class Bundle(Base):
    """A ZIP of cases that an auditor asked for. ``selection`` holds the ids, fixed then, and how they were chosen.

    ``missing`` counts papers that could not be put in; ``sha256`` of an expired one stays, its bytes do not. Of a
    sample, ``population`` counts what it was drawn from, ``population_sha256`` is over its references in order
    (``sampling``), and the store has the list itself under ``population_file_sha256`` until the bundle expires.
    ``log_size`` is that of the head its proofs are for, once it is whole.
    """

    __tablename__ = "bundles"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint("state IN ('queued', 'building', 'ready', 'failed', 'expired')", name="state_known"),
        CheckConstraint("state <> 'ready' OR (sha256 IS NOT NULL AND size IS NOT NULL)", name="ready"),
        CheckConstraint("done >= 0 AND done <= total", name="progress"),
        CheckConstraint("method IN ('all', 'simple', 'stratified', 'monetary')", name="method_known"),
        CheckConstraint("(method <> 'all') = (population_sha256 IS NOT NULL)", name="sample"),
    )

    id: Mapped[BigId]
    code: Mapped[str]
    requested_by: Mapped[int] = foreign_key("users.id")
    title: Mapped[str]
    locale: Mapped[str]
    selection: Mapped[dict[str, Any]]
    method: Mapped[str] = mapped_column(default="all", server_default="all")
    seed: Mapped[str] = mapped_column(default="", server_default="")
    population: Mapped[int] = mapped_column(default=0, server_default="0")
    population_sha256: Mapped[str | None]
    population_file_sha256: Mapped[str | None]
    state: Mapped[str] = mapped_column(default=BundleState.QUEUED.value)
    total: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    missing: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str | None]
    size: Mapped[int | None]
    log_size: Mapped[int | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="")


class BundlePart(Base):
    """Some cases of a bundle that is being made, kept in the store until the whole is: what a killed job need not redo.

    ``found`` says what is in it (``bundle_contents.Found``).
    """

    __tablename__ = "bundle_parts"
    __table_args__ = (UniqueConstraint("bundle_id", "number"),)

    id: Mapped[BigId]
    bundle_id: Mapped[int] = foreign_key("bundles.id", index=False)
    number: Mapped[int]
    sha256: Mapped[str]
    found: Mapped[dict[str, Any]]
