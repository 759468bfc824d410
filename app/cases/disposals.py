"""Lists of what is past its period, and the two people who let it be destroyed.

A nightly job finds (``find``), an administrator proposes, and another person approves: a supervisor of the agency whose
files they are, or a second administrator of what no agency has. Auditors change nothing: they read the lists and may
place a hold. Nothing is destroyed here (``disposing``).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.models import Entry
from app.audit.verbs import register
from app.cases import due, numbering
from app.cases.models import Case
from app.cases.retention_models import Disposal, DisposalItem, DisposalState, ItemState
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem, Stale
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.documents.models import Record
from app.identity.actor import SYSTEM, Actor, Role
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions.model import Pack
from app.jurisdictions.retention_rows import Retention

SERIES = "DL"
MOST = 500  # on one list
PAGE = 50
UNTOUCHED = timedelta(days=30)  # how long who proposes must have left alone the account of who approves
DISPOSE = "retention.dispose"  # the job that destroys
FOUND = register("disposal.found", _l("List for disposal made"))
PROPOSED = register("disposal.proposed", _l("Disposal proposed"))
APPROVED = register("disposal.approved", _l("Disposal approved"))
REFUSED = register("disposal.refused", _l("Disposal refused"))
KEPT = register("disposal.item_kept", _l("Taken off a list for disposal"))
STALE: Text = _l("This list changed while you had it open. Look at what changed, then decide again.")


@dataclass(frozen=True)
class Page:
    rows: Sequence[Any]
    following: int | None


# --- finding --------------------------------------------------------------------------------------------------------


def find(session: Session, pack: Pack) -> list[Disposal]:
    """Make the lists that are due: one open list at a time for a class and an agency, ``MOST`` things on it."""
    now = clock.now()
    made = []
    for rule in pack.retention:
        if rule.end != "dispose" or not rule.in_force(now.astimezone(pack.zone).date()):
            continue
        agencies: list[str | None] = [None] if rule.kinds else [*(agency.code for agency in pack.agencies), ""]
        for agency in agencies:
            if (disposal := _list(session, pack, rule, agency, now)) is not None:
                made.append(disposal)
    return made


def _list(session: Session, pack: Pack, rule: Retention, agency: str | None, now: datetime) -> Disposal | None:
    open_ = select(Disposal.id).where(
        Disposal.klass == rule.code,
        Disposal.agency == (agency or ""),
        Disposal.state.in_([DisposalState.FOUND.value, DisposalState.PROPOSED.value, DisposalState.APPROVED.value]),
    )
    if session.scalar(open_.limit(1)) is not None:
        return None
    before = rule.before(now, pack.zone)
    if rule.kinds:
        items = [
            DisposalItem(
                record_id=record.id,
                reference=record.number or record.code,
                ended_at=rule.ends(record.issued_at, pack.zone),
            )
            for record in session.scalars(due.records(rule, before).limit(MOST))
        ]
    else:
        items = [
            DisposalItem(case_id=case.id, reference=case.reference, ended_at=rule.ends(ended, pack.zone))
            for case, ended in session.execute(due.cases(rule, agency or "", before).limit(MOST))
        ]
    if not items:
        return None
    year = now.astimezone(pack.zone).year
    disposal = Disposal(
        number=numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year)),
        klass=rule.code,
        agency=agency or "",
        rule=rule.model_dump(mode="json") | {"pack": pack.version},
        found_at=now,
        total=len(items),
    )
    session.add(disposal)
    session.flush()
    for item in items:
        item.disposal_id, item.hashes = disposal.id, []
    session.add_all(items)
    _note(session, SYSTEM, FOUND, disposal, {"class": rule.code, "items": len(items), "before": before.isoformat()})
    session.flush()
    return disposal


# --- deciding -------------------------------------------------------------------------------------------------------


def propose(session: Session, actor: Actor, disposal: Disposal, *, reason: str, version: int) -> Disposal:
    """By an administrator. Raises Stale, Invalid, NotAllowed."""
    _administrator(actor)
    disposal = _take_up(session, disposal, version, DisposalState.FOUND)
    _not_theirs(session, actor, disposal)
    if not _of(session, disposal, ItemState.LISTED):
        raise Invalid(Problem(_l("Nothing is left on this list."), None, "empty"))
    disposal.proposal = _needed_text(reason, _l("Say why this may be destroyed."))
    disposal.proposed_by, disposal.proposed_at = actor.user_id, clock.now()
    disposal.state = DisposalState.PROPOSED.value
    _note(session, actor, PROPOSED, disposal, {"reason": disposal.proposal})
    session.flush()
    return disposal


def keep(session: Session, actor: Actor, disposal: Disposal, item_id: int, *, reason: str) -> DisposalItem:
    """Take one thing off a list that nobody approved yet; it is listed again after a year."""
    if not may_propose(actor) and not may_approve(actor, disposal):
        raise NotAllowed
    disposal = _locked(session, disposal.id)
    item = session.get(DisposalItem, item_id)
    if item is None or item.disposal_id != disposal.id:
        raise NotFound
    if item.state == ItemState.KEPT:
        return item
    if disposal.state not in {DisposalState.FOUND, DisposalState.PROPOSED}:
        raise Stale(STALE)
    item.reason = _needed_text(reason, _l("Say why it must be kept."))
    item.state = ItemState.KEPT.value
    disposal.version += 1
    _note(session, actor, KEPT, disposal, {"reason": item.reason, "item": item.reference}, case_id=item.case_id)
    session.flush()
    return item


def approve(session: Session, actor: Actor, disposal: Disposal, *, reason: str, version: int) -> Disposal:
    """By another person than who proposed; a job destroys what is on the list. Raises Stale, Invalid, NotAllowed."""
    disposal = _take_up(session, disposal, version, DisposalState.PROPOSED)
    _approver(actor, disposal)
    _not_theirs(session, actor, disposal)
    _not_a_puppet(session, actor, disposal)
    listed = _of(session, disposal, ItemState.LISTED)
    if not listed:
        raise Invalid(Problem(_l("Nothing is left on this list."), None, "empty"))
    disposal.approval = _needed_text(reason, _l("Say what you looked at."))
    disposal.approved_by, disposal.approved_at = actor.user_id, clock.now()
    disposal.list_hash, disposal.state = hash_of(listed), DisposalState.APPROVED.value
    _note(session, actor, APPROVED, disposal, {"reason": disposal.approval, "list": disposal.list_hash})
    session.flush()
    enqueue(session, disposal.id)
    return disposal


def refuse(session: Session, actor: Actor, disposal: Disposal, *, reason: str, version: int) -> Disposal:
    """Keep all of it for a year."""
    disposal = _take_up(session, disposal, version, DisposalState.PROPOSED)
    _approver(actor, disposal)
    disposal.refusal = _needed_text(reason, _l("Say why it must be kept."))
    disposal.refused_by, disposal.refused_at = actor.user_id, clock.now()
    disposal.state = DisposalState.REFUSED.value
    for item in _of(session, disposal, ItemState.LISTED):
        item.state, item.reason = ItemState.KEPT.value, disposal.refusal
    _note(session, actor, REFUSED, disposal, {"reason": disposal.refusal})
    session.flush()
    return disposal


def may_propose(actor: Actor) -> bool:
    return actor.official and actor.role is Role.ADMINISTRATOR


def may_approve(actor: Actor, disposal: Disposal) -> bool:
    """Whether this person is the second one; that they did not propose it is part of it."""
    if not actor.official or actor.user_id == disposal.proposed_by:
        return False
    if actor.role is Role.SUPERVISOR:
        return bool(disposal.agency) and actor.works_for(disposal.agency)
    return actor.role is Role.ADMINISTRATOR and not disposal.agency


def hash_of(items: Sequence[DisposalItem]) -> str:
    """SHA-256 over the references of a list, one a line in the order of the list."""
    return hashlib.sha256("".join(f"{item.reference}\n" for item in items).encode()).hexdigest()


def enqueue(session: Session, disposal_id: int) -> None:
    queue.enqueue(session, DISPOSE, lock=f"disposal:{disposal_id}", disposal_id=disposal_id)


# --- reading --------------------------------------------------------------------------------------------------------


def by_number(session: Session, actor: Actor, number: str) -> Disposal:
    """A supervisor sees those of their agencies; NotFound otherwise."""
    found = session.scalar(select(Disposal).where(Disposal.number == number.strip().upper()))
    if found is None or (actor.role is Role.SUPERVISOR and not actor.works_for(found.agency)):
        raise NotFound
    return found


def listed(session: Session, actor: Actor, *, before: int | None = None) -> Page:
    """Newest first."""
    wanted = select(Disposal)
    if actor.role is Role.SUPERVISOR:
        wanted = wanted.where(Disposal.agency.in_(sorted(actor.agencies)))
    if before is not None:
        wanted = wanted.where(Disposal.id < before)
    found = session.scalars(wanted.order_by(Disposal.id.desc()).limit(PAGE + 1)).all()
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def items(session: Session, disposal: Disposal, *, after: int = 0) -> Page:
    wanted = select(DisposalItem).where(DisposalItem.disposal_id == disposal.id, DisposalItem.id > after)
    found = session.scalars(wanted.order_by(DisposalItem.id).limit(PAGE + 1)).all()
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def counts(session: Session, disposal: Disposal) -> dict[str, int]:
    """How many are in each state."""
    wanted = select(DisposalItem.state, func.count()).where(DisposalItem.disposal_id == disposal.id)
    rows = session.execute(wanted.group_by(DisposalItem.state))
    return {state: int(count) for state, count in rows}


def may_open(session: Session, actor: Actor, record: Record) -> bool:
    """Whether it is the certificate of a list that this person may see."""
    if not actor.official or actor.role not in {Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR}:
        return False
    disposal = session.scalar(select(Disposal).where(Disposal.record_id == record.id))
    return disposal is not None and (actor.role is not Role.SUPERVISOR or actor.works_for(disposal.agency))


def tombstone(session: Session, case_id: int) -> tuple[DisposalItem, Disposal] | None:
    """By which list a case was disposed of; None for a draft, which needs none."""
    wanted = select(DisposalItem, Disposal).join(Disposal, Disposal.id == DisposalItem.disposal_id)
    wanted = wanted.where(DisposalItem.case_id == case_id, DisposalItem.state == ItemState.DONE.value)
    row = session.execute(wanted).first()
    return (row[0], row[1]) if row is not None else None


# --- small things ---------------------------------------------------------------------------------------------------


def _of(session: Session, disposal: Disposal, state: ItemState) -> Sequence[DisposalItem]:
    wanted = select(DisposalItem).where(DisposalItem.disposal_id == disposal.id, DisposalItem.state == state.value)
    return session.scalars(wanted.order_by(DisposalItem.id)).all()


def _locked(session: Session, disposal_id: int) -> Disposal:
    wanted = select(Disposal).where(Disposal.id == disposal_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def _take_up(session: Session, disposal: Disposal, version: int, state: DisposalState) -> Disposal:
    disposal = _locked(session, disposal.id)
    if disposal.version != version or disposal.state != state:
        raise Stale(STALE)
    disposal.version += 1
    return disposal


def _administrator(actor: Actor) -> None:
    if not may_propose(actor):
        raise NotAllowed


def _approver(actor: Actor, disposal: Disposal) -> None:
    if actor.user_id == disposal.proposed_by:
        raise NotAllowed(_l("Whoever proposed a disposal does not decide on it. Ask a colleague."), code="two_people")
    if not may_approve(actor, disposal):
        raise NotAllowed


def _not_theirs(session: Session, actor: Actor, disposal: Disposal) -> None:
    """Nobody decides on files of their own."""
    own = or_(Case.applicant_id == actor.user_id, Case.business_id.in_([*actor.memberships]))
    wanted = (
        select(DisposalItem.id)
        .outerjoin(Record, Record.id == DisposalItem.record_id)
        .join(Case, Case.id == func.coalesce(DisposalItem.case_id, Record.case_id))
        .where(DisposalItem.disposal_id == disposal.id, DisposalItem.state == ItemState.LISTED.value, own)
    )
    if session.scalar(wanted.limit(1)) is not None:
        raise NotAllowed(_l("A file of your own, or of your business, is on this list. Ask a colleague."))


def _not_a_puppet(session: Session, actor: Actor, disposal: Disposal) -> None:
    """Whoever proposed did not just make this account, or change its rights, password or second factor."""
    touched = select(Entry.id).where(
        Entry.actor_kind == "user",
        Entry.actor_id == disposal.proposed_by,
        Entry.at > clock.now() - UNTOUCHED,
        Entry.subject == f"user:{actor.user_id}",
    )
    made_since = select(User.id).where(User.id == actor.user_id, User.created_at >= disposal.proposed_at)
    if session.scalar(select(or_(touched.exists(), made_since.exists()))):
        raise NotAllowed(
            _l(
                "Your account was made after this list was proposed, or whoever proposed it changed your account in the"
                " last 30 days. Ask a colleague to decide."
            ),
            code="two_people",
        )


def _needed_text(text: str, message: Text) -> str:
    if not text.strip():
        raise Invalid(Problem(message, "reason", "required"))
    return text.strip()


def _note(
    session: Session, actor: Actor, verb: str, disposal: Disposal, detail: dict[str, Any], case_id: int | None = None
) -> None:
    entries.record(
        session, actor, verb, subject=f"disposal:{disposal.id}", reference=disposal.number, agency=disposal.agency,
        case_id=case_id, authority=str(disposal.rule["legal_ref"]), detail=detail,
    )  # fmt: skip
