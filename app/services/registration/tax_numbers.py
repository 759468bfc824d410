"""Who else has a tax number: businesses in the register, and applications that are being decided."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.businesses.models import LIVE, Business
from app.cases.models import Case, Submission
from app.cases.workflow import OPEN, State

SHOWN = 5  # more than one is a mistake already

_SENT = sorted(state.value for state in {*OPEN, State.AWAITING_PAYMENT})


def others(session: Session, service: str, number: str, *, case_id: int) -> list[str]:
    """Live businesses and sent applications with ``number``, without the case itself and what came of it.

    For officials only: an applicant may learn that a number is used, never by whom.
    """
    registered = session.execute(
        select(Business.name, Business.number)
        .where(Business.tax_number == number, Business.state.in_([state.value for state in LIVE]))
        .where(Business.case_id.is_distinct_from(case_id))
        .order_by(Business.id)
        .limit(SHOWN)
    )
    applied = session.execute(
        select(Case.title, Case.reference)
        .join(Submission, Submission.id == Case.current_submission_id)
        .where(Case.service == service, Case.state.in_(_SENT), Case.id != case_id)
        .where(Submission.data["address"]["tax_number"].astext == number)
        .order_by(Case.id)
        .limit(SHOWN)
    )
    return [f"{name} ({known_by})" for name, known_by in [*registered, *applied]]
