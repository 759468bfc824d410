"""Word that the audit log no longer agrees with itself: to auditors and administrators at once, and daily until it is
explained. The jobs that find it fail again each minute; the mails do not."""

from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app import notifications
from app.audit import checking, sequencer
from app.core import clock
from app.identity.actor import Role
from app.identity.models import User
from app.jobs import queue
from app.notifications.models import Message

TEMPLATE = "log_alarm"
AGAIN = timedelta(days=1)
KINDS = {"HeadDisagrees", "RolledBack", "Forked", "EntryChanged", "EntryMissing", "TreeChanged"}
PATHS = {Role.AUDITOR: "/audit/log", Role.ADMINISTRATOR: "/admin/failures"}


def tell(session: Session, failed: queue.Failed, name: str) -> None:
    """Nothing for other errors, which pass by themselves or are the administrators' alone."""
    kind = failed.error.partition(" ")[0]
    if kind not in KINDS:
        return
    lately = exists().where(
        Message.user_id == User.id, Message.template == TEMPLATE, Message.created_at > clock.now() - AGAIN
    )
    readers = select(User).where(User.role.in_([role.value for role in PATHS]), User.disabled_at.is_(None), ~lately)
    for person in session.scalars(readers.order_by(User.id).with_for_update()):
        notifications.send(
            session,
            user_id=person.id,
            template=TEMPLATE,
            values={"kind": kind, "at": clock.now(), "path": PATHS[Role(person.role)]},
        )


for _name in (sequencer.SEQUENCE, sequencer.SEQUENCE_MORE, sequencer.STRAGGLERS, sequencer.EXPORT, checking.CHECK):
    queue.watch(_name, tell)
