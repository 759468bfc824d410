"""What is counted by night, so that no page scans the cases."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class ServiceDuration(Base):
    """How long cases take that came in between ``since`` and ``until``, in working days on the agency's side.

    ``permit_kind`` is empty for all of a service's cases at the agency. A quantile is empty where so many cases are
    still open that it is not known yet. ``on_time`` and ``late`` leave out what is open and not yet due.
    """

    __tablename__ = "service_durations"
    __table_args__ = (
        CheckConstraint("since < until", name="period"),
        CheckConstraint(
            "on_time >= 0 AND late >= 0 AND by_silence >= 0 AND by_silence <= decided AND decided <= cases"
            " AND on_time + late <= cases",
            name="counts",
        ),
        CheckConstraint(
            "(median IS NULL OR median >= 0) AND (p75 IS NULL OR (median IS NOT NULL AND p75 >= median))"
            " AND (p90 IS NULL OR (p75 IS NOT NULL AND p90 >= p75))",
            name="in_order",
        ),
    )

    service: Mapped[str] = mapped_column(primary_key=True)
    agency: Mapped[str] = mapped_column(primary_key=True)
    permit_kind: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    until: Mapped[datetime]  # the moment it was counted
    cases: Mapped[int]
    decided: Mapped[int]
    by_silence: Mapped[int]
    on_time: Mapped[int]
    late: Mapped[int]
    median: Mapped[int | None]
    p75: Mapped[int | None]
    p90: Mapped[int | None]


class PatternCount(Base):
    """The auditors' patterns over the ``days`` before ``until``: one row for each period, counted anew each night."""

    __tablename__ = "pattern_counts"
    __table_args__ = (CheckConstraint("since < until", name="period"),)

    days: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime]
    until: Mapped[datetime]  # the moment it was counted
    found: Mapped[dict[str, Any]]  # pattern → {total, lines}
