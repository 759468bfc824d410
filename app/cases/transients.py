"""What the schedule deletes without anybody's approval: drafts that were never sent, mails about no case, accounts
nobody confirmed, answered requests. Some at a time, every night, and nothing under a hold.
"""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit import entries
from app.audit.models import Entry
from app.audit.verbs import register
from app.cases import access, disposing, holds, leavings
from app.cases.models import Case
from app.cases.retention_models import PrivacyRequest, RequestState
from app.cases.workflow import State
from app.core import clock
from app.core.i18n import lazy_gettext as _l
from app.fees.models import Charge
from app.identity.actor import SYSTEM, Role
from app.identity.models import User
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.notifications.models import MailState, Message

MOST = 200  # cases or accounts in one transaction
MAILS = 5000
DRAFT_DELETED = register("case.draft_deleted", _l("Draft deleted"))
UNCONFIRMED_DELETED = register("account.unconfirmed_deleted", _l("Account that was never confirmed deleted"))


def run(session: Session, pack: Pack) -> bool:
    """One night's share; whether there is more of it."""
    disposing.wait_for_holds(session)
    held = holds.people(session)
    shares = (_drafts(session, pack), _mails(session, pack, held), _unconfirmed(session, pack, held))
    _exports(session)
    _requests(session, pack)
    return any(shares)


def drafts() -> tuple[ColumnElement[bool], ...]:
    """Of cases: never sent, and neither a hold nor money is on them."""
    return (
        Case.state == State.DRAFT.value,
        Case.current_submission_id.is_(None),
        Case.disposed_at.is_(None),
        ~holds.on_case(),
        ~exists().where(Charge.case_id == Case.id),
    )


def _drafts(session: Session, pack: Pack) -> bool:
    before = lookup.past(pack, "drafts", clock.now())
    wanted = select(Case).where(*drafts(), Case.updated_at < before)
    found = session.scalars(wanted.order_by(Case.updated_at, Case.id).limit(MOST)).all()
    gone = [delete_draft(session, pack, case, before=before) for case in found]
    return len(found) == MOST and any(gone)


def delete_draft(session: Session, pack: Pack, case: Case, *, before: datetime | None = None) -> bool:
    """Of what was typed and attached nothing stays; the reference does, since numbers have no gaps. Whether it was
    one: nothing happens to what was sent meanwhile, or typed in since ``before``."""
    case = access.lock(session, case.id)
    if case.state != State.DRAFT or case.current_submission_id is not None or case.disposed_at is not None:
        return False
    if before is not None and case.updated_at >= before:
        return False
    kept_kinds = disposing.kinds_with_a_period(pack)
    gone = leavings.hashes(session, case, kept_kinds)
    leavings.clear(session, case, kept_kinds)
    leavings.close(case)
    entries.record(
        session, SYSTEM, DRAFT_DELETED, subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, authority=lookup.retention(pack, "drafts").legal_ref,
    )  # fmt: skip
    session.flush()
    disposing.forget_later(session, [each["hash"] for each in gone])
    return True


def _mails(session: Session, pack: Pack, held: frozenset[int]) -> bool:
    old = (
        select(Message.id)
        .where(
            Message.case_id.is_(None),
            ~Message.private,
            Message.mail_state == MailState.SENT.value,
            Message.created_at < lookup.past(pack, "mails", clock.now()),
            Message.user_id.is_(None) | Message.user_id.not_in(held),
        )
        .order_by(Message.id)
        .limit(MAILS)
    )
    gone = session.scalars(delete(Message).where(Message.id.in_(old)).returning(Message.id)).all()
    return len(gone) == MAILS


def _unconfirmed(session: Session, pack: Pack, held: frozenset[int]) -> bool:
    wanted = select(User).where(
        User.verified_at.is_(None),
        User.role == Role.ENTREPRENEUR.value,
        User.created_at < lookup.past(pack, "unconfirmed_accounts", clock.now()),
        User.id.not_in(held),
        User.erased_at.is_(None),
        ~exists().where(Case.applicant_id == User.id),
    )
    found = session.scalars(wanted.order_by(User.id).limit(MOST)).all()
    gone = 0
    for user in found:
        try:
            with session.begin_nested():
                session.execute(delete(Message).where(Message.user_id == user.id))
                session.execute(delete(User).where(User.id == user.id))
        except IntegrityError:  # something else names them: then they are no stranger
            continue
        gone += 1
        leavings.erase_personal(session, Entry.subject == f"user:{user.id}")
        entries.record(
            session, SYSTEM, UNCONFIRMED_DELETED, subject=f"user:{user.id}",
            authority=lookup.retention(pack, "unconfirmed_accounts").legal_ref,
        )  # fmt: skip
    session.flush()
    return len(found) == MOST and gone > 0


def _exports(session: Session) -> None:
    """Copies of people's own data whose days are over."""
    over = select(PrivacyRequest).where(
        PrivacyRequest.state == RequestState.READY.value, PrivacyRequest.expires_at <= clock.now()
    )
    for request in session.scalars(over.limit(MAILS).with_for_update(skip_locked=True)):
        if request.sha256 is not None:
            disposing.forget_later(session, [request.sha256])
        request.state, request.sha256, request.size = RequestState.EXPIRED.value, None, None
    session.flush()


def _requests(session: Session, pack: Pack) -> None:
    before = lookup.past(pack, "privacy_requests", clock.now())
    session.execute(delete(PrivacyRequest).where(PrivacyRequest.closed_at < before, PrivacyRequest.sha256.is_(None)))
