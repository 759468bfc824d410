"""One performance of one action, and what may come with it."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.orm import Session

from app.cases import drafts, four_eyes, registry
from app.cases.models import Case, Outcome, Recommendation, Submission
from app.cases.workflow import Transition
from app.fees import charges
from app.fees.models import Charge
from app.identity.actor import Actor
from app.jurisdictions.model import Pack


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
    def recommendation(self) -> Recommendation | None:
        """The one that waits for a decision."""
        return four_eyes.standing(self.session, self.case)

    @cached_property
    def charge(self) -> Charge | None:
        """The bill of the case."""
        return charges.for_case(self.session, self.case.id)

    def context(self) -> registry.CaseContext:
        data = self.evaluation.answers if self.evaluation else (self.submission.data if self.submission else {})
        return registry.CaseContext(self.session, self.pack, self.case, self.actor, self.submission, data, self.reason)
