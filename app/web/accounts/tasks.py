"""Housekeeping, every night: what has expired is forgotten."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from app.businesses import lookup
from app.businesses.models import LIVE
from app.cases import erasure, holds, own_data, privacy
from app.identity import housekeeping
from app.jobs import queue
from app.jurisdictions import load
from app.notifications.sms import phones


@queue.task("accounts.forget_expired", queue="bulk")
def forget_expired(session: Session) -> None:
    pack, keep = load.current(), holds.people(session)
    housekeeping.forget_expired(session, pack, keep=keep)
    phones.forget_codes(session, pack, keep=keep)


queue.periodic("17 2 * * *", "accounts.forget_expired")


def business_names(session: Session, ids: Collection[int]) -> dict[int, str]:
    return {key: business.name for key, business in lookup.several(session, ids).items()}


def live(session: Session, ids: Collection[int]) -> Collection[int]:
    """Those of these businesses that are in the register as active or suspended."""
    return [key for key, business in lookup.several(session, ids).items() if business.standing in LIVE]


def note_failure(session: Session, failed: queue.Failed, *, request_id: int) -> None:
    own_data.failed(session, request_id, failed.error, final=failed.final)


@queue.task(privacy.EXPORT, queue="bulk", retry=queue.Retry(attempts=3, first=30), on_failure=note_failure)
def export(session: Session, *, request_id: int) -> None:
    own_data.build(session, load.current(), request_id, business_names)


@queue.task(privacy.ERASE, queue="bulk", retry=queue.Retry(attempts=5, first=60))
def erase(session: Session, *, request_id: int) -> None:
    erasure.execute(session, load.current(), request_id, live)
