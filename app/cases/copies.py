"""Certified copies of issued records: who may ask for one, what it costs, and how it is made.

A copy is a new record: it bears its own gap-free number and the issuing agency's seal, says on its first page what it
conforms to and what the original is worth that day, and carries the original's bytes unaltered. Decision:
docs/decisions/0028-certified-copies.md.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit import entries, verbs
from app.cases import access
from app.cases.copies_models import KIND, CertifiedCopy, CopyState
from app.cases.models import Case
from app.core import clock
from app.core.errors import Invalid, NotFound, Problem
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.i18n import pick
from app.core.identifiers import digest
from app.core.money import Money
from app.documents import records
from app.documents.models import Record, RecordState
from app.documents.seals import PORTAL
from app.fees import charges, hooks
from app.fees.models import Charge
from app.identity import limits
from app.identity.actor import Actor
from app.identity.models import User
from app.identity.policy import Permission, Subject, allows
from app.jobs import queue
from app.jurisdictions import lookup
from app.jurisdictions.model import FeeRule, Pack, Reason

MAKE = "cases.make_certified_copy"
SERVICE = "certified_copy"  # of the tariff
OTHER = "copy-other"  # the purpose that has to be written
A_DAY = (20, 86_400)  # requests of one person in so many seconds
LONGEST = 200  # characters of a purpose
PAGE = 25

REQUESTED = verbs.register("copy.requested", _l("Certified copy asked for"))
MADE = verbs.register("copy.made", _l("Certified copy made"))
REFUSED = verbs.register("copy.refused", _l("Certified copy refused: the original is not as it was issued"))


@dataclass(frozen=True)
class Wanted:
    """What is asked for: ``purpose`` is a code of the pack's list, ``language`` one of its languages."""

    purpose: str
    text: str
    language: str


@dataclass(frozen=True)
class Listed:
    """A request as lists show it."""

    copy: CertifiedCopy
    by: str
    charge: Charge | None
    record: Record | None


def certifiable(record: Record) -> bool:
    """Whether a copy of it can be had while its PDF is there: not of a copy, nor of what is kept from the public."""
    kind = records.kind_of(record)
    return kind is not None and kind.by_number and record.kind != KIND


def original(session: Session, actor: Actor, code: str) -> tuple[Record, bool]:
    """The record of which ``actor`` may ask for a copy, and whether in the course of their office.

    Raises NotFound for anybody else, as for what does not exist.
    """
    record = records.by_code(session, code)
    if record is None or not certifiable(record):
        raise NotFound
    case = session.get(Case, record.case_id) if record.case_id is not None else None
    if _holds(actor, record, case):
        return record, False
    if allows(actor, Permission.AUDIT) or _issues(actor, record, case):
        return record, True
    raise NotFound


def _holds(actor: Actor, record: Record, case: Case | None) -> bool:
    """The applicant, or a member of the business that the record belongs to."""
    if case is not None and access.may(actor, case, Permission.CASE_VIEW_OWN):
        return True
    own = Subject(business_id=record.business_id)
    return record.business_id is not None and allows(actor, Permission.BUSINESS_VIEW, own)


def _issues(actor: Actor, record: Record, case: Case | None) -> bool:
    """An official of the agency that issued it, or, of a paper of the portal itself, of the one that has the case."""
    agency = record.seal if record.seal != PORTAL else (case.agency if case is not None else None)
    if agency is None:
        return False
    applicant = case.applicant_id if case is not None else None
    return allows(actor, Permission.DESK, Subject(applicant, record.business_id, agency))


def check_there(record: Record) -> None:
    """Raises records.Gone or records.NotReady when there will be no PDF of which a copy could be made."""
    if record.state == RecordState.DISPOSED:
        raise records.Gone
    if record.state == RecordState.FAILED:
        raise records.NotReady


def purposes(pack: Pack) -> tuple[Reason, ...]:
    return lookup.reasons_for(pack, "copy", SERVICE, clock.today(pack.zone))


def tariff(pack: Pack) -> tuple[FeeRule, ...]:
    return lookup.fees_for(pack, SERVICE, None, clock.today(pack.zone))


def fee(pack: Pack) -> Money | None:
    """What a copy costs whoever is not an official; None when nothing."""
    return charges.total(pack, tariff(pack), None)


def ask(
    session: Session,
    pack: Pack,
    actor: Actor,
    record: Record,
    wanted: Wanted,
    *,
    official: bool,
    idempotency_key: str,
) -> CertifiedCopy:
    """A request for a copy of ``record``, which ``original`` let ``actor`` have; asked again with the same key, the
    same one.

    With a fee it waits for its payment, without one a job makes it at once. Raises Invalid, Busy, records.NotReady,
    records.Gone.
    """
    # The key is that of the form: sent again with other answers, as after "back", it is another request.
    idempotency_key = digest("\n".join([idempotency_key, record.code, wanted.purpose, wanted.text, wanted.language]))
    existing = _by_key(session, actor, idempotency_key)
    if existing is not None:
        return existing
    check_there(record)
    purpose = _purpose(pack, wanted)
    if wanted.language not in pack.languages:
        raise Invalid(Problem(_("Choose a language of the list."), "language", "unknown"))
    limits.hit(f"certified-copy:{actor.user_id}", *A_DAY)
    copy = CertifiedCopy(
        original_id=record.id,
        original_kind=record.kind,
        requested_by=actor.user_id,
        official=official,
        purpose=purpose.code,
        purpose_names=dict(purpose.names),
        purpose_text=wanted.text.strip(),
        locale=pack.locale(wanted.language),
        idempotency_key=idempotency_key,
        state=CopyState.PREPARING.value,
        refusal="",
        requested_at=clock.now(),
    )
    try:
        with session.begin_nested():  # a refused double leaves no bill behind
            session.add(copy)
            session.flush()
            charge = None if official else _bill(session, pack, actor, record)
            if charge is not None:
                copy.state, copy.charge_id = CopyState.UNPAID.value, charge.id
                session.flush()
    except IntegrityError:  # a double click on another connection was quicker
        found = _by_key(session, actor, idempotency_key)
        if found is None:
            raise
        return found
    if copy.state == CopyState.PREPARING:
        queue.enqueue(session, MAKE, copy_id=copy.id)
    entries.record(
        session, actor, REQUESTED, subject=f"record:{record.id}", reference=record.number or record.code,
        case_id=record.case_id, business_id=record.business_id,
        detail={"copy": copy.id, "purpose": copy.purpose, "official": official,
                "charge": charge.reference if charge is not None else None},
    )  # fmt: skip
    session.flush()
    return copy


def _by_key(session: Session, actor: Actor, key: str) -> CertifiedCopy | None:
    own = (CertifiedCopy.requested_by == actor.user_id) & (CertifiedCopy.idempotency_key == key)
    return session.scalar(select(CertifiedCopy).where(own))


def _purpose(pack: Pack, wanted: Wanted) -> Reason:
    purpose = next((each for each in purposes(pack) if each.code == wanted.purpose), None)
    if purpose is None:
        raise Invalid(Problem(_("Choose what the copy is for."), "purpose", "unknown"))
    if purpose.code == OTHER and len(wanted.text.strip()) < 3:
        raise Invalid(Problem(_("Write what the copy is for."), "purpose_text", "required"))
    if len(wanted.text) > LONGEST:
        raise Invalid(Problem(_("Use %(limit)s characters or fewer.", limit=LONGEST), "purpose_text", "too_long"))
    return purpose


def _bill(session: Session, pack: Pack, actor: Actor, record: Record) -> Charge | None:
    """A bill of its own: that of the case is for the decision alone."""
    assert actor.user_id is not None
    return charges.assess(
        session,
        pack=pack,
        rules=tariff(pack),
        base=None,
        title=_("Certified copy: %(title)s %(number)s", title=record.title, number=record.number),
        case_id=None,
        business_id=record.business_id,
        payer_id=actor.user_id,
    )


def _of(session: Session, charge: Charge) -> CertifiedCopy | None:
    if charge.case_id is not None:
        return None
    wanted = select(CertifiedCopy).where(CertifiedCopy.charge_id == charge.id)
    return session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).one_or_none()


def _settled(session: Session, charge: Charge) -> None:
    copy = _of(session, charge)
    if copy is not None and copy.state == CopyState.UNPAID:
        copy.state = CopyState.PREPARING.value
        queue.enqueue(session, MAKE, copy_id=copy.id)


def _renewed(session: Session, before: Charge, after: Charge) -> None:
    copy = _of(session, before)
    if copy is not None and copy.state == CopyState.UNPAID:
        copy.charge_id = after.id


hooks.on_settled(_settled)
hooks.on_renewed(_renewed)


def may_open(session: Session, actor: Actor, record: Record) -> bool:
    """Whether the record is a copy that this person asked for, or the receipt of what they paid for one."""
    if record.case_id is not None:
        return False
    wanted = select(CertifiedCopy.id).where(CertifiedCopy.requested_by == actor.user_id)
    kind, _colon, key = record.subject.partition(":")
    if kind == "charge" and key.isdigit():
        return session.scalar(wanted.where(CertifiedCopy.charge_id == int(key))) is not None
    return session.scalar(wanted.where(CertifiedCopy.record_id == record.id)) is not None


def of_record(
    session: Session, record: Record, *, official: bool, before: int | None = None, limit: int = PAGE
) -> list[Listed]:
    """Newest first. The holder's side does not see what officials and auditors asked for."""
    wanted = _listing().where(CertifiedCopy.original_id == record.id)
    if not official:
        wanted = wanted.where(CertifiedCopy.official.is_(False))
    if before is not None:
        wanted = wanted.where(CertifiedCopy.id < before)
    found = session.execute(wanted.order_by(CertifiedCopy.id.desc()).limit(limit))
    return [Listed(copy, by, charge, made) for copy, by, charge, made in found]


def _listing() -> Select[*tuple[Any, ...]]:
    return (
        select(CertifiedCopy, User.name, Charge, Record)
        .join(User, User.id == CertifiedCopy.requested_by)
        .outerjoin(Charge, Charge.id == CertifiedCopy.charge_id)
        .outerjoin(Record, Record.id == CertifiedCopy.record_id)
    )


def by_id(session: Session, copy_id: int) -> CertifiedCopy:
    """Locked until the transaction ends."""
    wanted = select(CertifiedCopy).where(CertifiedCopy.id == copy_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def issuer(pack: Pack, record: Record) -> str:
    """The agency whose seal the original bears, or the portal, in the language in force."""
    agency = next((each for each in pack.agencies if each.code == record.seal), None)
    return agency.name if agency is not None else pick(pack.portal_name)


STATE_TITLES = {
    CopyState.UNPAID: _l("To pay"),
    CopyState.PREPARING: _l("Being prepared"),
    CopyState.MADE: _l("Made"),
    CopyState.REFUSED: _l("Refused"),
}
STATE_LOOKS = {
    CopyState.UNPAID: "wait",
    CopyState.PREPARING: "work",
    CopyState.MADE: "ok",
    CopyState.REFUSED: "bad",
}
