"""Who may do something with a case that is no transition: ask for advice, plan a visit."""

from sqlalchemy.orm import Session

from app.cases import access, standing_in
from app.cases.models import Case, Submission
from app.cases.workflow import State
from app.core.errors import NotAllowed
from app.core.i18n import gettext as _
from app.identity.actor import Actor, Role
from app.identity.policy import Permission

AT_WORK = frozenset({State.IN_REVIEW, State.RETURNED, State.RECOMMENDED})


def why_not(session: Session, case: Case, actor: Actor) -> str | None:
    """What keeps ``actor`` from acting for who has the case; None for the holder, who stands in, and supervisors."""
    if not access.may(actor, case, Permission.CASE_REVIEW) or sent_by(session, case) == actor.user_id:
        return _("You do not have permission to do this.")
    if State(case.state) not in AT_WORK:
        return _("Nobody works on this case now.")
    if case.assigned_to == actor.user_id or actor.role is Role.SUPERVISOR:
        return None
    if standing_in.may(session, case, actor.user_id):
        return None
    return _("Take the case first: it is not assigned to you.")


def check(session: Session, case: Case, actor: Actor) -> None:
    """Raise NotAllowed unless they may."""
    refusal = why_not(session, case, actor)
    if refusal is not None:
        raise NotAllowed(refusal, code="not_assigned")


def sent_by(session: Session, case: Case) -> int | None:
    submission = session.get(Submission, case.current_submission_id) if case.current_submission_id else None
    return submission.submitted_by if submission is not None else None
