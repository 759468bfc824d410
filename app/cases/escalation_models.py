"""Cases that were marked as due or overdue, and who was told about theirs."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class Escalation(Base):
    """A case was marked as due soon or overdue: once for each level."""

    __tablename__ = "case_escalations"
    __table_args__ = (CheckConstraint("level IN ('due_soon', 'overdue')", name="level_known"),)

    case_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cases.id"), primary_key=True)
    level: Mapped[str] = mapped_column(primary_key=True)
    due_at: Mapped[datetime]  # as it was then
    marked_at: Mapped[datetime]


class MorningReport(Base):
    """Who was told about their cases on a day, so that nobody is told twice."""

    __tablename__ = "morning_reports"
    __table_args__ = (Index("ix_morning_reports_day", "day"),)

    user_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
