"""What a service is made of, and the register of the installed ones. Shared code reaches services only here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.orm import Session

from app.cases.routing import Traits
from app.cases.workflow import Action, Workflow
from app.core.errors import Problem
from app.core.i18n import Text
from app.core.money import Money
from app.jurisdictions.model import FeeRule, Pack

if TYPE_CHECKING:
    from app.cases.corrections import Anew
    from app.cases.measures import Amount, Layer
    from app.cases.models import Case, Submission
    from app.identity.actor import Actor

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class SummaryRow:
    """One answer as a person reads it. ``path`` (``people.people-0-name``) names the field for links and requests."""

    path: str
    label: str
    value: str


class StepForm(Protocol):
    """What the engine and the generic pages need of a WTForms step (``forms.base.StepForm`` is one)."""

    def validate(self) -> bool: ...
    def clean(self) -> JsonObject: ...
    def raw(self) -> dict[str, list[str]]: ...
    def problems(self) -> list[Problem]: ...
    def summary(self) -> list[SummaryRow]: ...


class StepFormFactory(Protocol):
    """``formdata``: what was posted (a multidict); ``data``: a saved clean answer; ``context``: see StepContext."""

    def __call__(self, formdata: Any = None, *, data: JsonObject | None = None, context: "StepContext") -> Any: ...


@dataclass(frozen=True)
class StepContext:
    """All a form may know: the pack, the other steps' clean answers, and facts the service looked up for it."""

    pack: Pack
    answers: Mapping[str, JsonObject] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One page of the application. ``template`` defaults to the generic page."""

    key: str
    title: Text
    form: StepFormFactory
    template: str = "web/applicant/step.html"
    hint: Text = ""
    applies: Callable[[StepContext], bool] = lambda context: True


@dataclass(frozen=True)
class DocumentRequirement:
    """A paper the applicant attaches. ``code`` is unique in the service; ``legal_ref`` may be empty."""

    code: str
    title: Text
    required: bool = True
    hint: Text = ""
    legal_ref: str = ""


@dataclass(frozen=True)
class Check:
    """A finding for the reviewer: ``passed`` None means "a person must look"."""

    title: Text
    passed: bool | None
    detail: Text = ""
    rule: str = ""


@dataclass(frozen=True)
class CaseContext:
    """Handed to a service's functions: the open unit of work, the pack, the case, and who acts."""

    session: Session
    pack: Pack
    case: "Case"
    actor: "Actor"
    submission: "Submission | None" = None
    data: JsonObject = field(default_factory=dict)  # clean answers by step key
    reason: str = ""
    conditions: tuple[JsonObject, ...] = ()  # of an approval, as ``cases.grounds`` keeps them
    silence: tuple[JsonObject, ...] = ()  # on which rule nobody's silence decides, kept in the same way
    no_answer: Callable[[], bool] = lambda: False  # whether all the applicant was asked has run out of time
    anew: "Anew | None" = None  # the decision that is being corrected


@dataclass(frozen=True)
class Handling:
    """What an official may need training for: the permit kind asked for, the customs office that is concerned."""

    permit_kind: str | None = None
    office: str | None = None


Effect = Callable[[CaseContext], None]


@dataclass(frozen=True)
class ServiceDefinition:
    """One e-service. See ``docs/services.md`` for what each piece is shown or used for."""

    code: str  # "registration": folder, URL and database value
    title: Text  # "Register a business"
    noun: Text  # "business registration"
    introduction: Text
    reference_prefix: str  # "BR" in BR-2026-00042-K
    needs_business: bool  # the applicant must act for an active business
    agency: Callable[[Pack, JsonObject], str]
    agencies: Callable[[Pack], tuple[str, ...]]  # all agencies that may receive it
    standard_days: Callable[[Pack, JsonObject], int]  # working days promised
    steps: tuple[Step, ...]
    documents: Callable[[Pack, JsonObject], tuple[DocumentRequirement, ...]]
    workflow: Workflow
    fee: Callable[[Pack, JsonObject], tuple[FeeRule, ...]]
    case_title: Callable[[Pack, JsonObject], str]  # what the case is about, in lists
    rules: Callable[[CaseContext], list[Problem]]  # across steps and registers, at submission
    checks: Callable[[CaseContext], list[Check]]  # for the reviewer
    effects: Mapping[Action, Effect]  # inside the transition's transaction; APPROVE issues
    facts: Callable[[Session, Pack, "Case"], JsonObject]  # look-ups the forms need (StepContext.facts)
    declaration: Text  # what the applicant declares when submitting
    record_kinds: tuple[str, ...]  # kinds of record that approval issues
    prefill: Callable[[Session, Pack, "Case", JsonObject], dict[str, JsonObject]]
    # What makes two cases alike: the kind, a colon, and the goods or activity in short.
    likeness: Callable[[Pack, JsonObject], str] = lambda pack, data: ""
    standard_hours: Callable[[Pack, JsonObject], int | None] = lambda pack, data: None  # where it is less than a day
    # The law or order by which it decides, as the pack of the day names it.
    legal_basis: Callable[[Pack, JsonObject], str] = lambda pack, data: ""
    fee_base: Callable[[Pack, JsonObject], Money | None] = lambda pack, data: None  # what a percentage is taken of
    handling: Callable[[Pack, JsonObject], Handling] = lambda pack, data: Handling()
    traits: Callable[[Pack, JsonObject, date], Traits] = lambda pack, data, day: Traits()  # on the day it was sent
    review_template: str | None = None  # an extra panel for the reviewer
    layers: "tuple[Layer, ...]" = ()  # what an auditor's sample of its cases may be layered by
    amounts: "tuple[Amount, ...]" = ()  # or weighted by


_services: dict[str, ServiceDefinition] = {}


def install(definitions: tuple[ServiceDefinition, ...]) -> None:
    """Replace the register (called once at start-up with ``app.installed.SERVICES``)."""
    _services.clear()
    for definition in definitions:
        if definition.code in _services:
            raise ValueError(f"service {definition.code} is installed twice")
        _services[definition.code] = definition


def service(code: str) -> ServiceDefinition:
    return _services[code]


def find(code: str) -> ServiceDefinition | None:
    return _services.get(code)


def services() -> tuple[ServiceDefinition, ...]:
    return tuple(_services.values())
