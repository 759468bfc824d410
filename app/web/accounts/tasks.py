"""Housekeeping, every night: what has expired is forgotten."""

from sqlalchemy.orm import Session

from app.identity import housekeeping
from app.jobs import queue


@queue.task("accounts.forget_expired")
def forget_expired(session: Session) -> None:
    housekeeping.forget_expired(session)


queue.periodic("17 2 * * *", "accounts.forget_expired")
