"""Each morning: reminders of advice that is due and of visits tomorrow, word of what is late, links that are over."""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.cases import advice_links, advice_mail, inspection_mail
from app.cases.advice_models import Advice
from app.cases.inspection_models import Inspection
from app.cases.models import Case
from app.core import clock
from app.identity.actor import SYSTEM
from app.jobs import queue
from app.jurisdictions import load, working_days
from app.jurisdictions.model import Pack

REMIND = "cases.remind_of_advice_and_visits"
BATCH = 200
ASKED, REMINDED, LATE = range(3)  # ``Advice.told``
_AHEAD = timedelta(days=21)  # far enough for the longest run of days off


@queue.task(REMIND, queue="bulk")
def remind(session: Session) -> None:
    now, pack = clock.now(), load.current()
    if _advice(session, pack, now) + _visits(session, pack, now) + _links(session, pack, now) >= BATCH:
        queue.enqueue(session, REMIND)


def step(pack: Pack, due_at: datetime, now: datetime, agency: str = "") -> int:
    """What should have been said by now about advice that is due at ``due_at``."""
    if due_at < now:
        return LATE
    return REMINDED if working_days.between(pack, now, due_at, agency) <= pack.advice.remind_before else ASKED


def _advice(session: Session, pack: Pack, now: datetime) -> int:
    """Each step once; of several missed only the last. An expert is reminded, and their link ends by itself.

    What somebody is at work on just now is left for the next look: nobody waits for the other's lock.
    """
    found = session.execute(
        select(Advice, Case)
        .join(Case, Case.id == Advice.case_id)
        .where(
            Advice.ended_at.is_(None),
            or_(
                and_(Advice.told < LATE, Advice.due_at < now),
                and_(Advice.told == ASKED, Advice.due_at < now + _AHEAD),
            ),
        )
        .order_by(Advice.due_at, Advice.id)
        .limit(BATCH)
        .with_for_update(of=(Case, Advice), skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    said = 0
    for each, case in found:
        reached = step(pack, each.due_at, now, each.asked_of or each.agency)
        if reached <= each.told:
            continue
        each.told = reached
        said += 1
        if reached == REMINDED:
            advice_mail.remind(session, each, case)
        elif not each.by_expert:
            advice_mail.late(session, each, case)
    session.flush()
    return said


def _visits(session: Session, pack: Pack, now: datetime) -> int:
    """On the working day before; where another day was asked for too, since the visit stays at its time."""
    found = session.execute(
        select(Inspection, Case)
        .join(Case, Case.id == Inspection.case_id)
        .where(
            Inspection.open,
            Inspection.reminded_at.is_(None),
            Inspection.starts_at > now,
            Inspection.starts_at < now + _AHEAD,
        )
        .order_by(Inspection.starts_at, Inspection.id)
        .limit(BATCH)
        .with_for_update(of=(Case, Inspection), skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    said = 0
    for visit, case in found:
        if working_days.between(pack, now, visit.starts_at, visit.agency) <= 1:
            visit.reminded_at = now
            inspection_mail.applicant(session, visit, case, "inspection_reminder")
            inspection_mail.officials(session, visit, case, "inspection_yours_soon")
            said += 1
    session.flush()
    return said


def _links(session: Session, pack: Pack, now: datetime) -> int:
    over = (
        select(Advice)
        .join(Case, Case.id == Advice.case_id)
        .where(Advice.ended_at.is_(None), Advice.asked_of.is_(None), Advice.due_at < now)
        .order_by(Advice.due_at, Advice.id)
        .limit(BATCH)
        .with_for_update(of=(Case, Advice), skip_locked=True)
    )
    found = [each for each in session.scalars(over) if now >= advice_links.ends(pack, each)]
    for each in found:
        advice_links.expire(session, pack, SYSTEM, each)
    return len(found)


queue.periodic("40 5 * * *", REMIND)
