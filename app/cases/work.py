"""One performance of one action, and what may come with it."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import corrections, drafts, flags, four_eyes, grounds, registry, standing_in
from app.cases.flags_models import CaseFlag
from app.cases.models import Case, InformationRequest, Outcome, Recommendation, Sentences, Submission
from app.cases.registry import JsonObject
from app.cases.workflow import BY_SILENCE, Action, Guard, State, Transition
from app.core import clock
from app.core.errors import Invalid, Problem
from app.core.i18n import gettext as _
from app.fees import charges
from app.fees.models import Charge
from app.identity.actor import Actor
from app.jurisdictions.model import Pack, ReasonUse

_USES: dict[Action, ReasonUse] = {
    Action.ASK: "ask",
    Action.RECOMMEND: "recommend",
    Action.REFUSE: "refuse",
    Action.CANCEL: "cancel",
    Action.CORRECT: "correct",
}


def open_requests(session: Session, case: Case) -> list[InformationRequest]:
    return list(
        session.scalars(
            select(InformationRequest)
            .where(InformationRequest.case_id == case.id, InformationRequest.answered_at.is_(None))
            .order_by(InformationRequest.id)
        )
    )


@dataclass(frozen=True)
class AskedField:
    """One answer the clerk asks about: its step, field path and label as the clerk saw it."""

    step: str
    path: str
    label: str


@dataclass(frozen=True)
class Payload:
    """What comes with an action. Only the parts the action needs are looked at."""

    declared: bool = False
    fields: tuple[AskedField, ...] = ()
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()  # codes of the pack's list
    conditions: tuple[str, ...] = ()  # of an approval that is recommended: codes, and
    own_conditions: tuple[str, ...] = ()  # in the official's own words
    answer_days: int | None = None  # working days the applicant has to answer; None: as many as the pack says
    to: int | None = None  # the colleague a case is handed to
    without_waiting: str = ""  # why who decides does not wait for advice or a visit
    appeal: int | None = None  # the one that was allowed, which a correction follows
    silence: tuple[JsonObject, ...] = ()  # the portal's own: the rule by which silence decides, as rows keep it


@dataclass
class Work:
    """One performance of one action."""

    session: Session
    pack: Pack
    definition: registry.ServiceDefinition
    case: Case
    actor: Actor
    transition: Transition
    reason: str
    payload: Payload
    submission: Submission | None
    evaluation: drafts.Evaluation | None = None

    @cached_property
    def reasons(self) -> Sentences:
        """What was chosen from the list for this action, as rows keep it."""
        if self.transition.action in BY_SILENCE:
            return list(self.payload.silence)
        use = _USES.get(self.transition.action)
        if use == "recommend" and self.payload.outcome is Outcome.REFUSE:
            use = "refuse"
        if use is None or not self.payload.reasons:
            return []
        return grounds.chosen(self.pack, use, self.definition.code, self.payload.reasons)

    @cached_property
    def conditions(self) -> Sentences:
        """Of a recommendation, those it proposes; of an approval, those that were recommended and no others."""
        if self.transition.action is Action.APPROVE:
            two = Guard.FOUR_EYES in self.transition.guards
            return list(self.recommendation.conditions) if two and self.recommendation is not None else []
        if self.transition.action is not Action.RECOMMEND or self.payload.outcome is not Outcome.APPROVE:
            return []
        listed = grounds.chosen(self.pack, "conditions", self.definition.code, self.payload.conditions)
        written = grounds.own(self.payload.own_conditions)
        if written and not grounds.offers_conditions(self.pack, self.definition.code):
            message = _("What this service issues carries no conditions.")
            raise Invalid(Problem(message, "own_conditions", "none"))
        return listed + written

    @cached_property
    def recommendation(self) -> Recommendation | None:
        """The one that waits for a decision."""
        return four_eyes.standing(self.session, self.case)

    @cached_property
    def flags(self) -> list[CaseFlag]:
        """Those that stand or were cleared."""
        return flags.of_case(self.session, self.case.id)

    @cached_property
    def charge(self) -> Charge | None:
        """The bill of the case."""
        return charges.for_case(self.session, self.case.id)

    @cached_property
    def stands_in(self) -> bool:
        """Whether the actor is who acts for the absent holder of the case."""
        return standing_in.may(self.session, self.case, self.actor.user_id)

    def context(self) -> registry.CaseContext:
        data = self.evaluation.answers if self.evaluation else (self.submission.data if self.submission else {})
        return registry.CaseContext(
            self.session, self.pack, self.case, self.actor, self.submission, data, self.reason, tuple(self.conditions),
            self.payload.silence, self.no_answer, self.anew,
        )  # fmt: skip

    @cached_property
    def anew(self) -> corrections.Anew | None:
        """The decision that is being corrected, if one is."""
        return corrections.under_way(self.session, self.case)

    @property
    def confirms(self) -> bool:
        """Whether what is decided here changes nothing about the decision that is being corrected."""
        target, submission = self.transition.target, self.submission
        outcome = Outcome.APPROVE if target is State.APPROVED else Outcome.REFUSE
        return self.anew is not None and self.anew.confirms(
            outcome.value, self.conditions, submission.id if submission is not None else None
        )

    @cached_property
    def bars(self) -> corrections.Bars:
        """Who may not act in the correction that is under way."""
        return corrections.bars_of(self.session, self.case)

    @cached_property
    def requests(self) -> list[InformationRequest]:
        """What the applicant was asked and has not answered."""
        return open_requests(self.session, self.case)

    def no_answer(self) -> bool:
        """Whether the day of every open question has passed."""
        now = clock.now()
        return bool(self.requests) and all(each.due_at is not None and each.due_at < now for each in self.requests)
