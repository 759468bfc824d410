"""The engine: ``perform`` is the only writer of a case's state.

Order, always the same: lock and check the version → find the transition → permission → guards → rows that belong to
the action → set state and clock → the service's effects → history, audit entry, messages. One transaction, committed
by the caller.
The actor comes from the session or the token, never from what was sent.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.audit import entries
from app.cases import (
    access,
    colleagues,
    corrections,
    deadlines,
    four_eyes,
    messages,
    numbering,
    registry,
    settling,
    standstill,
)
from app.cases import corrected_records as _corrected_records  # noqa: F401  # what the public reads of them
from app.cases.guards import GUARDS, SHOWN
from app.cases.models import Case, CaseEvent, Note, Submission
from app.cases.rows import Rows
from app.cases.steps import STEPS
from app.cases.work import AskedField, Payload, Work, open_requests
from app.cases.workflow import BY_SILENCE, JUDGING, Action, Clock, State, Transition
from app.core import clock
from app.core.errors import Invalid, NotAllowed, Problem, Stale
from app.core.i18n import format_number
from app.core.i18n import gettext as _
from app.fees import hooks as fee_hooks
from app.fees.models import Charge
from app.identity.actor import SYSTEM, Actor
from app.jurisdictions import load

LONGEST_REASON = 4000  # characters; it is printed in the case file


def start(
    session: Session,
    service: str,
    actor: Actor,
    *,
    idempotency_key: str,
    arguments: dict[str, Any] | None = None,
) -> Case:
    """A new draft of ``service`` for the actor; the same key gives the same case, however often it is sent."""
    definition = registry.service(service)
    pack = load.current()
    existing = _by_key(session, actor, idempotency_key)
    if existing is not None:
        return existing
    if definition.needs_business and actor.business_id is None:
        raise Invalid(Problem(_("Register your business first, or choose the business you act for."), None, "business"))
    now, year = clock.now(), clock.today(pack.zone).year
    try:
        with session.begin_nested():  # a refused double gives its number back
            number = numbering.next_number(session, definition.reference_prefix, year)
            case = Case(
                reference=numbering.reference(definition.reference_prefix, year, number),
                service=service,
                applicant_id=actor.user_id,
                business_id=actor.business_id if definition.needs_business else None,
                idempotency_key=idempotency_key,
                arguments=arguments or {},
                draft={},
                created_at=now,
                updated_at=now,
            )
            session.add(case)
            session.flush()
    except IntegrityError:  # a double click on another connection was quicker
        found = _by_key(session, actor, idempotency_key)
        if found is None:
            raise
        return found
    filled = definition.prefill(session, pack, case, case.arguments)
    case.draft = {step: {"prefill": answers, "complete": False} for step, answers in filled.items()}
    case.entitle(definition.case_title(pack, filled))
    entries.record(
        session, actor, "case.started", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, detail={"service": service},
    )  # fmt: skip
    session.flush()
    return case


def _by_key(session: Session, actor: Actor, key: str) -> Case | None:
    return session.scalar(select(Case).where(Case.applicant_id == actor.user_id, Case.idempotency_key == key))


def perform(
    session: Session,
    case: Case,
    action: Action,
    actor: Actor,
    *,
    version: int | None,
    reason: str = "",
    payload: Payload | None = None,
) -> Case:
    """Perform ``action`` on ``case`` as ``actor``.

    ``version`` is the one the person saw (None only for the portal's own actions). Raises Stale when the case moved
    on, NotAllowed when the action is not theirs, Invalid when something is missing.
    """
    work = _prepare(session, access.lock(session, case.id), action, actor, version, reason.strip(), payload)
    if len(work.reason) > LONGEST_REASON:
        message = _("Use %(limit)s characters or fewer.", limit=format_number(LONGEST_REASON))
        raise Invalid(Problem(message, "reason", "too_long"))
    if action in JUDGING:
        four_eyes.check_not_sender(actor, work.submission)
    corrections.check(action, actor, work.bars)
    for guard in work.transition.every_guard:
        GUARDS[guard](work)
    refusal = work.transition.unless(work.context()) if work.transition.unless else None
    if refusal is not None:
        raise NotAllowed(refusal, code="condition")
    settling.check(work)
    before, holder = State(work.case.state), work.case.assigned_to
    target = work.transition.target
    if step := STEPS.get(action):
        target = step(work) or target
    _move(work, target)
    if effect := work.definition.effects.get(BY_SILENCE.get(action, action)):
        effect(work.context())
    _remember(work, before, target, holder)
    settling.close(work)
    return work.case


def _prepare(
    session: Session,
    case: Case,
    action: Action,
    actor: Actor,
    version: int | None,
    reason: str,
    payload: Payload | None,
) -> Work:
    definition = registry.service(case.service)
    if version is not None and version != case.version:
        raise Stale
    transition = definition.workflow.find(action, State(case.state))
    if transition is None:
        titled = definition.workflow.official_title if actor.official else definition.workflow.title
        raise Stale(_("This can no longer be done: the case is now “%(state)s”.", state=str(titled(State(case.state)))))
    if transition.permission is None:
        if actor.kind != "system":
            raise NotAllowed
    elif not access.may(actor, case, transition.permission):
        raise NotAllowed
    submission = _submission(session, case)
    return Work(session, load.current(), definition, case, actor, transition, reason, payload or Payload(), submission)


def _submission(session: Session, case: Case) -> Submission | None:
    return session.get(Submission, case.current_submission_id) if case.current_submission_id else None


def available(session: Session, case: Case, actor: Actor, rows: Rows | None = None) -> list[Transition]:
    """The transitions this person could perform now, for buttons; ``perform`` checks everything again.

    ``rows`` are the case's, where the caller has read them.
    """
    definition = registry.service(case.service)
    allowed = [
        transition
        for transition in definition.workflow.available(State(case.state))
        if transition.permission is not None and access.may(actor, case, transition.permission)
    ]
    if not allowed:
        return []
    submission = rows.submission if rows is not None else _submission(session, case)
    work = Work(session, load.current(), definition, case, actor, allowed[0], "x", Payload(), submission)
    if rows is not None:
        work.recommendation, work.charge, work.flags = rows.recommendation, rows.charge, rows.flags
        work.requests = [each for each in rows.requests if each.answered_at is None]
        work.anew, work.bars = rows.anew(case), rows.bars(case)
    found = []
    for transition in allowed:
        if transition.action is Action.CORRECT and rows is not None and any(each.open for each in rows.appeals):
            continue
        work.transition = transition
        try:
            if transition.action in JUDGING:
                four_eyes.check_not_sender(actor, work.submission)
            corrections.check(transition.action, actor, work.bars)
            for guard in transition.every_guard:
                if guard in SHOWN:
                    GUARDS[guard](work)
        except (NotAllowed, Stale):
            continue
        if transition.unless is not None and transition.unless(work.context()) is not None:
            continue
        found.append(transition)
    return found


def _move(work: Work, target: State) -> None:
    """Set the state: here and nowhere else."""
    days, hours = 0, None
    if work.submission is not None:
        days = work.definition.standard_days(work.pack, work.submission.data)
        hours = work.definition.standard_hours(work.pack, work.submission.data)
    work.case.state = target.value
    work.case.version += 1
    work.case.updated_at = clock.now()
    stopped = work.case.clock_days_left is not None
    deadlines.apply(work.case, work.transition.clock, work.pack, days, hours)
    if stopped or work.transition.clock is Clock.PAUSE:
        standstill.kept(work.session, work.pack, work.case)
    work.session.flush()


def _by_whom(work: Work, holder: int | None) -> dict[str, Any]:
    """Whose case it was where that is not plain from the actor: an absent colleague's, or one that was handed on."""
    if work.transition.action is Action.REASSIGN:
        return {"holder": [holder, work.case.assigned_to], "reason": work.reason}
    # Looked up by the guard, before the action changed who has the case.
    return {"stands_in_for": holder} if work.__dict__.get("stands_in") else {}


def _remember(work: Work, before: State, after: State, holder: int | None) -> None:
    case, actor = work.case, work.actor
    work.session.add(
        CaseEvent(
            case_id=case.id,
            action=work.transition.action.value,
            from_state=before.value,
            to_state=after.value,
            actor_kind=actor.kind,
            actor_id=actor.user_id,
            actor_name=actor.name,
            actor_role=actor.role.value if actor.role else None,
            at=clock.now(),
            reason=work.reason,
            reasons=work.reasons,
            submission_id=case.current_submission_id,
        )
    )
    entries.record(
        work.session,
        actor,
        f"case.{work.transition.action.value}",
        subject=f"case:{case.id}",
        reference=case.reference,
        case_id=case.id,
        business_id=case.business_id,
        detail={
            "from": before.value,
            "to": after.value,
            "submission_sha256": work.submission.sha256 if work.submission else None,
            "pack": work.pack.version,
            **({"reasons": [each["code"] for each in work.reasons]} if work.reasons else {}),
            **({"conditions": [each["code"] or "own" for each in work.conditions]} if work.conditions else {}),
            **({"corrects": work.anew.earlier.id} if work.anew is not None else {}),
            **_by_whom(work, holder),
        },
        authority=work.transition.permission.value if work.transition.permission else "",
    )
    messages.tell(work, after)
    work.session.flush()


# --- small things that are not transitions ------------------------------------------------------------------------


def add_note(
    session: Session, case: Case, actor: Actor, body: str, *, tell: Sequence[colleagues.Colleague] = ()
) -> Note:
    """A note for colleagues; the applicant never sees it. Each of ``tell`` has a message that leads to the case."""
    if not body.strip():
        raise Invalid(Problem(_("Write the note."), "body", "required"))
    note = Note(
        case_id=case.id,
        author_id=actor.user_id,
        body=body.strip(),
        mentions=[{"id": each.user_id, "name": each.name} for each in tell],
        written_at=clock.now(),
    )
    session.add(note)
    entries.record(
        session, actor, "case.noted", subject=f"case:{case.id}", reference=case.reference, case_id=case.id,
        business_id=case.business_id, detail={"told": [each.user_id for each in tell]} if tell else None,
    )  # fmt: skip
    messages.mention(session, case, actor, tell)
    session.flush()
    return note


def _charge_settled(session: Session, charge: Charge) -> None:
    """The fee arrived: hand the case to the agency. A case that moved on meanwhile (withdrawn) stays where it is."""
    if charge.case_id is None:
        return
    case = access.lock(session, charge.case_id)
    if State(case.state) is State.AWAITING_PAYMENT:
        perform(session, case, Action.CONFIRM_PAYMENT, SYSTEM, version=None)


def _lock_first(session: Session, charge: Charge) -> None:
    """Case before charge, the order in which ``perform`` takes them: two transactions never wait for each other."""
    if charge.case_id is not None:
        access.lock(session, charge.case_id)


fee_hooks.before_locking(_lock_first)
fee_hooks.on_settled(_charge_settled)

__all__ = ["AskedField", "Payload", "add_note", "available", "open_requests", "perform", "start"]
