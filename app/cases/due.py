"""What is past its period and free to go: asked when a list is made, and once more when it is to be destroyed.

Whatever may still be wanted of a file keeps it: a business or permit it led to, an appeal, a finding, money that is
open or owed back, a bundle that is being made, a hold. Decision: docs/decisions/0029-retention-and-privacy.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, cast, exists, func, or_, select
from sqlalchemy.orm import Session

from app.audit.models import Entry
from app.cases import bundles, holds
from app.cases.appeal_models import Appeal, AppealState
from app.cases.findings_models import Finding, FindingState
from app.cases.models import Bundle, Case
from app.cases.retention_models import Disposal, DisposalItem, ItemState, LegalHold
from app.core import clock
from app.documents.models import Record, RecordState
from app.fees.models import Charge, ChargeState, Destination, Payment, PaymentState
from app.jurisdictions.model import Pack
from app.jurisdictions.retention_rows import Retention

AGAIN = timedelta(days=365)  # before what somebody kept is listed again
MONTH = timedelta(days=30)  # how far back the log has to reach without a gap for the clock to be believed


@dataclass(frozen=True)
class Start:
    """``needed(before)`` says of a case that what starts its period has not ended before that moment; ``ended()`` when
    it did, NULL when the case led to nothing of the kind."""

    needed: Callable[[datetime], ColumnElement[bool]]
    ended: Callable[[], ColumnElement[Any]]


_starts: dict[str, Start] = {}


def starts(name: str, start: Start) -> None:
    """At import, by the packages that know (permits, businesses)."""
    _starts[name] = start


class ClockNotBelieved(Exception):
    """The log stops a month or more before now: the clock may have jumped, and what it says is over may not be."""


def check_clock(session: Session) -> None:
    """Before anything goes without a person looking on. Raises ClockNotBelieved."""
    now = clock.now()
    month_ago = exists().where(Entry.at >= now - 2 * MONTH, Entry.at < now - MONTH)
    older = exists().where(Entry.at < now - 2 * MONTH)
    if session.scalar(select(and_(older, ~month_ago))):
        raise ClockNotBelieved(f"nothing was logged in the month before {now - MONTH:%Y-%m-%d}")


def rule_of(pack: Pack, klass: str) -> Retention | None:
    """The row of the schedule by which this class is disposed of today."""
    today = clock.today(pack.zone)
    known = (row for row in pack.retention if row.code == klass and row.end == "dispose")
    return next((row for row in known if row.in_force(today)), None)


def cases(rule: Retention, agency: str, before: datetime) -> Any:
    """(case, when what started its period ended) of those that may be listed, oldest first."""
    return (
        select(Case, _ended(rule))
        .where(
            Case.agency == agency if agency else Case.agency.is_(None),
            ~exists().where(DisposalItem.case_id == Case.id, *_taken()),
            *_case(rule, before),
        )
        .order_by(Case.updated_at, Case.id)
    )


def records(rule: Retention, before: datetime) -> Any:
    """As ``cases``, of issued documents that have a class of their own."""
    return (
        select(Record)
        .where(~exists().where(DisposalItem.record_id == Record.id, *_taken()), *_record(rule, before))
        .order_by(Record.id)
    )


def still(session: Session, pack: Pack, disposal: Disposal, item: DisposalItem) -> bool:
    """Whether it is past its period now, by the schedule as it was and as it is; its case or record is locked.

    A hold is not looked for: the schema does, and says so.
    """
    now, rule = clock.now(), rule_of(pack, disposal.klass)
    if rule is None:
        return False
    noted = Retention.model_validate({key: value for key, value in disposal.rule.items() if key != "pack"})
    before = min(rule.before(now, pack.zone), noted.before(now, pack.zone))
    if item.case_id is not None:
        wanted: Any = select(Case.id).where(Case.id == item.case_id, *_case(rule, before, holds_too=False))
    else:
        wanted = select(Record.id).where(Record.id == item.record_id, *_record(rule, before, holds_too=False))
    return session.scalar(wanted) is not None


def _ended(rule: Retention) -> ColumnElement[datetime]:
    start = _starts.get(rule.starts or "")
    last: ColumnElement[datetime] = func.greatest(Case.updated_at, start.ended()) if start else Case.updated_at  # type: ignore[assignment]
    return last


def _case(rule: Retention, before: datetime, *, holds_too: bool = True) -> tuple[ColumnElement[bool], ...]:
    start = _starts.get(rule.starts or "")
    return (
        Case.service.in_(rule.services),
        Case.state.in_(rule.states),
        Case.updated_at < before,
        Case.disposed_at.is_(None),
        *([~start.needed(before)] if start else []),
        ~exists().where(
            Finding.case_id == Case.id,
            Finding.state.in_([FindingState.DRAFT.value, FindingState.SENT.value, FindingState.ANSWERED.value]),
        ),
        ~exists().where(
            Appeal.case_id == Case.id, or_(Appeal.state == AppealState.OPEN.value, Appeal.judged_at >= before)
        ),
        ~exists().where(Charge.case_id == Case.id, _money()),
        ~_bundled(),
        *([~holds.on_case()] if holds_too else []),
    )


def _record(rule: Retention, before: datetime, *, holds_too: bool = True) -> tuple[ColumnElement[bool], ...]:
    held = exists().where(LegalHold.business_id == Record.business_id, LegalHold.released_at.is_(None))
    of_held = exists().where(Case.id == Record.case_id, holds.on_case())
    return (
        Record.kind.in_(rule.kinds),
        Record.issued_at < before,
        Record.state == RecordState.READY.value,
        *([~held, ~of_held] if holds_too else []),
    )


def _money() -> ColumnElement[bool]:
    """Of a charge: something is open, or owed back to who paid."""
    odd = [Destination.REFUNDS_PAYABLE.value, Destination.SUSPENSE.value]
    return or_(
        Charge.state.in_([ChargeState.DUE.value, ChargeState.REFUNDED.value]),
        exists().where(
            Payment.charge_id == Charge.id,
            or_(Payment.state == PaymentState.PENDING.value, Payment.destination.in_(odd)),
        ),
    )


def _bundled() -> ColumnElement[bool]:
    """Whether an auditor waits for a bundle with it."""
    each = func.jsonb_array_elements_text(Bundle.selection["cases"])
    unfinished = Bundle.state.in_([state.value for state in bundles.UNFINISHED])
    return Case.id.in_(select(cast(each, BigInteger)).where(unfinished))


def _taken() -> tuple[ColumnElement[bool], ...]:
    """On a list already, or taken off one not long ago."""
    recent = exists().where(Disposal.id == DisposalItem.disposal_id, Disposal.found_at > clock.now() - AGAIN)
    return (
        or_(
            DisposalItem.state.in_([ItemState.LISTED.value, ItemState.DONE.value]),
            and_(DisposalItem.state == ItemState.KEPT.value, recent),
        ),
    )
