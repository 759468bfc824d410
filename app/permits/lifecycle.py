"""A permit's life: issue, suspend, reinstate, revoke, expire. (Used up is what its allocations make of it.)"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import corrections, numbering
from app.cases.models import Sentences
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Problem
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.identity.actor import SYSTEM, Actor
from app.identity.policy import Permission, Subject, allows
from app.jurisdictions import load
from app.permits import allocations, changes, verification
from app.permits.changes import lock
from app.permits.models import Permit, PermitLine, PermitState

EXPIRE_BATCH = 200


class ReasonCode(StrEnum):
    """Why a permit's state was changed, in the one word that platforms may hear; the sentence is for the holder."""

    INSPECTION = "inspection"
    DOCUMENTS = "documents"
    CONDITIONS = "conditions"
    HOLDER = "holder_request"
    RESOLVED = "resolved"
    CORRECTION = "correction"
    EXPIRY = "expiry"
    QUANTITY = "quantity"
    OTHER = "other"


REASON_TITLES: dict[ReasonCode, Text] = {
    ReasonCode.INSPECTION: _l("An inspection found a fault"),
    ReasonCode.DOCUMENTS: _l("A document is no longer valid"),
    ReasonCode.CONDITIONS: _l("A condition of the permit was not kept"),
    ReasonCode.HOLDER: _l("The holder asked for it"),
    ReasonCode.RESOLVED: _l("The reason for the suspension is gone"),
    ReasonCode.CORRECTION: _l("The decision it rests on was found wrong"),
    ReasonCode.OTHER: _l("Another reason"),
}
SUSPEND_REASONS = (
    ReasonCode.INSPECTION,
    ReasonCode.DOCUMENTS,
    ReasonCode.CONDITIONS,
    ReasonCode.HOLDER,
    ReasonCode.OTHER,
)
REINSTATE_REASONS = (ReasonCode.RESOLVED, ReasonCode.OTHER)


@dataclass(frozen=True)
class LineSpec:
    """Goods to allow. ``unit`` is a UN/ECE Rec 20 code; ``quantity`` has at most three decimals."""

    hs: str
    description: str
    quantity: Decimal
    unit: str
    value: Money


def issue(
    session: Session,
    *,
    kind: str,
    agency: str,
    business_id: int,
    case_id: int | None,
    valid_from: date,
    valid_to: date,
    lines: Sequence[LineSpec] = (),
    destination: str | None = None,
    record_id: int | None = None,
    conditions: str = "",
    said_conditions: Sentences | None = None,
    replaces_id: int | None = None,
    actor: Actor = SYSTEM,
) -> Permit:
    """A new active permit with the next number of its kind and year. ``destination`` None: every destination.

    ``replaces_id``: the permit of an earlier decision in the same case, which this one's decision corrects.

    The record is usually asked for afterwards, because the paper shows the number: set ``permit.record_id`` then.
    """
    pack = load.current()
    if valid_to < valid_from:
        raise Invalid(Problem(_l("The last day of validity must not be before the first."), "valid_to", "period"))
    now = clock.now()
    permit = Permit(
        number=_number(session, pack.country, kind, now.astimezone(pack.zone).year),
        kind=kind,
        agency=agency,
        business_id=business_id,
        case_id=case_id,
        record_id=record_id,
        replaces_id=replaces_id,
        state=PermitState.ACTIVE.value,
        state_reason="",
        destination=destination or None,
        valid_from=valid_from,
        valid_to=valid_to,
        starts_at=start_of_day(valid_from, pack.zone),
        expires_at=start_of_day(valid_to + timedelta(days=1), pack.zone),
        conditions=conditions,
        said_conditions=said_conditions or [],
        issued_at=now,
        lines=[
            PermitLine(
                hs=line.hs,
                description=line.description,
                quantity=line.quantity,
                unit=line.unit,
                value_minor=line.value.minor,
                currency=line.value.currency,
                reserved=Decimal(0),
                consumed=Decimal(0),
            )
            for line in lines
        ],
    )
    session.add(permit)
    session.flush()
    changes.apply(session, permit, PermitState.ACTIVE, changes.ISSUED, actor, issued=True)
    return permit


def _number(session: Session, country: str, kind: str, year: int) -> str:
    """``RW-COFFEE-EXPORT-2026-00042-K``: gap-free within kind and year."""
    prefix = f"{country}-{re.sub(r'[^A-Z0-9]+', '-', kind.upper()).strip('-')}"
    return numbering.reference(prefix, year, numbering.next_number(session, f"permit:{prefix}", year))


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def suspend(
    session: Session, permit: Permit, actor: Actor, reason: str, *, reason_code: str = ReasonCode.OTHER
) -> None:
    """Stop new reservations until reinstated; goods already reserved may still leave.

    By a supervisor of the issuing agency who has no interest in the holder, with a reason the holder will read.
    Raises NotAllowed, or Invalid when there is no reason or the state does not allow it. So do the next two.
    """
    _control(session, permit, actor, reason, reason_code, PermitState.SUSPENDED, changes.SUSPENDED)


def reinstate(
    session: Session, permit: Permit, actor: Actor, reason: str, *, reason_code: str = ReasonCode.RESOLVED
) -> None:
    """End a suspension; not while the decision behind the permit is being corrected. A permit whose last goods left
    meanwhile is used up at once."""
    corrections.check_not_under_way(session, permit.case_id)
    _control(session, permit, actor, reason, reason_code, PermitState.ACTIVE, changes.REINSTATED)
    if permit.lines and allocations.nothing_left(session, permit):
        changes.apply(session, permit, PermitState.USED_UP, changes.USED_UP, SYSTEM, reason_code=ReasonCode.QUANTITY)


def revoke(session: Session, permit: Permit, actor: Actor, reason: str, *, reason_code: str = ReasonCode.OTHER) -> None:
    """End the permit for ever: nothing more may be reserved or used on it."""
    _control(session, permit, actor, reason, reason_code, PermitState.REVOKED, changes.REVOKED)


_SOURCES: dict[PermitState, frozenset[PermitState]] = {
    PermitState.SUSPENDED: frozenset({PermitState.ACTIVE, PermitState.NOT_YET_VALID}),
    PermitState.ACTIVE: frozenset({PermitState.SUSPENDED}),
    PermitState.REVOKED: frozenset(
        {PermitState.ACTIVE, PermitState.NOT_YET_VALID, PermitState.SUSPENDED, PermitState.USED_UP}
    ),
}


def may_control(actor: Actor | None, permit: Permit) -> bool:
    return allows(actor, Permission.PERMIT_CONTROL, Subject(business_id=permit.business_id, agency=permit.agency))


def possible(permit: Permit, now: datetime) -> tuple[PermitState, ...]:
    """The states a supervisor may put the permit in now."""
    state = verification.state(permit, now)
    return tuple(target for target, sources in _SOURCES.items() if state in sources)


def _control(
    session: Session,
    permit: Permit,
    actor: Actor,
    reason: str,
    reason_code: str,
    target: PermitState,
    kind: changes.Kind,
) -> None:
    if actor.kind != "system" and not may_control(actor, permit):
        raise NotAllowed
    reason = reason.strip()
    if not reason:
        raise Invalid(Problem(_l("Give the reason. The holder will read it."), "reason", "required"))
    lock(session, permit.id)
    if target not in possible(permit, clock.now()):
        raise Invalid(
            Problem(_l("This permit's state does not allow that any more. Look at it again."), None, "wrong_state")
        )
    changes.apply(session, permit, target, kind, actor, reason=reason, reason_code=reason_code)


def expire(session: Session) -> int:
    """Note the permits whose last day is over, at most ``EXPIRE_BATCH`` of them; returns how many. Idempotent."""
    due = session.scalars(
        select(Permit)
        .where(
            Permit.expires_at <= clock.now(),
            Permit.state.in_([PermitState.ACTIVE.value, PermitState.SUSPENDED.value]),
        )
        .order_by(Permit.expires_at, Permit.id)
        .limit(EXPIRE_BATCH)
        .with_for_update(skip_locked=True, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for permit in due:
        changes.apply(
            session, permit, PermitState.EXPIRED, changes.EXPIRED, SYSTEM, reason_code=ReasonCode.EXPIRY.value
        )
    return len(due)
