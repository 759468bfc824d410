"""Visits of inspectors: the appointment, who goes, the photographs, and reports that nobody can change."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, BigId, foreign_key
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l


class VisitState(StrEnum):
    PLANNED = "planned"
    CONFIRMED = "confirmed"  # by the applicant
    CHANGE_ASKED = "change_asked"
    DONE = "done"  # there is a report
    CANCELLED = "cancelled"


class Result(StrEnum):
    PASSED = "passed"
    REMARKS = "remarks"
    FAILED = "failed"
    NOT_HELD = "not_held"


OPEN = frozenset({VisitState.PLANNED, VisitState.CONFIRMED, VisitState.CHANGE_ASKED})
OPEN_SQL = "state IN ('planned', 'confirmed', 'change_asked')"

STATE_TITLES: dict[str, Text] = {
    VisitState.PLANNED: _l("Planned"),
    VisitState.CONFIRMED: _l("Confirmed"),
    VisitState.CHANGE_ASKED: _l("Another day asked for"),
    VisitState.DONE: _l("Report written"),
    VisitState.CANCELLED: _l("Cancelled"),
}
STATE_KINDS: dict[str, str] = {
    VisitState.PLANNED: "wait",
    VisitState.CONFIRMED: "work",
    VisitState.CHANGE_ASKED: "late",
    VisitState.DONE: "ok",
    VisitState.CANCELLED: "none",
}
RESULT_TITLES: dict[str, Text] = {
    Result.PASSED: _l("Passed"),
    Result.REMARKS: _l("Passed with remarks"),
    Result.FAILED: _l("Failed"),
    Result.NOT_HELD: _l("Could not take place"),
}
RESULT_KINDS: dict[str, str] = {
    Result.PASSED: "ok",
    Result.REMARKS: "wait",
    Result.FAILED: "bad",
    Result.NOT_HELD: "none",
}
VISIT_WORDS = {"state": (STATE_TITLES, STATE_KINDS), "result": (RESULT_TITLES, RESULT_KINDS)}
FOUND_TITLES: dict[str, Text] = {
    "ok": _l("In order"),
    "not_ok": _l("Not in order"),
    "not_seen": _l("Not looked at"),
}


class Inspection(Base):
    """One appointment. ``officials`` are {id, name} of who goes; ``sequence`` counts changes for calendars.

    ``clock_days_left``: as of an advice. The applicant may ask for another day once (``asked_again_at``).
    """

    __tablename__ = "inspections"
    __table_args__ = (
        CheckConstraint("state IN ('planned', 'confirmed', 'change_asked', 'done', 'cancelled')", name="state_known"),
        CheckConstraint("starts_at < ends_at AND ends_at <= starts_at + interval '12 hours'", name="times"),
        CheckConstraint("place <> '' AND about <> ''", name="place"),
        CheckConstraint("(asked_again_at IS NULL) = (asked_again_reason = '')", name="asked_again"),
        CheckConstraint("state <> 'change_asked' OR asked_again_at IS NOT NULL", name="change_asked"),
        CheckConstraint("state <> 'confirmed' OR confirmed_at IS NOT NULL", name="confirmed"),
        CheckConstraint("(state = 'cancelled') = (cancelled_reason <> '')", name="cancelled"),
        UniqueConstraint("id", "starts_at", "ends_at", "open", name="uq_inspections_times"),
        Index("ix_inspections_case", "case_id", "id"),
        Index("ix_inspections_coming", "starts_at", "id", postgresql_where=text(OPEN_SQL)),
        Index("ix_inspections_agency_coming", "agency", "starts_at", "id", postgresql_where=text(OPEN_SQL)),
    )

    id: Mapped[BigId]
    reference: Mapped[str] = mapped_column(unique=True)
    case_id: Mapped[int] = foreign_key("cases.id", index=False)
    agency: Mapped[str]
    place: Mapped[str]
    about: Mapped[str]  # what will be looked at
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    officials: Mapped[list[Any]]
    state: Mapped[str] = mapped_column(default=VisitState.PLANNED.value)
    open: Mapped[bool] = mapped_column(Computed(OPEN_SQL, persisted=True))
    version: Mapped[int] = mapped_column(default=1)
    sequence: Mapped[int] = mapped_column(default=0)
    planned_by: Mapped[int] = foreign_key("users.id")
    planned_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    asked_again_at: Mapped[datetime | None]
    asked_again_day: Mapped[date | None]
    asked_again_reason: Mapped[str] = mapped_column(default="")
    reminded_at: Mapped[datetime | None]
    clock_days_left: Mapped[int | None]
    cancelled_reason: Mapped[str] = mapped_column(default="")
    ended_at: Mapped[datetime | None]


class InspectionOfficial(Base):
    """Who goes. Times and openness follow the appointment, so that nobody is in two places at once."""

    __tablename__ = "inspection_officials"
    __table_args__ = (
        ForeignKeyConstraint(
            ["inspection_id", "starts_at", "ends_at", "open"],
            ["inspections.id", "inspections.starts_at", "inspections.ends_at", "inspections.open"],
            name="fk_inspection_officials_times",
            onupdate="CASCADE",
            ondelete="CASCADE",
        ),
        UniqueConstraint("inspection_id", "user_id", name="uq_inspection_officials_once"),
        # A range of one id, since ranges need no extension to be excluded by GiST.
        ExcludeConstraint(
            (func.int8range(text("user_id"), text("user_id"), text("'[]'")), "&&"),
            (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
            name="ex_inspection_officials_one_place",
            using="gist",
            where=text("open"),
        ),
        Index("ix_inspection_officials_times", "inspection_id", "starts_at", "ends_at", "open"),
    )

    id: Mapped[BigId]
    inspection_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[int] = foreign_key("users.id")
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    open: Mapped[bool]


class InspectionReport(Base):
    """What was found; a trigger refuses to change it, or to delete it before its case is disposed of.

    A correction names the report it replaces. ``findings`` are {code, names, found, remark} of the pack's list,
    ``photographs`` {id, filename, media_type, size, sha256}, as they were when it was sent.
    """

    __tablename__ = "inspection_reports"
    __table_args__ = (
        CheckConstraint("result IN ('passed', 'remarks', 'failed', 'not_held')", name="result_known"),
        CheckConstraint("account <> '' AND (present <> '' OR result = 'not_held')", name="complete"),
        UniqueConstraint("id", "inspection_id", name="uq_inspection_reports_whole"),
        ForeignKeyConstraint(
            ["corrects_id", "inspection_id"],
            ["inspection_reports.id", "inspection_reports.inspection_id"],
            name="fk_inspection_reports_corrects",
        ),
        UniqueConstraint("corrects_id", "inspection_id", name="uq_inspection_reports_corrected_once"),
        Index(
            "uq_inspection_reports_first", "inspection_id", unique=True, postgresql_where=text("corrects_id IS NULL")
        ),
        Index("ix_inspection_reports_case", "case_id", "id"),
        Index("ix_inspection_reports_inspection_id", "inspection_id"),
    )

    id: Mapped[BigId]
    number: Mapped[str] = mapped_column(unique=True)
    inspection_id: Mapped[int] = foreign_key("inspections.id", index=False)
    case_id: Mapped[int] = foreign_key("cases.id", index=False)
    corrects_id: Mapped[int | None]
    correction_reason: Mapped[str] = mapped_column(default="")
    result: Mapped[str]
    present: Mapped[str]
    account: Mapped[str]
    findings: Mapped[list[Any]]
    photographs: Mapped[list[Any]]
    held_at: Mapped[datetime]
    written_by: Mapped[int] = foreign_key("users.id")
    written_at: Mapped[datetime]
    record_id: Mapped[int] = foreign_key("records.id")


class InspectionPhotograph(Base):
    """A picture that was taken; ``report_id`` says which report shows it, and from then on it stays."""

    __tablename__ = "inspection_photographs"
    __table_args__ = (UniqueConstraint("inspection_id", "sha256", name="uq_inspection_photographs_once"),)

    id: Mapped[BigId]
    inspection_id: Mapped[int] = foreign_key("inspections.id", index=False)
    report_id: Mapped[int | None] = foreign_key("inspection_reports.id", nullable=True)
    filename: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    taken_by: Mapped[int] = foreign_key("users.id")
    taken_at: Mapped[datetime]
