"""Why silence did not decide."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class SilenceHold(Base):
    """On a day, why silence did not decide although the time had run out: ``grounds`` are {code, text}."""

    __tablename__ = "case_silence_holds"

    case_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("cases.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    grounds: Mapped[list[Any]]
    told_at: Mapped[datetime]
