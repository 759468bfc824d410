"""Lawful erasure of a person's data: what goes, what the law makes us keep, and doing it.

An account of whose files some are still kept is closed: nobody can sign in with it, and it is used for nothing but
those files. When the last of them has been disposed of, a nightly job takes its name and address away.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries
from app.audit.models import Entry
from app.audit.verbs import register
from app.cases import disposing, holds, leavings, privacy, transients
from app.cases.appeal_models import Appeal, AppealState
from app.cases.copies_models import CertifiedCopy, CopyState
from app.cases.models import Case, Submission
from app.cases.retention_models import PrivacyRequest, RequestState
from app.cases.workflow import OPEN, State
from app.core import clock, db, i18n
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.documents.models import Upload
from app.identity.actor import SYSTEM, MembershipRole, Role
from app.identity.models import (
    Invitation,
    KnownDevice,
    Membership,
    ParkedForm,
    RecoveryCode,
    Token,
    User,
    UserSession,
)
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.notifications.models import Message
from app.notifications.sms.models import PhoneCode, PhoneNumber, TextMessage

NOBODY = "Erased person"
ERASED = register("account.erased", _l("Personal data erased"))
CLOSED = register("account.closed", _l("Account closed; its files are still kept"))
REFUSED = register("privacy.erasure_refused", _l("Erasure refused"))
_OF_ACCOUNT: tuple[type[db.Base], ...] = (
    UserSession, KnownDevice, Token, RecoveryCode, ParkedForm, PhoneCode, PhoneNumber, TextMessage,
)  # fmt: skip
_UNDER_WAY = frozenset({State.AWAITING_PAYMENT, *OPEN})
# Which of these businesses are still in the register: given by who knows the register.
Live = Callable[[Session, Collection[int]], Collection[int]]


@dataclass(frozen=True)
class Kept:
    """Files that stay, of one class of the schedule."""

    title: str
    count: int
    legal_ref: str


@dataclass(frozen=True)
class Plan:
    """``goes``: what would be erased, with how many there are. ``stays``: what the law keeps. ``bar``: why not now."""

    goes: Sequence[tuple[Text, int]]
    stays: Sequence[Kept]
    bar: Text | None

    @property
    def whole(self) -> bool:
        """Whether the account itself can lose its name and address."""
        return not self.stays


def plan(session: Session, pack: Pack, user: User, live: Live) -> Plan:
    drafts, messages, texts, sessions, logged = session.execute(
        select(
            _count(Case, *_drafts(user)),
            _count(Message, *_messages(user)),
            _count(TextMessage, TextMessage.user_id == user.id),
            _count(UserSession, UserSession.user_id == user.id),
            _count(Entry, _logged(user)),
        )
    ).one()
    goes: list[tuple[Text, int]] = [
        (_l("Drafts that were never sent, with their papers"), drafts),
        (_l("Papers you replaced or took back before sending"), len(_stale(session, user))),
        (_l("Messages about no case"), messages),
        (_l("Texts to your telephone"), texts),
        (_l("Sign-ins and devices"), sessions),
        (_l("Your name and network address in log entries about your account"), logged),
    ]
    return Plan([each for each in goes if each[1]], _kept(session, pack, user), _bar(session, user, live))


def _bar(session: Session, user: User, live: Live) -> Text | None:
    if Role(user.role).official:
        return _l("Accounts of officials are kept with the record of what they decided.")
    if holds.person_held(session, user.id):
        return _l("A legal hold stands: until it is released the law forbids to erase anything.")
    if live(session, _alone(session, user.id)):
        return _l("You are the only owner of a business in the register. Make someone else an owner first.")
    if _under_way(session, user):
        return _l("A case or an appeal of yours is still open. Withdraw it or wait for the decision, then ask again.")
    return None


def _under_way(session: Session, user: User) -> bool:
    cases = select(Case.id).where(Case.applicant_id == user.id, Case.state.in_([state.value for state in _UNDER_WAY]))
    appeals = select(Appeal.id).where(Appeal.appealed_by == user.id, Appeal.state == AppealState.OPEN.value)
    return bool(session.scalar(select(or_(cases.exists(), appeals.exists()))))


def _kept(session: Session, pack: Pack, user: User) -> list[Kept]:
    mine = or_(
        Case.applicant_id == user.id,
        exists().where(Submission.case_id == Case.id, Submission.submitted_by == user.id),
    )
    wanted = select(Case.service, Case.state, func.count()).where(
        mine, Case.current_submission_id.is_not(None), Case.disposed_at.is_(None)
    )
    day = clock.today(pack.zone)
    found: dict[str, Kept] = {}
    for service, state, count in session.execute(wanted.group_by(Case.service, Case.state)):
        # A colleague's case that is open is of the class it will be of when it is decided.
        closed = state if state in {"approved", "refused", "cancelled", "withdrawn"} else "approved"
        rule = next(
            each for each in lookup.in_force(pack.retention, day) if service in each.services and closed in each.states
        )
        before = found.get(rule.code)
        found[rule.code] = Kept(rule.name, int(count) + (before.count if before else 0), rule.legal_ref)
    return list(found.values())


def execute(session: Session, pack: Pack, request_id: int, live: Live) -> None:
    """Do what was asked, unless it was taken back meanwhile; its person has the result by mail."""
    disposing.wait_for_holds(session)
    request = privacy.lock(session, request_id)
    if request.state != RequestState.OPEN:
        return
    user = session.get_one(User, request.user_id, with_for_update={"key_share": True})
    with i18n.use_locale(user.locale, pack.zone):
        _execute(session, pack, request, user, live)
    session.flush()


def _execute(session: Session, pack: Pack, request: PrivacyRequest, user: User, live: Live) -> None:
    bar = _bar(session, user, live)
    email, locale = user.email, user.locale
    if bar is not None:
        request.state, request.closed_at = RequestState.REFUSED.value, clock.now()
        request.answer, request.legal_basis = str(bar), pack.data_protection.legal_ref
        _note(session, REFUSED, user, {"request": request.number})
        notifications.send(session, user_id=user.id, template="erasure_refused", values={"reason": str(bar)})
        return
    kept = _kept(session, pack, user)
    request.result = _erase(session, pack, user)
    if kept:
        _close(session, user)
    else:
        anonymise(session, user)
    request.state, request.closed_at = RequestState.DONE.value, clock.now()
    _tell(session, email, locale, "erasure_done", {"kept": [[each.title, each.legal_ref] for each in kept]})


def anonymise(session: Session, user: User) -> None:
    """The account without its person; the schema refuses it under a hold."""
    session.execute(delete(Invitation).where(Invitation.email == user.email))
    session.execute(delete(Message).where(Message.email == user.email, Message.case_id.is_(None)))
    copies = (CertifiedCopy.requested_by == user.id, CertifiedCopy.state.in_([CopyState.MADE, CopyState.REFUSED]))
    session.execute(update(CertifiedCopy).where(*copies, CertifiedCopy.purpose_text != "").values(purpose_text=""))
    asked = update(PrivacyRequest).where(PrivacyRequest.user_id == user.id)
    session.execute(asked.values(name="", email="", message="", answer=""))
    user.name, user.email = NOBODY, f"erased-{user.id}@kibali.invalid"
    user.password_hash = user.totp_secret = user.totp_pending = None
    now = clock.now()
    user.erased_at, user.disabled_at = now, user.disabled_at or now
    session.flush()
    leavings.erase_personal(session, _logged(user))
    _note(session, ERASED, user, {})


def anonymise_closed(session: Session, pack: Pack, keep: Collection[int]) -> int:
    """Closed accounts whose last file is gone; how many."""
    kept = exists().where(
        Case.current_submission_id.is_not(None),
        Case.disposed_at.is_(None),
        or_(
            Case.applicant_id == User.id,
            exists().where(Submission.case_id == Case.id, Submission.submitted_by == User.id),
        ),
    )
    wanted = select(User).where(User.restricted_at.is_not(None), User.erased_at.is_(None), User.id.not_in(keep), ~kept)
    found = session.scalars(wanted.order_by(User.id).limit(transients.MOST)).all()
    for user in found:
        anonymise(session, user)
    return len(found)


def _erase(session: Session, pack: Pack, user: User) -> dict[str, Any]:
    result: dict[str, Any] = {"drafts": 0}
    for case in session.scalars(select(Case).where(*_drafts(user)).order_by(Case.id)).all():
        result["drafts"] += transients.delete_draft(session, pack, case)
    stale = _stale(session, user)
    hashes = [upload.sha256 for upload in stale]
    for upload in stale:
        session.delete(upload)
    session.flush()
    disposing.forget_later(session, hashes)
    result["papers"] = len(stale)
    gone = session.scalars(delete(Message).where(*_messages(user)).returning(Message.id)).all()
    result["messages"] = len(gone)
    for model in _OF_ACCOUNT:
        table = model.__table__
        session.execute(delete(table).where(table.c.user_id == user.id))  # type: ignore[arg-type]
    session.execute(delete(Membership).where(Membership.user_id == user.id))
    result["entries"] = leavings.erase_personal(session, _logged(user))
    return result


def _close(session: Session, user: User) -> None:
    now = clock.now()
    user.password_hash = user.totp_secret = user.totp_pending = None
    user.disabled_at, user.restricted_at = user.disabled_at or now, now
    session.flush()
    _note(session, CLOSED, user, {})


def _drafts(user: User) -> tuple[Any, ...]:
    return (Case.applicant_id == user.id, *transients.drafts())


def _messages(user: User) -> tuple[Any, ...]:
    return (Message.user_id == user.id, Message.case_id.is_(None))


def _logged(user: User) -> Any:
    """Entries about the account itself; those of a case go with the case."""
    by = (Entry.actor_kind == "user") & (Entry.actor_id == user.id)
    return or_(by, Entry.subject == f"user:{user.id}") & Entry.case_id.is_(None)


def _stale(session: Session, user: User) -> list[Upload]:
    """Removed papers that no submission of their case names."""
    wanted = select(Upload).where(Upload.uploaded_by == user.id, Upload.removed_at.is_not(None))
    found = list(session.scalars(wanted.order_by(Upload.id)))
    if not found:
        return []
    cases = {upload.case_id for upload in found}
    sent: set[tuple[int, str]] = set()
    for case_id, documents in session.execute(
        select(Submission.case_id, Submission.documents).where(Submission.case_id.in_(cases))
    ):
        sent |= {(case_id, each.get("sha256", "")) for each in documents}
    return [upload for upload in found if (upload.case_id, upload.sha256) not in sent]


def _alone(session: Session, user_id: int) -> list[int]:
    """Businesses that have no other owner."""
    other = Membership.__table__.alias()
    owner = MembershipRole.OWNER.value
    return list(
        session.scalars(
            select(Membership.business_id).where(
                Membership.user_id == user_id,
                Membership.role == owner,
                ~exists().where(
                    other.c.business_id == Membership.business_id, other.c.user_id != user_id, other.c.role == owner
                ),
            )
        )
    )


def _count(model: type[db.Base], *of: Any) -> ColumnElement[int]:
    return select(func.count()).select_from(model).where(*of).scalar_subquery()


def _note(session: Session, verb: str, user: User, detail: dict[str, Any]) -> None:
    entries.record(session, SYSTEM, verb, subject=f"user:{user.id}", detail=detail)


def _tell(session: Session, email: str, locale: str, template: str, values: dict[str, Any]) -> None:
    notifications.send(session, email=email, locale=locale, template=template, values=values)
