"""Telling holders that a permit will end, 30 and 7 days before: once for each permit and notice."""

from datetime import timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.core import clock
from app.permits import changes
from app.permits.holders import several
from app.permits.models import Permit, PermitState

NOTICES = (7, 30)  # days, the shortest first: who missed the long notice gets only the short one
BATCH = 200


def send(session: Session) -> int:
    """Write the messages that are due, for at most ``BATCH`` permits a notice; how many permits. Idempotent.

    Only permits valid now: of a suspended, revoked or used-up one the holder has heard already. One issued with less
    time than a notice gets no such notice: its end was known on the day it was issued.
    """
    return sum(_send(session, days) for days in NOTICES)


def _send(session: Session, days: int) -> int:
    now, notice = clock.now(), timedelta(days=days)
    due = session.scalars(
        select(Permit)
        .where(
            Permit.state == PermitState.ACTIVE.value,
            Permit.starts_at <= now,
            Permit.expires_at > now,
            Permit.expires_at <= now + notice,
            Permit.issued_at < Permit.expires_at - notice,
            or_(Permit.reminded_days.is_(None), Permit.reminded_days > days),
        )
        .order_by(Permit.expires_at, Permit.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    holders = several(session, {permit.business_id for permit in due})
    for permit in due:
        permit.reminded_days = days
        changes.tell_members(session, permit, "permit_expiring", holders[permit.business_id].name)
    session.flush()
    return len(due)


__all__ = ["BATCH", "NOTICES", "send"]
