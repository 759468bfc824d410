"""One performance of one action, and what may come with it."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import drafts, four_eyes, grounds, registry
from app.cases.models import Case, InformationRequest, Outcome, Recommendation, Sentences, Submission
from app.cases.workflow import Action, Guard, Transition
from app.core import clock
from app.core.errors import Invalid, Problem
from app.core.i18n import gettext as _
from app.fees import charges
from app.fees.models import Charge
from app.identity import absences
from app.identity.actor import Actor
from app.jurisdictions.model import Pack, ReasonUse

_USES: dict[Action, ReasonUse] = {
    Action.ASK: "ask",
    Action.RECOMMEND: "recommend",
    Action.REFUSE: "refuse",
    Action.CANCEL: "cancel",
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
    def charge(self) -> Charge | None:
        """The bill of the case."""
        return charges.for_case(self.session, self.case.id)

    @cached_property
    def stands_in(self) -> bool:
        """Whether the actor is who acts for the absent holder of the case."""
        holder, user = self.case.assigned_to, self.actor.user_id
        return None not in {holder, user} and holder != user and absences.delegate_of(self.session, holder) == user

    def context(self) -> registry.CaseContext:
        data = self.evaluation.answers if self.evaluation else (self.submission.data if self.submission else {})
        return registry.CaseContext(
            self.session, self.pack, self.case, self.actor, self.submission, data, self.reason, tuple(self.conditions),
            self.no_answer,
        )  # fmt: skip

    @cached_property
    def requests(self) -> list[InformationRequest]:
        """What the applicant was asked and has not answered."""
        return open_requests(self.session, self.case)

    def no_answer(self) -> bool:
        """Whether the day of every open question has passed."""
        now = clock.now()
        return bool(self.requests) and all(each.due_at is not None and each.due_at < now for each in self.requests)
