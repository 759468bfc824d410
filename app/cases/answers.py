"""Questions that wait for the applicant: reminders before the day, and word to the official when it has passed.

Nothing is ever refused by itself: whoever has the case decides what no answer means.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import notifications
from app.cases import grounds, messages
from app.cases.models import Case, InformationRequest
from app.cases.workflow import State
from app.core import clock
from app.jobs import queue
from app.jurisdictions import load, working_days
from app.jurisdictions.model import Pack

REMIND = "cases.remind_of_questions"
BATCH = 200
ASKED, REMINDED, ON_THE_DAY, PASSED = range(4)  # ``InformationRequest.told``
# Far enough ahead for the longest run of days off; which of them are due is asked in working days.
_AHEAD = timedelta(days=21)
_TEMPLATES = {REMINDED: "answer_awaited", ON_THE_DAY: "answer_due_today", PASSED: "no_answer"}


def no_answer(request: InformationRequest) -> bool:
    """Whether its day has passed and nothing came."""
    return request.answered_at is None and request.due_at is not None and request.due_at < clock.now()


def step(pack: Pack, due_at: datetime, now: datetime) -> int:
    """What should have been said by now about a question to answer by ``due_at``."""
    if due_at < now:
        return PASSED
    days = working_days.between(pack, now, due_at)
    if days == 0:
        return ON_THE_DAY
    return REMINDED if days <= pack.answers.remind_before else ASKED


@queue.task(REMIND, queue="bulk")
def remind(session: Session) -> None:
    """In the morning of both countries; what a day without a worker left unsaid is made up for by the next."""
    if _remind(session) == BATCH:
        queue.enqueue(session, REMIND)


def _remind(session: Session) -> int:
    """Say what is due about at most ``BATCH`` questions; each step once, and of several missed only the last."""
    now, pack = clock.now(), load.current()
    waiting = session.execute(
        select(InformationRequest, Case)
        .join(Case, Case.id == InformationRequest.case_id)
        .where(
            InformationRequest.answered_at.is_(None),
            InformationRequest.told < PASSED,
            InformationRequest.due_at < now + _AHEAD,
            Case.state == State.RETURNED.value,
        )
        .order_by(InformationRequest.due_at, InformationRequest.id)
        .with_for_update(of=InformationRequest, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    said = 0
    for request, case in waiting:
        assert request.due_at is not None
        reached = step(pack, request.due_at, now)
        if reached > request.told:
            request.told = reached
            _say(session, case, request, reached)
            said += 1
            if said == BATCH:
                break
    session.flush()
    return said


def _say(session: Session, case: Case, request: InformationRequest, reached: int) -> None:
    late = reached == PASSED
    holder = [case.assigned_to] if case.assigned_to is not None else []
    for user_id in holder if late else messages.readers(session, case):
        notifications.send(
            session,
            user_id=user_id,
            template=_TEMPLATES[reached],
            values={
                "reference": case.reference,
                "title": case.title,
                "reason": grounds.telling(request.reasons, request.message),
                "answer_by": request.due_at,
                "path": f"/desk/{case.reference}" if late else f"/cases/{case.reference}",
            },
            case_id=case.id,
        )


queue.periodic("30 5 * * *", REMIND)
