"""Destroying what an approved list has, a few things at a time: each step is a job and a transaction of its own, so a
killed worker goes on where it was and no case is ever half destroyed. Each is looked at once more before it goes: what
was reopened, appealed against or held since the list was made stays. When all is done, a certificate says so.
"""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.verbs import register
from app.cases import access, disposals, due, holds, leavings, numbering
from app.cases.models import Case
from app.cases.record_data import DisposalCertificate
from app.cases.retention_models import Disposal, DisposalItem, DisposalState, ItemState
from app.core import clock, i18n
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.documents import records
from app.documents.models import Record
from app.documents.schema_models import Schema
from app.identity import people
from app.identity.actor import SYSTEM
from app.jobs import queue
from app.jurisdictions.model import Pack

KIND = "disposal_certificate"
TEMPLATE = "cases/disposal.html"
SERIES = "DC"
STEP = 10  # things in one transaction
FORGET = "retention.forget_bytes"
DISPOSED = register("case.disposed", _l("File destroyed at the end of its period"))
DOCUMENT_DISPOSED = register("record.disposed", _l("Document destroyed at the end of its period"))
HELD = register("disposal.item_held", _l("Not destroyed: a legal hold stands"))
NEEDED = register("disposal.item_needed", _l("Not destroyed: it is needed again"))
DONE = register("disposal.done", _l("Disposal finished and certified"))
records.register_kind(KIND, _l("Certificate of disposal"), records.as_issued, schema=Schema(DisposalCertificate, 1))


class OtherList(Exception):
    """What stands on the list is not what was approved."""


def step(session: Session, pack: Pack, disposal_id: int) -> bool:
    """Destroy the next few things, or finish; whether another step is needed. Raises OtherList and destroys nothing
    when the list is not the one that was approved."""
    wait_for_holds(session)
    disposal = session.scalars(
        select(Disposal).where(Disposal.id == disposal_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if disposal.state != DisposalState.APPROVED:
        return False
    _check_list(session, disposal)
    kept_kinds = kinds_with_a_period(pack)
    wanted = select(DisposalItem).where(
        DisposalItem.disposal_id == disposal.id, DisposalItem.state == ItemState.LISTED.value
    )
    listed = session.scalars(wanted.order_by(DisposalItem.id).limit(STEP)).all()
    gone: list[str] = []
    for item in listed:
        gone += _destroy(session, pack, disposal, item, kept_kinds)
    forget_later(session, gone)
    if len(listed) == STEP:
        return True
    _finish(session, pack, disposal)
    return False


def wait_for_holds(session: Session) -> None:
    """Before any row is locked: whoever places a hold takes this lock alone, and then rows."""
    session.execute(select(func.pg_advisory_xact_lock_shared(holds.LOCK)))


def kinds_with_a_period(pack: Pack) -> list[str]:
    """Kinds of documents that do not go with the case's file."""
    return sorted({kind for rule in pack.retention for kind in rule.kinds})


def forget_later(session: Session, hashes: list[str]) -> None:
    if hashes:
        queue.enqueue(session, FORGET, hashes=sorted(set(hashes)))


def _check_list(session: Session, disposal: Disposal) -> None:
    wanted = select(DisposalItem).where(
        DisposalItem.disposal_id == disposal.id, DisposalItem.state != ItemState.KEPT.value
    )
    if disposals.hash_of(session.scalars(wanted.order_by(DisposalItem.id)).all()) != disposal.list_hash:
        raise OtherList(disposal.number)


def _destroy(session: Session, pack: Pack, disposal: Disposal, item: DisposalItem, kept_kinds: list[str]) -> list[str]:
    """One thing, whole or not at all; the hashes of the bytes that nobody may need any more."""
    try:
        with session.begin_nested():
            if item.case_id is not None:
                case = access.lock(session, item.case_id)
                if case.reference != item.reference or not due.still(session, pack, disposal, item):
                    return _spare(session, disposal, item, ItemState.NEEDED)
                item.hashes = leavings.hashes(session, case, kept_kinds)
                _mark(session, item)
                leavings.clear(session, case, kept_kinds)
                leavings.close(case)
                _note(session, DISPOSED, disposal, item, case)
            else:
                record = session.get_one(Record, item.record_id, with_for_update=True)
                if not due.still(session, pack, disposal, item):
                    return _spare(session, disposal, item, ItemState.NEEDED)
                whole = leavings.with_copies(session, record)
                item.hashes = [
                    {"what": "document", "name": each.number or each.code, "hash": each.sha256}
                    for each in whole
                    if each.sha256 is not None
                ]
                _mark(session, item)
                for each in whole:
                    leavings.dispose_record(each)
                    session.flush()
                _note(session, DOCUMENT_DISPOSED, disposal, item, None)
            session.flush()
    except DBAPIError as error:
        if not holds.refused(error, holds.HELD):
            raise
        session.refresh(item)
        return _spare(session, disposal, item, ItemState.HELD)
    return [each["hash"] for each in item.hashes if each["what"] != "submission"]


def _spare(session: Session, disposal: Disposal, item: DisposalItem, state: ItemState) -> list[str]:
    """It stays, and comes on another list when nothing needs it any more."""
    item.state = state.value
    _note(session, HELD if state is ItemState.HELD else NEEDED, disposal, item, None)
    session.flush()
    return []


def _mark(session: Session, item: DisposalItem) -> None:
    """The trigger checks here that the list was approved and that no hold stands."""
    item.state, item.done_at = ItemState.DONE.value, clock.now()
    session.flush()


def _finish(session: Session, pack: Pack, disposal: Disposal) -> None:
    """Issue the certificate, in the country's first language; the list of references stands in it."""
    done = session.scalars(
        select(DisposalItem)
        .where(DisposalItem.disposal_id == disposal.id, DisposalItem.state == ItemState.DONE.value)
        .order_by(DisposalItem.id)
    ).all()
    disposal.state, disposal.finished_at = DisposalState.DONE.value, clock.now()
    session.flush()
    if done:
        locale = pack.locale(pack.default_language)
        with i18n.use_locale(locale, pack.zone):
            record = _certify(session, pack, disposal, list(done), locale)
        disposal.record_id = record.id
    entries.record(
        session, SYSTEM, DONE, subject=f"disposal:{disposal.id}", reference=disposal.number, agency=disposal.agency,
        authority=str(disposal.rule["legal_ref"]), detail={"destroyed": len(done), "list": disposal.list_hash},
    )  # fmt: skip
    session.flush()


def _certify(session: Session, pack: Pack, disposal: Disposal, done: list[DisposalItem], locale: str) -> Record:
    year = clock.now().astimezone(pack.zone).year
    number = numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year))
    names = people.names(session, [disposal.proposed_by, disposal.approved_by])
    agency = next((each.name for each in pack.agencies if each.code == disposal.agency), "")
    return records.request(
        session,
        kind=KIND,
        template=TEMPLATE,
        title=_("Certificate of disposal"),
        data={
            "number": number,
            "list": disposal.number,
            "list_hash": disposal.list_hash,
            "certified_hash": disposals.hash_of(done),
            "class": i18n.pick(disposal.rule["names"]),
            "about": i18n.pick(disposal.rule["about"]),
            "legal_ref": disposal.rule["legal_ref"],
            "period": period(disposal.rule),
            "agency": agency,
            "listed": disposal.total,
            "destroyed": len(done),
            "proposed_by": names.get(disposal.proposed_by or 0, ""),
            "proposed_at": _moment(disposal.proposed_at),
            "proposal": disposal.proposal,
            "approved_by": names.get(disposal.approved_by or 0, ""),
            "approved_at": _moment(disposal.approved_at),
            "approval": disposal.approval,
            "finished_at": _moment(disposal.finished_at),
            "items": [[item.reference, _moment(item.ended_at), len(item.hashes)] for item in done],
        },
        locale=locale,
        subject=f"disposal:{disposal.id}",
        issuer=agency or i18n.pick(pack.portal_name),
        number=number,
    )


def period(rule: dict[str, Any]) -> str:
    """In the reader's language, of a rule as a list keeps it."""
    if rule.get("days"):
        return i18n.ngettext("%(num)s day", "%(num)s days", int(rule["days"]))
    return i18n.ngettext("%(num)s year", "%(num)s years", int(rule["years"]))


def _moment(moment: Any) -> str:
    return moment.isoformat(timespec="seconds") if moment is not None else ""


def _note(session: Session, verb: str, disposal: Disposal, item: DisposalItem, case: Case | None) -> None:
    entries.record(
        session, SYSTEM, verb, subject=f"disposal:{disposal.id}", reference=item.reference, agency=disposal.agency,
        case_id=item.case_id, business_id=case.business_id if case is not None else None,
        authority=str(disposal.rule["legal_ref"]), detail={"list": disposal.number, "hashes": len(item.hashes)},
    )  # fmt: skip
