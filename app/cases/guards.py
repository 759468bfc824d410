"""The named conditions of transitions, each as a test that raises what the person can act on."""

from collections.abc import Callable

from app.cases import drafts, flags, four_eyes, standing_in
from app.cases.models import Outcome
from app.cases.work import Work
from app.cases.workflow import Action, Guard, State
from app.core.errors import Invalid, NotAllowed, Problem, Stale
from app.core.i18n import gettext as _
from app.identity.actor import Role


def _complete(work: Work) -> None:
    work.evaluation = drafts.evaluate(work.session, work.definition, work.pack, work.case)
    problems = list(work.evaluation.problems)
    if not problems:
        needed = work.definition.documents(work.pack, work.evaluation.answers)
        problems += [
            Problem(_("Add the document “%(title)s”.", title=str(requirement.title)),
                    f"documents.{requirement.code}", "missing")
            for requirement in drafts.missing_documents(work.session, needed, work.case)
        ]  # fmt: skip
    if not problems:
        problems += work.definition.rules(work.context())
    if problems:
        raise Invalid(*problems)


def _declared(work: Work) -> None:
    if not work.payload.declared:
        raise Invalid(Problem(_("Tick the box to declare that what you wrote is true."), "declared", "required"))


def _paid(work: Work) -> None:
    if work.charge is not None and not work.charge.settled:
        raise NotAllowed(_("The fee has not been paid yet."), code="unpaid")


def _reason(work: Work) -> None:
    if not work.reasons and len(work.reason) < 3:
        raise Invalid(Problem(_("Write the reason or the question."), "reason", "required"))


def _assigned(work: Work) -> None:
    if work.transition.action is Action.RELEASE_CASE and work.actor.role is Role.SUPERVISOR:
        return  # who fell ill or left must not hold a case for ever
    if work.case.assigned_to != work.actor.user_id and not work.stands_in:
        if standing_in.named(work.session, work.case, work.actor.user_id):
            raise NotAllowed(
                _("You stand in for a colleague, but this kind of case is not among those you are trained for."),
                code="not_trained",
            )
        raise NotAllowed(_("Take the case first: it is not assigned to you."), code="not_assigned")


def _two_people(work: Work) -> None:
    four_eyes.check_two_people(work.actor, work.recommendation)


def _same_submission(work: Work) -> None:
    if work.recommendation is None:
        raise Stale
    outcome = Outcome.APPROVE if work.transition.target is State.APPROVED else Outcome.REFUSE
    four_eyes.check_same_submission(work.recommendation, work.submission, outcome.value)


def _unflagged(work: Work) -> None:
    flags.check_may_approve(work.flags, work.actor, two=Guard.FOUR_EYES in work.transition.guards)


GUARDS: dict[Guard, Callable[[Work], None]] = {
    Guard.COMPLETE: _complete,
    Guard.DECLARED: _declared,
    Guard.PAID: _paid,
    Guard.REASON: _reason,
    Guard.ASSIGNED: _assigned,
    Guard.FOUR_EYES: _two_people,
    Guard.SAME_SUBMISSION: _same_submission,
    Guard.UNFLAGGED: _unflagged,
}
# Those a button is hidden for; the others are said when the form is sent.
SHOWN = frozenset({Guard.PAID, Guard.ASSIGNED, Guard.FOUR_EYES, Guard.SAME_SUBMISSION, Guard.UNFLAGGED})
