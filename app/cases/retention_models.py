"""Legal holds, lists of what is to be disposed of, and what people ask about their own data.

What these rows allow stands in triggers as well (migration 0027): nothing is blanked or deleted under a hold, nothing
that was sent without an approved list, and what is append-only is only ever blanked.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key


class LegalHold(Base):
    """While it stands, nothing of the case, the business's cases or the person's is disposed of or erased.

    ``about`` is what it is on, as people call it; ``proceeding`` the reference of the court or inquiry.
    """

    __tablename__ = "legal_holds"
    __table_args__ = (
        CheckConstraint("num_nonnulls(case_id, business_id, user_id) = 1", name="one_subject"),
        CheckConstraint("reason <> '' AND proceeding <> ''", name="reasoned"),
        CheckConstraint(
            "(released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (release_reason = '')",
            name="released",
        ),
        CheckConstraint("released_by IS NULL OR released_by <> placed_by", name="two_people"),
        Index("ix_legal_holds_standing", "review_on", "id", postgresql_where=text("released_at IS NULL")),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(unique=True)
    case_id: Mapped[int | None] = foreign_key("cases.id", nullable=True)
    business_id: Mapped[int | None] = foreign_key("businesses.id", nullable=True)
    user_id: Mapped[int | None] = foreign_key("users.id", nullable=True)
    about: Mapped[str]
    reason: Mapped[str]
    proceeding: Mapped[str]
    review_on: Mapped[date | None]
    reminded_at: Mapped[datetime | None]
    placed_by: Mapped[int] = foreign_key("users.id")
    placed_at: Mapped[datetime]
    released_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    released_at: Mapped[datetime | None]
    release_reason: Mapped[str] = mapped_column(default="", server_default="")


class DisposalState(StrEnum):
    FOUND = "found"
    PROPOSED = "proposed"
    APPROVED = "approved"
    DONE = "done"
    REFUSED = "refused"


class Disposal(Base):
    """A list of what is past its period: one class of the schedule, one agency. Two people let it be destroyed.

    ``rule`` is the row of the schedule as it was then; ``list_hash`` the SHA-256 over what was approved.
    """

    __tablename__ = "disposals"
    __table_args__ = (
        CheckConstraint("state IN ('found', 'proposed', 'approved', 'done', 'refused')", name="state_known"),
        CheckConstraint(
            "state NOT IN ('proposed', 'approved', 'done') OR (proposed_by IS NOT NULL AND proposal <> '')",
            name="proposed",
        ),
        CheckConstraint(
            "state NOT IN ('approved', 'done') OR (approved_by IS NOT NULL AND approval <> '' AND list_hash <> '')",
            name="approved",
        ),
        CheckConstraint("approved_by IS NULL OR approved_by <> proposed_by", name="two_people"),
        CheckConstraint("state <> 'refused' OR (refused_by IS NOT NULL AND refusal <> '')", name="refused"),
        Index(
            "uq_disposals_open",
            "klass",
            "agency",
            unique=True,
            postgresql_where=text("state IN ('found', 'proposed', 'approved')"),
        ),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(unique=True)
    klass: Mapped[str]
    agency: Mapped[str] = mapped_column(default="", server_default="")
    rule: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default=DisposalState.FOUND.value)
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    found_at: Mapped[datetime]
    total: Mapped[int]
    proposed_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    proposed_at: Mapped[datetime | None]
    proposal: Mapped[str] = mapped_column(default="", server_default="")
    approved_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    approved_at: Mapped[datetime | None]
    approval: Mapped[str] = mapped_column(default="", server_default="")
    refused_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    refused_at: Mapped[datetime | None]
    refusal: Mapped[str] = mapped_column(default="", server_default="")
    list_hash: Mapped[str] = mapped_column(default="", server_default="")
    finished_at: Mapped[datetime | None]
    record_id: Mapped[int | None] = foreign_key("records.id", nullable=True)


class ItemState(StrEnum):
    LISTED = "listed"
    KEPT = "kept"  # somebody took it off the list
    HELD = "held"  # a hold came between
    NEEDED = "needed"  # when it was to be destroyed it was no longer past its period
    DONE = "done"


class DisposalItem(Base):
    """One case or record on a list: once ``done``, the tombstone of what was destroyed.

    ``ended_at`` is when its period ran out. ``hashes`` are {what, name, hash} of everything that was there; they are
    of no column whose name ends in sha256, by which the store tells what is still wanted.
    """

    __tablename__ = "disposal_items"
    __table_args__ = (
        CheckConstraint("num_nonnulls(case_id, record_id) = 1", name="one_subject"),
        CheckConstraint("state IN ('listed', 'kept', 'held', 'needed', 'done')", name="state_known"),
        CheckConstraint("(state = 'done') = (done_at IS NOT NULL)", name="done"),
        CheckConstraint("done_at >= ended_at", name="after_its_period"),
        CheckConstraint("state <> 'kept' OR reason <> ''", name="kept"),
        Index("ix_disposal_items_order", "disposal_id", "id"),
        *(
            Index(
                f"uq_disposal_items_{column}_once",
                column,
                unique=True,
                postgresql_where=text("state IN ('listed', 'done')"),
            )
            for column in ("case_id", "record_id")
        ),
    )

    id: Mapped[BigId]
    disposal_id: Mapped[int] = foreign_key("disposals.id", index=False)
    case_id: Mapped[int | None] = foreign_key("cases.id", nullable=True)
    record_id: Mapped[int | None] = foreign_key("records.id", nullable=True)
    reference: Mapped[str]
    ended_at: Mapped[datetime]
    hashes: Mapped[list[Any]] = mapped_column(default=list, server_default=text("'[]'::jsonb"))
    state: Mapped[str] = mapped_column(default=ItemState.LISTED.value)
    reason: Mapped[str] = mapped_column(default="", server_default="")
    done_at: Mapped[datetime | None]


class RequestKind(StrEnum):
    EXPORT = "export"  # by a signed-in person: done by a job
    ERASE = "erase"
    ACCESS = "access"  # by anybody, answered by an official
    RECTIFY = "rectify"
    REMOVE = "remove"
    RESTRICT = "restrict"
    OBJECT = "object"


class RequestState(StrEnum):
    OPEN = "open"
    READY = "ready"  # an export that can be fetched
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"


class PrivacyRequest(Base):
    """What a person asks about their own data. ``due_at`` is the day by which the law wants an answer.

    ``result`` counts what was given or erased; ``sha256`` is of an export that is still kept.
    """

    __tablename__ = "privacy_requests"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('export', 'erase', 'access', 'rectify', 'remove', 'restrict', 'object')", name="kind_known"
        ),
        CheckConstraint(
            "state IN ('open', 'ready', 'done', 'refused', 'cancelled', 'failed', 'expired')", name="state_known"
        ),
        CheckConstraint(
            "state <> 'ready' OR (sha256 IS NOT NULL AND size IS NOT NULL AND expires_at IS NOT NULL)", name="ready"
        ),
        CheckConstraint("state <> 'refused' OR (answer <> '' AND legal_basis <> '')", name="refused"),
        CheckConstraint("kind NOT IN ('export', 'erase') OR user_id IS NOT NULL", name="whose"),
        CheckConstraint("kind <> 'erase' OR execute_at IS NOT NULL", name="when"),
        Index("ix_privacy_requests_user", "user_id", "id"),
        Index("ix_privacy_requests_due", "due_at", "id", postgresql_where=text("state = 'open'")),
        Index(
            "uq_privacy_requests_open",
            "user_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'open' AND kind IN ('export', 'erase')"),
        ),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    user_id: Mapped[int | None] = foreign_key("users.id", nullable=True, index=False)
    name: Mapped[str] = mapped_column(default="", server_default="")
    email: Mapped[str] = mapped_column(default="", server_default="")
    message: Mapped[str] = mapped_column(default="", server_default="")
    locale: Mapped[str]
    state: Mapped[str] = mapped_column(default=RequestState.OPEN.value)
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    execute_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[int | None] = foreign_key("users.id", nullable=True)
    answer: Mapped[str] = mapped_column(default="", server_default="")
    legal_basis: Mapped[str] = mapped_column(default="", server_default="")
    result: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'::jsonb"))
    sha256: Mapped[str | None]
    size: Mapped[int | None]
    expires_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(default="", server_default="")
