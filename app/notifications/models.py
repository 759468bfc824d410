"""Messages to people: one row is both the e-mail and its copy in the portal's inbox."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core import clock
from app.core.db import Base, BigId, foreign_key
from app.notifications.sms import models as _texts  # noqa: F401  (whoever knows the package's tables knows these)


class MailState(StrEnum):
    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Message(Base):
    """``private`` messages hold a link that is a secret: never in the inbox, and emptied once really sent."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint("mail_state IN ('queued', 'sent', 'failed')", name="mail_state"),
        Index("ix_messages_inbox", "user_id", text("id DESC"), postgresql_where=text("NOT private")),
        Index("ix_messages_unread", "user_id", postgresql_where=text("read_at IS NULL AND NOT private")),
        Index("ix_messages_failed", "id", postgresql_where=text("mail_state = 'failed'")),
    )

    id: Mapped[BigId]
    user_id: Mapped[int | None] = foreign_key("users.id")
    email: Mapped[str]
    locale: Mapped[str]
    template: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    private: Mapped[bool] = mapped_column(default=False)
    case_id: Mapped[int | None] = foreign_key("cases.id", use_alter=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    read_at: Mapped[datetime | None]
    mail_state: Mapped[str] = mapped_column(default=MailState.QUEUED.value)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(default="")
    sent_at: Mapped[datetime | None]
