"""The one place that writes a permit's state: history, audit entry, event, messages and hooks in one transaction.

``lifecycle`` (what people and time do) and ``allocations`` (what declarations do) come through here.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries, verbs
from app.core import clock, i18n
from app.core.i18n import lazy_gettext as _l
from app.identity import memberships, people
from app.identity.actor import Actor
from app.jurisdictions import load
from app.jurisdictions import lookup as rules
from app.outbox import events
from app.permits import hooks
from app.permits.holders import holder
from app.permits.hooks import StateChange
from app.permits.models import Permit, PermitEvent, PermitState


@dataclass(frozen=True)
class Kind:
    """What a change is called in the audit log and which message the holder's people get (None: none)."""

    verb: str
    template: str | None


ISSUED = Kind(verbs.register("permit.issued", _l("Permit issued")), None)
SUSPENDED = Kind(verbs.register("permit.suspended", _l("Permit suspended")), "permit_suspended")
REINSTATED = Kind(verbs.register("permit.reinstated", _l("Permit reinstated")), "permit_reinstated")
REVOKED = Kind(verbs.register("permit.revoked", _l("Permit revoked")), "permit_revoked")
EXPIRED = Kind(verbs.register("permit.expired", _l("Permit expired")), "permit_expired")
USED_UP = Kind(verbs.register("permit.used_up", _l("Permit used up")), "permit_used_up")
REOPENED = Kind(verbs.register("permit.reopened", _l("Used-up permit usable again")), None)


def lock(session: Session, permit_id: int) -> Permit:
    """The permit's row as it is now, locked until the transaction ends. Always taken before a line's lock."""
    return session.scalars(
        select(Permit)
        .where(Permit.id == permit_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def apply(
    session: Session,
    permit: Permit,
    target: PermitState,
    kind: Kind,
    actor: Actor,
    *,
    reason: str = "",
    reason_code: str = "",
    issued: bool = False,
) -> None:
    """Set the state of a locked (or just added) permit and tell everyone who must know."""
    previous = None if issued else permit.stored_state
    now = clock.now()
    permit.state = target.value
    permit.state_reason = reason if target in {PermitState.SUSPENDED, PermitState.REVOKED} else ""
    session.add(
        PermitEvent(
            permit_id=permit.id,
            from_state=previous,
            to_state=target.value,
            at=now,
            actor_id=actor.user_id,
            actor_name=actor.name,
            reason=reason,
            reason_code=reason_code,
        )
    )
    held_by = holder(session, permit.business_id)
    entries.record(
        session,
        actor,
        kind.verb,
        subject=f"permit:{permit.id}",
        reference=permit.number,
        case_id=permit.case_id,
        business_id=permit.business_id,
        agency=permit.agency,
        detail={"previous": previous, "state": target.value, "reason": reason, "reason_code": reason_code},
        authority=rules.permit_kind(load.current(), permit.kind).legal_ref,
    )
    events.emit(
        session,
        "permit.state_changed",
        subject=f"permit:{permit.number}",
        data={
            "number": permit.number,
            "kind": permit.kind,
            "state": target.value,
            "previous_state": previous,
            "holder_number": held_by.number,
            "valid_to": permit.valid_to,
            "occurred_at": now,
            "reason_code": reason_code,
        },
        business_id=permit.business_id,
    )
    if kind.template is not None:
        tell_members(session, permit, kind.template, held_by.name, reason)
    session.flush()
    hooks.state_changed(session, StateChange(permit, previous, target, now, reason, reason_code))


def tell_members(session: Session, permit: Permit, template: str, business: str, reason: str = "") -> None:
    """A message to everyone who acts for the holder, each in their language."""
    pack = load.current()
    for member in memberships.members_of(session, permit.business_id):
        locale = people.user(session, member.user_id).locale
        with i18n.use_locale(locale):
            values = {
                "reference": permit.number,
                "title": permit.title,
                "agency": rules.agency(pack, permit.agency).name,
                "business": business,
                "reason": reason,
                "deadline": permit.valid_to,
                "path": f"/permits/{permit.number}",
            }
        notifications.send(
            session, user_id=member.user_id, template=template, locale=locale, values=values, case_id=permit.case_id
        )
