"""Drafts: what the applicant typed, step by step, kept exactly; and whether it is complete.

A step is kept as ``{"raw": {field: [values]}, "clean": {...}, "complete": bool}``: ``raw`` is as typed and is
what the page shows again and what is validated at submission; ``clean`` is JSON for the other steps to look at.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.cases import access, registry
from app.cases.models import Case
from app.cases.registry import DocumentRequirement, JsonObject, ServiceDefinition, Step, StepContext, StepForm
from app.cases.workflow import State
from app.core import clock
from app.core.errors import NotAllowed, Problem
from app.core.i18n import gettext as _
from app.documents import uploads
from app.jurisdictions.model import Pack

EDITABLE = frozenset({State.DRAFT, State.RETURNED})


@dataclass(frozen=True)
class StepStatus:
    step: Step
    started: bool
    complete: bool
    asked: bool = False  # named in the open information request


@dataclass(frozen=True)
class Evaluation:
    """``answers`` are clean and whole only when ``problems`` is empty; a problem's field is ``step.field``."""

    answers: JsonObject
    problems: list[Problem]


def editable(case: Case) -> bool:
    return State(case.state) in EDITABLE


def context(session: Session, definition: ServiceDefinition, pack: Pack, case: Case) -> StepContext:
    answers = {key: kept["clean"] for key, kept in case.draft.items() if kept.get("clean") is not None}
    return StepContext(pack=pack, answers=answers, facts=definition.facts(session, pack, case))


def applicable(definition: ServiceDefinition, step_context: StepContext) -> list[Step]:
    return [step for step in definition.steps if step.applies(step_context)]


def form(step: Step, case: Case, step_context: StepContext, formdata: Any = None) -> StepForm:
    """The step's form: with what was just posted, else as typed before, else filled in from what is known."""
    kept = case.draft.get(step.key, {})
    if formdata is not None:
        return step.form(formdata, context=step_context)  # type: ignore[no-any-return]
    if kept.get("raw"):
        return step.form(kept["raw"], context=step_context)  # type: ignore[no-any-return]
    return step.form(None, data=kept.get("prefill") or None, context=step_context)  # type: ignore[no-any-return]


def save(session: Session, case: Case, step: Step, filled: StepForm, *, complete: bool) -> None:
    """Keep what was typed, right or wrong. Raises NotAllowed when the case is no longer the applicant's to edit."""
    locked = access.lock(session, case.id)
    if not editable(locked):
        raise NotAllowed(registry.service(locked.service).workflow.words.already_sent)
    kept: dict[str, Any] = dict(locked.draft.get(step.key, {}))
    kept.update(raw=filled.raw(), clean=filled.clean(), complete=complete)
    locked.draft = {**locked.draft, step.key: kept}
    locked.updated_at = clock.now()
    session.flush()


def statuses(
    definition: ServiceDefinition, case: Case, step_context: StepContext, asked: frozenset[str] = frozenset()
) -> list[StepStatus]:
    return [
        StepStatus(
            step,
            started=bool(case.draft.get(step.key)),
            complete=bool(case.draft.get(step.key, {}).get("complete")),
            asked=step.key in asked,
        )
        for step in applicable(definition, step_context)
    ]


def evaluate(session: Session, definition: ServiceDefinition, pack: Pack, case: Case) -> Evaluation:
    """Validate every step anew from what was typed: a draft saved under older rules is not taken on trust."""
    problems: list[Problem] = []
    answers: JsonObject = {}
    base = context(session, definition, pack, case)
    for step in definition.steps:
        so_far = StepContext(pack=pack, answers={**base.answers, **answers}, facts=base.facts)
        if not step.applies(so_far):
            continue
        if not case.draft.get(step.key, {}).get("raw"):
            problems.append(Problem(_("Complete “%(step)s”.", step=str(step.title)), step.key, "incomplete"))
            continue
        filled = form(step, case, so_far)
        if filled.validate():
            answers[step.key] = filled.clean()
        else:
            problems += [
                Problem(problem.message, f"{step.key}.{problem.field or ''}".rstrip("."), problem.code)
                for problem in filled.problems()
            ]
    return Evaluation(answers, problems)


def missing_documents(
    session: Session, requirements: tuple[DocumentRequirement, ...], case: Case
) -> list[DocumentRequirement]:
    held = {upload.code for upload in uploads.for_case(session, case.id)}
    return [requirement for requirement in requirements if requirement.required and requirement.code not in held]
