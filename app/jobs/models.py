"""What we keep about a job beside the queue's own tables (those belong to procrastinate)."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class JobError(Base):
    """The latest failure of a job. ``error`` is the kind and place, never the message: that may hold personal data."""

    __tablename__ = "job_errors"

    job_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    error: Mapped[str]
    at: Mapped[datetime]
