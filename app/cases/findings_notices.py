"""Word about findings: to the supervisors of the agency when one is sent and when its answer is late, and to its author
when it is answered. Not among the messages of the case, which its applicant may read."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from app import notifications
from app.cases.findings_models import Finding, FindingState
from app.cases.models import Case
from app.core import clock
from app.identity.actor import Role
from app.identity.models import AgencyMember, Membership, User
from app.jobs import queue

REMIND = "cases.remind_of_findings"
BATCH = 100


def sent(session: Session, finding: Finding, case: Case) -> None:
    for user_id in _supervisors(session, finding, case):
        _tell(session, user_id, "finding_sent", finding, case)


def answered(session: Session, finding: Finding, case: Case) -> None:
    _tell(session, finding.author_id, "finding_answered", finding, case, path="/audit/findings/")


@queue.task(REMIND, queue="bulk")
def remind(session: Session) -> None:
    """In the morning: each finding once, when the day of its answer has passed."""
    rows = session.execute(
        select(Finding, Case)
        .join(Case, Case.id == Finding.case_id)
        .where(
            Finding.state == FindingState.SENT.value, Finding.due_at < clock.now(), Finding.overdue_told_at.is_(None)
        )
        .order_by(Finding.due_at, Finding.id)
        .limit(BATCH)
        .with_for_update(of=Finding, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for finding, case in rows:
        finding.overdue_told_at = clock.now()
        for user_id in _supervisors(session, finding, case):
            _tell(session, user_id, "finding_overdue", finding, case)
    session.flush()
    if len(rows) == BATCH:
        queue.enqueue(session, REMIND)


def _tell(
    session: Session, user_id: int, template: str, finding: Finding, case: Case, *, path: str = "/desk/findings/"
) -> None:
    notifications.send(
        session,
        user_id=user_id,
        template=template,
        values={
            "number": finding.number,
            "title": finding.title,
            "reference": case.reference,
            "due_at": finding.due_at,
            "path": path + finding.number,
        },
    )


def _supervisors(session: Session, finding: Finding, case: Case) -> list[int]:
    """Of its agency, without who has a part in the case: those who may read it."""
    member = exists().where(AgencyMember.user_id == User.id, AgencyMember.agency == finding.agency)
    interest = exists().where(Membership.user_id == User.id, Membership.business_id == case.business_id)
    at_work = User.role == Role.SUPERVISOR.value, User.disabled_at.is_(None)
    wanted = select(User.id).where(*at_work, member, ~interest, User.id != case.applicant_id)
    return list(session.scalars(wanted.order_by(User.id)))


queue.periodic("40 5 * * *", REMIND)
