"""What is counted by night, so that no page scans the cases."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class PatternCount(Base):
    """The auditors' patterns over the ``days`` before ``until``: one row for each period, counted anew each night."""

    __tablename__ = "pattern_counts"
    __table_args__ = (CheckConstraint("since < until", name="period"),)

    days: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime]
    until: Mapped[datetime]  # the moment it was counted
    found: Mapped[dict[str, Any]]  # pattern → {total, lines}
