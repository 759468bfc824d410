"""Workflows as data: states, actions, and the transitions a service allows. Pure: no database, no clock."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.policy import Permission


class State(StrEnum):
    DRAFT = "draft"
    AWAITING_PAYMENT = "awaiting_payment"
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    RETURNED = "returned"
    RECOMMENDED = "recommended"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"


class Action(StrEnum):
    SUBMIT = "submit"  # also the resubmission after an information request
    CONFIRM_PAYMENT = "confirm_payment"  # by the portal, when the charge is settled
    TAKE = "take"
    RELEASE_CASE = "release_case"  # the clerk puts the case back into the queue
    REASSIGN = "reassign"  # a supervisor hands the case to a colleague
    ASK = "ask"
    RECOMMEND = "recommend"  # approve or refuse, with a reason
    SEND_BACK = "send_back"  # the supervisor disagrees with the recommendation
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"  # by the agency after approval: a released declaration, for instance
    CORRECT = "correct"  # a decision was wrong: the case is reviewed and decided anew
    DEEM_APPROVED = "deem_approved"  # by the portal, when silence is consent
    DEEM_REFUSED = "deem_refused"  # or refusal


TERMINAL = frozenset({State.APPROVED, State.REFUSED, State.WITHDRAWN, State.CANCELLED})
WITH_APPLICANT = frozenset({State.DRAFT, State.AWAITING_PAYMENT, State.RETURNED})
OPEN = frozenset({State.SUBMITTED, State.IN_REVIEW, State.RETURNED, State.RECOMMENDED})
ON_DESK = frozenset({State.SUBMITTED, State.IN_REVIEW, State.RECOMMENDED})

# What silence does as a decision would have done it.
BY_SILENCE = {Action.DEEM_APPROVED: Action.APPROVE, Action.DEEM_REFUSED: Action.REFUSE}

# Never done by who sent the case.
JUDGING = frozenset({Action.RECOMMEND, Action.SEND_BACK, Action.APPROVE, Action.REFUSE, Action.CANCEL, Action.CORRECT})

STATE_TITLES: dict[State, Text] = {
    State.DRAFT: _l("Draft"),
    State.AWAITING_PAYMENT: _l("Waiting for payment"),
    State.SUBMITTED: _l("Received"),
    State.IN_REVIEW: _l("In review"),
    State.RETURNED: _l("Waiting for your answer"),
    State.RECOMMENDED: _l("Waiting for decision"),
    State.APPROVED: _l("Approved"),
    State.REFUSED: _l("Refused"),
    State.WITHDRAWN: _l("Withdrawn"),
    State.CANCELLED: _l("Cancelled"),
}
# What officials read where an applicant's words would be about someone else.
OFFICIAL_TITLES: dict[State, Text] = {State.RETURNED: _l("Waiting for the applicant")}
STATE_KINDS: dict[State, str] = {  # the look of the tag; the words carry the meaning
    State.DRAFT: "new",
    State.AWAITING_PAYMENT: "wait",
    State.SUBMITTED: "new",
    State.IN_REVIEW: "work",
    State.RETURNED: "wait",
    State.RECOMMENDED: "work",
    State.APPROVED: "ok",
    State.REFUSED: "bad",
    State.WITHDRAWN: "none",
    State.CANCELLED: "none",
}


class Clock(StrEnum):
    """What a transition does to the service-standard clock."""

    KEEP = "keep"
    START = "start"  # start or resume: an agency has the case
    PAUSE = "pause"  # the applicant has the case
    STOP = "stop"


class Guard(StrEnum):
    """Named conditions; the engine knows how to test each."""

    COMPLETE = "complete"  # every step and required document is there
    DECLARED = "declared"  # the applicant ticked the declaration
    PAID = "paid"
    REASON = "reason"
    ASSIGNED = "assigned"  # the case is this official's
    FOUR_EYES = "four_eyes"  # the decider is not who recommended
    SAME_SUBMISSION = "same_submission"  # what was recommended is what is decided
    UNFLAGGED = "unflagged"  # no blocking flag stands: of whatever leads to an approval


@dataclass(frozen=True)
class Transition:
    action: Action
    sources: frozenset[State]
    target: State
    permission: Permission | None  # None: only the portal itself
    title: Text
    guards: tuple[Guard, ...] = ()
    clock: Clock = Clock.KEEP
    unless: Callable[[Any], Text | None] | None = None  # given the CaseContext: why not now, or None

    @property
    def every_guard(self) -> tuple[Guard, ...]:
        """With the one that no workflow may leave out."""
        return (*self.guards, Guard.UNFLAGGED) if self.target is State.APPROVED else self.guards


@dataclass(frozen=True)
class Words:
    """What a service calls what its applicants send: whole phrases, since languages bend the noun."""

    sent: Text
    already_sent: Text
    follow: Text
    withdraw: Text
    undo: Text | None = None  # how to have what was approved taken back


APPLICATION = Words(
    sent=_l("Application sent"),
    already_sent=_l("This application has already been sent. You can change it only if you are asked to."),
    follow=_l("Follow this application"),
    withdraw=_l("Withdraw this application"),
)


@dataclass(frozen=True)
class Workflow:
    """The transitions of one service. ``find`` is total: None means "not now"."""

    transitions: tuple[Transition, ...]
    state_titles: dict[State, Text] = field(default_factory=dict)
    words: Words = APPLICATION

    def find(self, action: Action, state: State) -> Transition | None:
        return next((t for t in self.transitions if t.action is action and state in t.sources), None)

    def available(self, state: State) -> tuple[Transition, ...]:
        return tuple(t for t in self.transitions if state in t.sources)

    def title(self, state: State) -> Text:
        return self.state_titles.get(state, STATE_TITLES[state])

    def official_title(self, state: State) -> Text:
        return OFFICIAL_TITLES.get(state) or self.title(state)


def _t(
    action: Action,
    sources: Iterable[State],
    target: State,
    permission: Permission | None,
    title: Text,
    *guards: Guard,
    clock: Clock = Clock.KEEP,
) -> Transition:
    return Transition(action, frozenset(sources), target, permission, title, guards, clock)


def _may_still_answer(context: Any) -> Text | None:
    """Until the day somebody was given to answer has passed, the case is theirs."""
    if context.no_answer():
        return None
    return _l("The applicant was asked and may still answer.")


def _not_while_corrected(context: Any) -> Text | None:
    """What an earlier decision issued hangs on the new one."""
    if context.anew is None:
        return None
    return _l("The decision on this case is being corrected. It can no longer be withdrawn.")


def standard_workflow(
    *,
    extra: Iterable[Transition] = (),
    state_titles: dict[State, Text] | None = None,
    words: Words = APPLICATION,
    correctable: Iterable[State] = (State.APPROVED, State.REFUSED),
) -> Workflow:
    """The reviewed, four-eyes workflow most services share; ``extra`` transitions are looked at first.

    ``correctable``: the decided states from which a case can be decided anew.
    """
    desk = (State.SUBMITTED, State.IN_REVIEW)
    return Workflow(
        (
            *extra,
            _t(
                Action.SUBMIT,
                [State.DRAFT],
                State.SUBMITTED,
                Permission.CASE_EDIT_OWN,
                _l("Submit"),
                Guard.COMPLETE,
                Guard.DECLARED,
                clock=Clock.START,
            ),
            _t(
                Action.SUBMIT,
                [State.RETURNED],
                State.IN_REVIEW,
                Permission.CASE_EDIT_OWN,
                _l("Send your answer"),
                Guard.COMPLETE,
                Guard.DECLARED,
                clock=Clock.START,
            ),
            _t(
                Action.CONFIRM_PAYMENT,
                [State.AWAITING_PAYMENT],
                State.SUBMITTED,
                None,
                _l("Payment received"),
                Guard.PAID,
                clock=Clock.START,
            ),
            _t(
                Action.TAKE, [State.SUBMITTED], State.IN_REVIEW, Permission.CASE_REVIEW, _l("Take the case"), Guard.PAID
            ),
            _t(
                Action.RELEASE_CASE,
                [State.IN_REVIEW],
                State.SUBMITTED,
                Permission.CASE_REVIEW,
                _l("Put back into the queue"),
                Guard.ASSIGNED,
            ),
            _t(  # any case at work stays in its state; one that nobody had is taken up
                Action.REASSIGN,
                [State.SUBMITTED, State.IN_REVIEW, State.RETURNED, State.RECOMMENDED],
                State.IN_REVIEW,
                Permission.CASE_DECIDE,
                _l("Hand to a colleague"),
                Guard.REASON,
                Guard.PAID,
            ),
            _t(
                Action.ASK,
                [State.IN_REVIEW],
                State.RETURNED,
                Permission.CASE_REVIEW,
                _l("Ask the applicant"),
                Guard.ASSIGNED,
                Guard.REASON,
                clock=Clock.PAUSE,
            ),
            _t(
                Action.RECOMMEND,
                [State.IN_REVIEW],
                State.RECOMMENDED,
                Permission.CASE_REVIEW,
                _l("Recommend"),
                Guard.ASSIGNED,
                Guard.PAID,
                Guard.REASON,
            ),
            Transition(
                Action.RECOMMEND,
                frozenset({State.RETURNED}),
                State.RECOMMENDED,
                Permission.CASE_REVIEW,
                _l("Recommend"),
                (Guard.ASSIGNED, Guard.PAID, Guard.REASON),
                Clock.START,
                unless=_may_still_answer,
            ),
            _t(
                Action.SEND_BACK,
                [State.RECOMMENDED],
                State.IN_REVIEW,
                Permission.CASE_DECIDE,
                _l("Send back to the clerk"),
                Guard.REASON,
                Guard.FOUR_EYES,
            ),
            _t(
                Action.APPROVE,
                [State.RECOMMENDED],
                State.APPROVED,
                Permission.CASE_DECIDE,
                _l("Approve"),
                Guard.PAID,
                Guard.FOUR_EYES,
                Guard.SAME_SUBMISSION,
                clock=Clock.STOP,
            ),
            _t(
                Action.REFUSE,
                [State.RECOMMENDED],
                State.REFUSED,
                Permission.CASE_DECIDE,
                _l("Refuse"),
                Guard.REASON,
                Guard.FOUR_EYES,
                Guard.SAME_SUBMISSION,
                clock=Clock.STOP,
            ),
            *(
                _t(action, ON_DESK, target, None, title, Guard.PAID, clock=Clock.STOP)
                for action, target, title in (
                    (Action.DEEM_APPROVED, State.APPROVED, _l("Granted by silence of the administration")),
                    (Action.DEEM_REFUSED, State.REFUSED, _l("Refused by silence of the administration")),
                )
            ),
            Transition(
                Action.WITHDRAW,
                frozenset({State.DRAFT, State.AWAITING_PAYMENT, State.RETURNED, *desk, State.RECOMMENDED}),
                State.WITHDRAWN,
                Permission.CASE_EDIT_OWN,
                _l("Withdraw"),
                clock=Clock.STOP,
                unless=_not_while_corrected,
            ),
            _t(
                Action.CORRECT,
                correctable,
                State.SUBMITTED,  # into the queue: the first in line, since it was sent first
                Permission.CASE_DECIDE,
                _l("Correct the decision"),
                Guard.REASON,
                clock=Clock.START,
            ),
        ),
        state_titles or {},
        words,
    )
