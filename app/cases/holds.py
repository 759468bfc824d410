"""Legal holds: nothing of a case, a business's cases or a person is disposed of or erased while one stands.

The schema refuses it too, and places a hold only when no disposal is at work at that moment (migration 0027). An
auditor or an administrator places one; another person releases it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, bindparam, exists, func, or_, select, union
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app import notifications
from app.audit import entries
from app.audit.verbs import register
from app.cases import numbering
from app.cases.models import Case, CaseEvent, Submission
from app.cases.retention_models import LegalHold
from app.core import clock
from app.core.errors import Invalid, NotAllowed, NotFound, Problem
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor, Role
from app.identity.models import Membership
from app.jurisdictions.model import Pack

SERIES = "LH"
PAGE = 20
PLACED = register("hold.placed", _l("Legal hold placed"))
RELEASED = register("hold.released", _l("Legal hold released"))
_MAY = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})
# SQLSTATEs of the triggers (migration 0027): something under a hold; a case that is gone already.
HELD, GONE = "KH001", "KH002"
LOCK = 7027  # taken alone to place a hold, shared by whoever destroys


@dataclass(frozen=True)
class Target:
    """What a hold is on: exactly one of the ids. ``about`` is what people call it."""

    about: str
    case_id: int | None = None
    business_id: int | None = None
    user_id: int | None = None


@dataclass(frozen=True)
class Page:
    holds: Sequence[LegalHold]
    following: int | None


def _covers(case: type[Case]) -> ColumnElement[bool]:
    sent = select(Submission.submitted_by).where(Submission.case_id == case.id)
    acted = select(CaseEvent.actor_id).where(CaseEvent.case_id == case.id)
    return or_(
        LegalHold.case_id == case.id,
        LegalHold.business_id == case.business_id,
        LegalHold.user_id == case.applicant_id,
        LegalHold.user_id.in_(sent),
        LegalHold.user_id.in_(acted),
    )


def on_case(case: type[Case] = Case) -> ColumnElement[bool]:
    """Whether a hold stands on the case; the schema's ``case_is_held`` in one statement."""
    return exists().where(LegalHold.released_at.is_(None), _covers(case))


# Those that stand on one case, oldest first: for its page and its file.
OF_CASE = (
    select(LegalHold)
    .join(Case, Case.id == bindparam("case"))
    .where(LegalHold.released_at.is_(None), _covers(Case))
    .order_by(LegalHold.id)
)


def of_its_people(holds: Iterable[LegalHold], case: Case) -> list[LegalHold]:
    """Those a colleague at the desk is told of: not those on an official who had to do with it."""
    return [each for each in holds if each.user_id is None or each.user_id == case.applicant_id]


def person_held(session: Session, user_id: int) -> bool:
    return bool(session.scalar(select(func.person_is_held(user_id))))


def people(session: Session) -> frozenset[int]:
    """Users of whom nothing may be deleted: those ``person_is_held`` says yes to."""
    standing = LegalHold.released_at.is_(None)
    of_case = or_(LegalHold.case_id == Case.id, LegalHold.business_id == Case.business_id)
    wanted: CompoundSelect[Any] = union(
        select(LegalHold.user_id).where(standing, LegalHold.user_id.is_not(None)),
        select(Membership.user_id).join(LegalHold, LegalHold.business_id == Membership.business_id).where(standing),
        select(Case.applicant_id).join(LegalHold, of_case).where(standing),
        select(Submission.submitted_by).join(LegalHold, LegalHold.case_id == Submission.case_id).where(standing),
    )
    return frozenset(session.scalars(wanted))


def refused(error: DBAPIError, state: str) -> bool:
    return getattr(error.orig, "sqlstate", "") == state


def place(
    session: Session,
    pack: Pack,
    actor: Actor,
    target: Target,
    *,
    reason: str,
    proceeding: str,
    review_on: date | None = None,
) -> LegalHold:
    """Waits for disposals that are at work. The same hold of the same person, still standing, is the one there is.

    Raises Invalid for what is missing and for a case that was disposed of, NotAllowed.
    """
    _check(actor)
    reason, proceeding = reason.strip(), proceeding.strip()
    problems = []
    if not reason:
        problems.append(Problem(_l("Say why this must be kept."), "reason", "required"))
    if not proceeding:
        problems.append(Problem(_l("Give the reference of the proceeding."), "proceeding", "required"))
    if review_on is not None and review_on <= clock.today(pack.zone):
        problems.append(Problem(_l("The review must be on a later day."), "review_on", "past"))
    if problems:
        raise Invalid(*problems)
    # Before anything else is locked: who destroys has this lock first too, and a second click waits for the first.
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))
    columns = {"case_id": target.case_id, "business_id": target.business_id, "user_id": target.user_id}
    same = [
        column == columns[name] if columns[name] is not None else column.is_(None)
        for name, column in (
            ("case_id", LegalHold.case_id), ("business_id", LegalHold.business_id), ("user_id", LegalHold.user_id),
        )
    ]  # fmt: skip
    known = session.scalar(
        select(LegalHold).where(
            *same, LegalHold.proceeding == proceeding, LegalHold.placed_by == actor.user_id,
            LegalHold.released_at.is_(None),
        )
    )  # fmt: skip
    if known is not None:
        return known
    year = clock.now().astimezone(pack.zone).year
    hold = LegalHold(
        **columns,
        about=target.about,
        reason=reason,
        proceeding=proceeding,
        review_on=review_on,
        placed_by=actor.user_id,
        placed_at=clock.now(),
    )
    try:
        with session.begin_nested():
            hold.number = numbering.reference(SERIES, year, numbering.next_number(session, SERIES, year))
            session.add(hold)
            session.flush()
    except DBAPIError as error:
        if refused(error, GONE):
            raise Invalid(Problem(_l("What this case said was destroyed already."), "about", "disposed")) from None
        raise
    entries.record(
        session, actor, PLACED, subject=f"hold:{hold.id}", reference=hold.number, case_id=target.case_id,
        business_id=target.business_id, authority=proceeding,
        detail={"reason": reason, "user": target.user_id, "review_on": str(review_on) if review_on else None},
    )  # fmt: skip
    return hold


def release(session: Session, actor: Actor, hold: LegalHold, *, reason: str) -> LegalHold:
    """By another person than who placed it, who is told. Nothing happens to one that is released; raises Invalid,
    NotAllowed."""
    _check(actor)
    session.refresh(hold, with_for_update=True)
    if hold.released_at is not None:
        return hold
    if hold.placed_by == actor.user_id:
        raise NotAllowed(_l("Whoever placed a hold does not release it. Ask a colleague."), code="two_people")
    if not reason.strip():
        raise Invalid(Problem(_l("Say why it may be released."), "reason", "required"))
    hold.released_by, hold.released_at, hold.release_reason = actor.user_id, clock.now(), reason.strip()
    entries.record(
        session, actor, RELEASED, subject=f"hold:{hold.id}", reference=hold.number, case_id=hold.case_id,
        business_id=hold.business_id, authority=hold.proceeding, detail={"reason": hold.release_reason},
    )  # fmt: skip
    notifications.send(
        session,
        user_id=hold.placed_by,
        template="hold_released",
        values={
            "number": hold.number, "about": hold.about, "by": actor.name, "reason": hold.release_reason,
            "path": f"/retention/holds/{hold.number}",
        },
    )  # fmt: skip
    session.flush()
    return hold


def by_number(session: Session, number: str) -> LegalHold:
    found = session.scalar(select(LegalHold).where(LegalHold.number == number.strip().upper()))
    if found is None:
        raise NotFound
    return found


def listed(session: Session, *, released: bool = False, before: int | None = None) -> Page:
    """The standing ones, or those that were released; newest first."""
    over = LegalHold.released_at.is_not(None)
    wanted = select(LegalHold).where(over if released else ~over)
    if before is not None:
        wanted = wanted.where(LegalHold.id < before)
    found = session.scalars(wanted.order_by(LegalHold.id.desc()).limit(PAGE + 1)).all()
    return Page(found[:PAGE], found[PAGE - 1].id if len(found) > PAGE else None)


def remind(session: Session, pack: Pack) -> int:
    """Ask who placed a hold, once, whether it is still needed when its day has come; how many were asked."""
    due = select(LegalHold).where(
        LegalHold.released_at.is_(None), LegalHold.review_on <= clock.today(pack.zone), LegalHold.reminded_at.is_(None)
    )
    found = session.scalars(due.order_by(LegalHold.review_on, LegalHold.id).limit(500).with_for_update()).all()
    for hold in found:
        hold.reminded_at = clock.now()
        notifications.send(
            session,
            user_id=hold.placed_by,
            template="hold_review",
            values={
                "number": hold.number,
                "about": hold.about,
                "proceeding": hold.proceeding,
                "path": f"/retention/holds/{hold.number}",
            },
        )
    return len(found)


def _check(actor: Actor) -> None:
    if actor.role not in _MAY or not actor.official:
        raise NotAllowed
