"""What people ask about their own data: asking, cancelling, answering. ``own_data`` and ``erasure`` do the work.

A signed-in person has a copy made or their data erased by a job. Whoever has no account, such as a shareholder named
in a registration, writes a request that an administrator answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries
from app.audit.verbs import register
from app.cases import numbering
from app.cases.retention_models import PrivacyRequest, RequestKind, RequestState
from app.core import clock, i18n
from app.core.errors import Busy, Invalid, NotFound, Problem
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor
from app.identity.models import User
from app.jobs import queue
from app.jurisdictions.model import Pack

SERIES = "PR"
ANSWER_IN = timedelta(days=30)
BETWEEN_COPIES = timedelta(days=1)
GRACE = timedelta(days=7)  # between the wish and the deed, in which it can be taken back
PAGE = 30
EXPORT, ERASE = "privacy.export", "privacy.erase"
COPY_ASKED = register("privacy.copy_asked", _l("Copy of own data asked for"))
COPY_TAKEN = register("privacy.copy_downloaded", _l("Copy of own data downloaded"))
ERASURE_ASKED = register("privacy.erasure_asked", _l("Erasure asked for"))
ERASURE_CANCELLED = register("privacy.erasure_cancelled", _l("Erasure taken back"))
RECEIVED = register("privacy.request_received", _l("Request about personal data received"))
ANSWERED = register("privacy.request_answered", _l("Request about personal data answered"))
KINDS: dict[str, Text] = {
    RequestKind.EXPORT: _l("Copy of one's own data"),
    RequestKind.ERASE: _l("Erasure"),
    RequestKind.ACCESS: _l("See what is held about me"),
    RequestKind.RECTIFY: _l("Correct something"),
    RequestKind.REMOVE: _l("Erase something"),
    RequestKind.RESTRICT: _l("Stop using something while it is looked into"),
    RequestKind.OBJECT: _l("Object to a use"),
}
OUTSIDE = (RequestKind.ACCESS, RequestKind.RECTIFY, RequestKind.REMOVE, RequestKind.RESTRICT, RequestKind.OBJECT)


@dataclass(frozen=True)
class Page:
    requests: Sequence[PrivacyRequest]
    following: int | None


def ask_copy(session: Session, pack: Pack, actor: Actor) -> PrivacyRequest:
    """One a day; one that is being made is that one. Raises Busy."""
    latest = _latest(session, actor, RequestKind.EXPORT)
    if latest is not None:
        if latest.state == RequestState.OPEN:
            return latest
        wait = latest.asked_at + BETWEEN_COPIES - clock.now()
        if wait > timedelta() and latest.state != RequestState.FAILED:
            raise Busy(_l("You can ask for one copy a day."), retry_after=int(wait.total_seconds()) + 1)
    request = _new(session, pack, RequestKind.EXPORT, user_id=actor.user_id)
    _note(session, actor, COPY_ASKED, request)
    queue.enqueue(session, EXPORT, request_id=request.id)
    return request


def ask_erasure(session: Session, pack: Pack, actor: Actor) -> PrivacyRequest:
    """Done after ``GRACE``; asked for twice it is one."""
    latest = _latest(session, actor, RequestKind.ERASE)
    if latest is not None and latest.state == RequestState.OPEN:
        return latest
    at = clock.now() + GRACE
    request = _new(session, pack, RequestKind.ERASE, user_id=actor.user_id, execute_at=at)
    _note(session, actor, ERASURE_ASKED, request)
    queue.enqueue(session, ERASE, at=at, request_id=request.id)
    notifications.send(
        session, user_id=actor.user_id, template="erasure_asked", values={"day": at, "path": "/account/erase"}
    )
    return request


def cancel_erasure(session: Session, actor: Actor) -> None:
    """Nothing happens when none is waiting."""
    request = _latest(session, actor, RequestKind.ERASE)
    if request is None or request.state != RequestState.OPEN:
        return
    session.refresh(request, with_for_update=True)
    if request.state == RequestState.OPEN:
        request.state, request.closed_at, request.closed_by = RequestState.CANCELLED.value, clock.now(), actor.user_id
        _note(session, actor, ERASURE_CANCELLED, request)
        session.flush()


def receive(
    session: Session, pack: Pack, actor: Actor, *, kind: str, name: str, email: str, message: str
) -> PrivacyRequest:
    """From anybody; an administrator answers within ``ANSWER_IN``."""
    wanted = RequestKind(kind)
    if wanted not in OUTSIDE:
        raise Invalid(Problem(_l("Choose what you ask for."), "kind", "unknown"))
    request = _new(session, pack, wanted, user_id=actor.user_id, name=name, email=email.lower(), message=message)
    _note(session, actor, RECEIVED, request)
    notifications.send(
        session,
        email=request.email,
        locale=request.locale,
        template="privacy_received",
        values={"number": request.number, "name": name, "day": request.due_at},
    )
    return request


def answer(
    session: Session, actor: Actor, request: PrivacyRequest, *, text: str, refused: bool, legal_basis: str
) -> PrivacyRequest:
    """By an administrator; the person has it by mail. What is answered stays. Raises Invalid."""
    session.refresh(request, with_for_update=True)
    if request.state != RequestState.OPEN or RequestKind(request.kind) not in OUTSIDE:
        return request
    problems = []
    if not text.strip():
        problems.append(Problem(_l("Write the answer."), "answer", "required"))
    if refused and not legal_basis.strip():
        problems.append(Problem(_l("Name the law by which you refuse."), "legal_basis", "required"))
    if problems:
        raise Invalid(*problems)
    request.answer, request.legal_basis = text.strip(), legal_basis.strip()
    request.state = (RequestState.REFUSED if refused else RequestState.DONE).value
    request.closed_at, request.closed_by = clock.now(), actor.user_id
    _note(session, actor, ANSWERED, request, {"refused": refused, "legal_basis": request.legal_basis})
    notifications.send(
        session,
        email=request.email,
        locale=request.locale,
        template="privacy_answer",
        values={
            "number": request.number, "name": request.name, "answer": request.answer, "refused": refused,
            "legal_basis": request.legal_basis,
        },
    )  # fmt: skip
    session.flush()
    return request


def of_person(session: Session, user_id: int, kind: RequestKind, *, limit: int = 5) -> Sequence[PrivacyRequest]:
    wanted = select(PrivacyRequest).where(PrivacyRequest.user_id == user_id, PrivacyRequest.kind == kind.value)
    return session.scalars(wanted.order_by(PrivacyRequest.id.desc()).limit(limit)).all()


def own(session: Session, actor: Actor, number: str) -> PrivacyRequest:
    """Raises NotFound for another's."""
    found = by_number(session, number)
    if actor.user_id is None or found.user_id != actor.user_id:
        raise NotFound
    return found


def by_number(session: Session, number: str) -> PrivacyRequest:
    found = session.scalar(select(PrivacyRequest).where(PrivacyRequest.number == number.strip().upper()))
    if found is None:
        raise NotFound
    return found


def listed(session: Session, *, open_only: bool, before: int | None = None) -> Page:
    """Newest first."""
    wanted = select(PrivacyRequest)
    if open_only:
        wanted = wanted.where(PrivacyRequest.state == RequestState.OPEN.value)
    if before is not None:
        wanted = wanted.where(PrivacyRequest.id < before)
    found = session.scalars(wanted.order_by(PrivacyRequest.id.desc()).limit(PAGE + 1)).all()
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def lock(session: Session, request_id: int) -> PrivacyRequest:
    wanted = select(PrivacyRequest).where(PrivacyRequest.id == request_id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def downloadable(request: PrivacyRequest) -> bool:
    return request.state == RequestState.READY and request.expires_at is not None and request.expires_at > clock.now()


def taken(session: Session, actor: Actor, request: PrivacyRequest) -> None:
    _note(session, actor, COPY_TAKEN, request, {"size": request.size})


def _latest(session: Session, actor: Actor, kind: RequestKind) -> PrivacyRequest | None:
    """The person's row is locked, so that a second click finds the request of the first."""
    session.execute(select(User.id).where(User.id == actor.user_id).with_for_update(key_share=True))
    found = of_person(session, actor.user_id or 0, kind, limit=1)
    return found[0] if found else None


def _new(session: Session, pack: Pack, kind: RequestKind, **columns: object) -> PrivacyRequest:
    now = clock.now()
    year = now.astimezone(pack.zone).year
    request = PrivacyRequest(
        number=numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year)),
        kind=kind.value,
        locale=pack.locale(i18n.language()),
        asked_at=now,
        due_at=now + ANSWER_IN,
        **columns,
    )
    session.add(request)
    try:
        session.flush()
    except IntegrityError:
        raise Busy(_l("This was asked for a moment ago."), retry_after=5) from None
    return request


def _note(
    session: Session, actor: Actor, verb: str, request: PrivacyRequest, detail: dict[str, object] | None = None
) -> None:
    about = {"kind": request.kind, **(detail or {})}
    entries.record(
        session, actor, verb, subject=f"privacy_request:{request.id}", reference=request.number, detail=about
    )
