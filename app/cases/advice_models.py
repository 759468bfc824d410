"""Advice that an agency or an outside expert is asked for about a case: a sub-case with a clock of its own."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l


class AdviceState(StrEnum):
    ASKED = "asked"
    TAKEN = "taken"
    ANSWERED = "answered"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Opinion(StrEnum):
    NO_OBJECTION = "no_objection"
    CONDITIONS = "conditions"
    OBJECTION = "objection"


OPEN = frozenset({AdviceState.ASKED, AdviceState.TAKEN})
OPEN_SQL = "state IN ('asked', 'taken')"

STATE_TITLES: dict[str, Text] = {
    AdviceState.ASKED: _l("Asked"),
    AdviceState.TAKEN: _l("Being worked on"),
    AdviceState.ANSWERED: _l("Answered"),
    AdviceState.DECLINED: _l("Declined"),
    AdviceState.WITHDRAWN: _l("Taken back"),
    AdviceState.EXPIRED: _l("Ended without an answer"),
}
STATE_KINDS: dict[str, str] = {
    AdviceState.ASKED: "wait",
    AdviceState.TAKEN: "work",
    AdviceState.ANSWERED: "ok",
    AdviceState.DECLINED: "bad",
    AdviceState.WITHDRAWN: "none",
    AdviceState.EXPIRED: "late",
}
OPINION_TITLES: dict[str, Text] = {
    Opinion.NO_OBJECTION: _l("No objection"),
    Opinion.CONDITIONS: _l("No objection, on conditions"),
    Opinion.OBJECTION: _l("Objection"),
}


class Advice(Base):
    """One question to one adviser: an agency (``asked_of``), or an expert without an account (``link_digest``).

    ``parts`` are the steps of the submission it may read, ``papers`` the documents as {upload_id, code, title,
    filename, media_type, size, sha256}; ``with_people``: personal data is not masked. ``clock_days_left``: it stops
    the case's clock while it is open, with so many working days left (``standstill``). ``told`` counts what was said
    about ``due_at``: a reminder, that it passed. A trigger keeps what was asked and what was answered.
    """

    __tablename__ = "advice_requests"
    __table_args__ = (
        CheckConstraint(
            "state IN ('asked', 'taken', 'answered', 'declined', 'withdrawn', 'expired')", name="state_known"
        ),
        CheckConstraint("(asked_of IS NULL) = (link_digest IS NOT NULL)", name="one_adviser"),
        CheckConstraint("asked_of <> agency", name="another_agency"),
        CheckConstraint("question <> '' AND days BETWEEN 1 AND 90 AND due_at > asked_at", name="question"),
        CheckConstraint("opinion IN ('no_objection', 'conditions', 'objection')", name="opinion_known"),
        CheckConstraint(
            "(state = 'answered') = (opinion IS NOT NULL AND answer <> '' AND ended_at IS NOT NULL)", name="answered"
        ),
        CheckConstraint(f"({OPEN_SQL}) = (ended_at IS NULL)", name="ended"),
        CheckConstraint("state <> 'taken' OR taken_by IS NOT NULL OR asked_of IS NULL", name="taken"),
        CheckConstraint("state <> 'answered' OR asked_of IS NULL OR answered_by IS NOT NULL", name="answered_by"),
        CheckConstraint("answered_by <> asked_by", name="two_people"),
        CheckConstraint("state NOT IN ('declined', 'withdrawn') OR ended_reason <> ''", name="ended_reason"),
        CheckConstraint("(paper IS NULL) = (paper_sha256 IS NULL)", name="paper"),
        CheckConstraint("told BETWEEN 0 AND 2", name="told"),
        Index("ix_advice_requests_case", "case_id", "id"),
        Index("ix_advice_requests_agency_due", "asked_of", "due_at", "id", postgresql_where=text(OPEN_SQL)),
        Index("ix_advice_requests_due", "due_at", "id", postgresql_where=text(OPEN_SQL)),
        Index(
            "ix_advice_requests_agency_ended",
            "asked_of",
            "ended_at",
            "id",
            postgresql_where=text("ended_at IS NOT NULL"),
        ),
    )

    id: Mapped[BigId]
    reference: Mapped[str] = mapped_column(unique=True)
    case_id: Mapped[int] = foreign_key("cases.id", index=False)
    submission_id: Mapped[int] = foreign_key("submissions.id")
    agency: Mapped[str]  # that asks
    asked_of: Mapped[str | None]
    expert_name: Mapped[str | None]
    expert_email: Mapped[str | None]
    expert_locale: Mapped[str | None]
    link_digest: Mapped[str | None] = mapped_column(unique=True)
    opened_at: Mapped[datetime | None]  # by the expert, for the first time
    question: Mapped[str]
    parts: Mapped[list[Any]]
    papers: Mapped[list[Any]]
    with_people: Mapped[bool]
    asked_by: Mapped[int] = foreign_key("users.id")
    asked_at: Mapped[datetime]
    days: Mapped[int]
    due_at: Mapped[datetime]
    told: Mapped[int] = mapped_column(default=0)
    clock_days_left: Mapped[int | None]
    state: Mapped[str] = mapped_column(default=AdviceState.ASKED.value)
    version: Mapped[int] = mapped_column(default=1)
    taken_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    taken_at: Mapped[datetime | None]
    opinion: Mapped[str | None]
    answer: Mapped[str] = mapped_column(default="")
    conditions: Mapped[list[Any]] = mapped_column(default=list)
    paper: Mapped[dict[str, Any] | None]  # what was attached to the answer
    paper_sha256: Mapped[str | None]
    answered_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str] = mapped_column(default="")

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def by_expert(self) -> bool:
        return self.asked_of is None
