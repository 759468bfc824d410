"""Two pairs of eyes: what is said here to the person, the schema of ``decisions`` enforces whatever the code does."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases.models import Case, Recommendation, Submission
from app.core import clock
from app.core.errors import NotAllowed, Stale
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import Actor


def standing(session: Session, case: Case) -> Recommendation | None:
    """The recommendation that waits for a decision, if there is one."""
    return session.scalar(
        select(Recommendation).where(Recommendation.case_id == case.id, Recommendation.voided_at.is_(None))
    )


def void(session: Session, case: Case) -> None:
    recommendation = standing(session, case)
    if recommendation is not None:
        recommendation.voided_at = clock.now()
        session.flush()


def check_two_people(actor: Actor, recommendation: Recommendation | None) -> None:
    """Raise NotAllowed for who recommended, and Stale when nobody's recommendation stands."""
    if recommendation is None:
        raise Stale(_l("There is no recommendation to decide on any more."))
    if actor.user_id is None or actor.user_id == recommendation.recommended_by:
        raise NotAllowed(_l("You made the recommendation, so another person must decide."), code="four_eyes")


def check_not_sender(actor: Actor, submission: Submission | None) -> None:
    """Raise NotAllowed for who sent it: they may have become an official, and left the business, since."""
    if submission is not None and actor.user_id == submission.submitted_by:
        raise NotAllowed(_l("You sent this application, so you cannot decide on it."), code="four_eyes")


def check_same_submission(recommendation: Recommendation, submission: Submission | None, outcome: str) -> None:
    """Raise Stale when what would be decided is not, to the hash, what was recommended."""
    if submission is None or (recommendation.submission_id, recommendation.submission_sha256) != (
        submission.id,
        submission.sha256,
    ):
        raise Stale(_l("The application changed after the recommendation. It must be reviewed again."))
    if recommendation.outcome != outcome:
        raise NotAllowed(
            _l("The recommendation says otherwise. Send the case back to the clerk if you disagree."), code="outcome"
        )
