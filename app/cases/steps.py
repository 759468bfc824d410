"""What belongs to an action beside the state: its rows, and for a submission with a fee another target."""

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import select

from app import notifications
from app.cases import assignment, corrections, flags, four_eyes, rested, submitting
from app.cases.models import Decision, InformationRequest, Outcome, Recommendation
from app.cases.work import Work, open_requests
from app.cases.workflow import BY_SILENCE, Action, Clock, Guard, State
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Problem
from app.core.i18n import gettext as _
from app.fees import charges
from app.identity.actor import Role
from app.identity.models import AgencyMember, User
from app.jurisdictions import working_days

LONGEST_WAIT = 60  # working days somebody may be given to answer


def _submit(work: Work) -> State | None:
    assert work.evaluation is not None  # the COMPLETE guard made it
    first = work.submission is None
    work.submission = submitting.snapshot(
        work.session, work.definition, work.pack, work.case, work.actor, work.evaluation.answers
    )
    work.case.current_submission_id = work.submission.id
    answers = work.evaluation.answers
    before, work.case.agency = work.case.agency, work.definition.agency(work.pack, answers)
    work.case.entitle(work.definition.case_title(work.pack, answers))
    work.case.likeness = work.definition.likeness(work.pack, answers)
    handling = work.definition.handling(work.pack, answers)
    work.case.permit_kind, work.case.office = handling.permit_kind, handling.office
    if not first:
        flags.run_on(work.session, work.definition, work.pack, work.case, work.submission, work.actor)
        _answer_requests(work)
        four_eyes.void(work.session, work.case)
        if work.case.agency != before:
            work.case.clock_minutes_left = None
            work.case.clock_days_left = None  # the promise of the agency that gets it now, not what another left over
        return _to_holder(work)
    work.case.submitted_at = clock.now()
    flags.run_on(work.session, work.definition, work.pack, work.case, work.submission, work.actor)
    charge = charges.assess(
        work.session,
        pack=work.pack,
        rules=work.definition.fee(work.pack, answers),
        base=work.definition.fee_base(work.pack, answers),
        title=work.case.title,
        case_id=work.case.id,
        business_id=work.case.business_id,
        payer_id=work.case.applicant_id,
    )
    if charge is None:
        return None
    work.transition = replace(work.transition, clock=Clock.KEEP)  # the agency has it only once it is paid
    return State.AWAITING_PAYMENT


def _to_holder(work: Work) -> State | None:
    """Back to who has the case, or into the queue when they cannot go on: an answer may move it to another agency,
    and people leave."""
    holder = work.session.scalar(
        select(User.id)
        .join(AgencyMember, AgencyMember.user_id == User.id)
        .where(
            User.id == work.case.assigned_to,
            User.disabled_at.is_(None),
            User.role.in_([Role.CLERK.value, Role.SUPERVISOR.value]),
            AgencyMember.agency == work.case.agency,
        )
    )
    work.case.assigned_to = holder
    return State.SUBMITTED if holder is None else None


def _answer_requests(work: Work) -> None:
    assert work.submission is not None
    for request in open_requests(work.session, work.case):
        request.answered_at = clock.now()
        request.answer_submission_id = work.submission.id


def _confirm_payment(work: Work) -> None:
    work.case.submitted_at = clock.now()


def _take(work: Work) -> None:
    work.case.assigned_to = work.actor.user_id


def _release_case(work: Work) -> None:
    work.case.assigned_to = None


def _reassign(work: Work) -> State | None:
    assignment.check_may_be_handed(work, work.payload.to)
    before, work.case.assigned_to = State(work.case.state), work.payload.to
    notifications.send(
        work.session,
        user_id=work.payload.to,
        template="case_handed_over",
        values={
            "name": work.actor.name,
            "reference": work.case.reference,
            "title": work.case.title,
            "reason": work.reason,
            "path": f"/desk/{work.case.reference}",
        },
        case_id=work.case.id,
    )
    return None if before is State.SUBMITTED else before


def _ask(work: Work) -> None:
    if not work.payload.fields:
        raise Invalid(Problem(_("Choose the answers or documents you ask about."), "fields", "required"))
    terms, days = work.pack.answers, work.payload.answer_days
    if days is None:
        days = terms.working_days
    if not 1 <= days <= LONGEST_WAIT:
        message = _("Give from 1 to %(most)s working days.", most=LONGEST_WAIT)
        raise Invalid(Problem(message, "answer_days", "range"))
    work.session.add(
        InformationRequest(
            case_id=work.case.id,
            message=work.reason,
            reasons=work.reasons,
            due_at=working_days.add(work.pack, clock.now(), days),
            told=1 if days <= terms.remind_before else 0,  # they have just been asked
            fields=[{"step": f.step, "path": f.path, "label": f.label} for f in work.payload.fields],
            asked_by=work.actor.user_id,
            asked_at=clock.now(),
        )
    )


def _recommend(work: Work) -> None:
    if work.payload.outcome is None:
        raise Invalid(Problem(_("Choose what you recommend."), "outcome", "required"))
    assert work.submission is not None
    work.session.add(
        Recommendation(
            case_id=work.case.id,
            submission_id=work.submission.id,
            submission_sha256=work.submission.sha256,
            outcome=work.payload.outcome.value,
            reason=work.reason,
            reasons=work.reasons,
            conditions=work.conditions,
            checks=rested.checks(work),
            recommended_by=work.actor.user_id,
            recommended_at=clock.now(),
        )
    )


def _send_back(work: Work) -> State | None:
    if work.recommendation is not None:
        work.case.assigned_to = work.recommendation.recommended_by
        work.recommendation.voided_at = clock.now()
    return _to_holder(work)


def _decide(work: Work) -> None:
    assert work.submission is not None
    silent, anew = work.transition.action in BY_SILENCE, work.anew
    if silent:
        four_eyes.void(work.session, work.case)  # what was recommended was not decided
    two = Guard.FOUR_EYES in work.transition.guards
    if anew is not None and not two:
        raise NotAllowed(_("A decision that corrects another needs two people."), code="four_eyes")
    recommendation = work.recommendation if two else None
    work.case.decided_at = clock.now()
    work.session.add(
        Decision(
            case_id=work.case.id,
            corrects_id=anew.earlier.id if anew is not None else None,
            submission_id=work.submission.id,
            submission_sha256=work.submission.sha256,
            submitted_by=work.submission.submitted_by,
            recommendation_id=recommendation.id if recommendation else None,
            recommended_by=recommendation.recommended_by if recommendation else None,
            four_eyes=two,
            outcome=(Outcome.APPROVE if work.transition.target is State.APPROVED else Outcome.REFUSE).value,
            reason=work.reason,
            reasons=work.reasons,
            conditions=work.conditions,
            checks=rested.checks(work),
            legal_ref=rested.legal_ref(work),
            decided_by=None if silent else work.actor.user_id,
            by_silence=silent,
            decided_at=work.case.decided_at,
            pack_version=work.pack.version,
        )
    )
    work.session.flush()
    work.case.correction_id = None


def _give_up(work: Work) -> None:
    four_eyes.void(work.session, work.case)
    if work.charge is not None and not work.charge.settled:
        charges.cancel(work.session, work.charge)


STEPS: dict[Action, Callable[[Work], State | None]] = {
    Action.SUBMIT: _submit,
    Action.CONFIRM_PAYMENT: _confirm_payment,
    Action.TAKE: _take,
    Action.RELEASE_CASE: _release_case,
    Action.REASSIGN: _reassign,
    Action.ASK: _ask,
    Action.RECOMMEND: _recommend,
    Action.SEND_BACK: _send_back,
    Action.APPROVE: _decide,
    Action.REFUSE: _decide,
    Action.DEEM_APPROVED: _decide,
    Action.DEEM_REFUSED: _decide,
    Action.WITHDRAW: _give_up,
    Action.CORRECT: corrections.open_again,
}
