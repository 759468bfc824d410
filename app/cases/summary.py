"""Answers as people read them, and what changed between two submissions, field by field."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.cases.models import Case, Submission
from app.cases.registry import JsonObject, ServiceDefinition, StepContext
from app.core.i18n import Text
from app.jurisdictions.model import Pack


@dataclass(frozen=True)
class Row:
    """``path`` is ``step.field``; an empty ``value`` means nothing was answered."""

    path: str
    label: str
    value: str


@dataclass(frozen=True)
class Section:
    step: str
    title: Text
    rows: tuple[Row, ...]


def sections(
    session: Session,
    definition: ServiceDefinition,
    pack: Pack,
    case: Case,
    answers: JsonObject,
    *,
    facts: JsonObject | None = None,
) -> list[Section]:
    """The answers of every step, in the reader's language and form. ``facts``: the case's, where they are at hand."""
    if facts is None:
        facts = definition.facts(session, pack, case)
    context = StepContext(pack=pack, answers=answers, facts=facts)
    found = []
    for step in definition.steps:
        if step.key not in answers or not step.applies(context):
            continue
        form = step.form(None, data=answers[step.key], context=context)
        rows = tuple(Row(f"{step.key}.{row.path}", row.label, row.value) for row in form.summary())
        found.append(Section(step.key, step.title, rows))
    return found


@dataclass(frozen=True)
class Difference:
    path: str
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Sent:
    """A submission, and its answers as people read them."""

    submission: Submission
    sections: list[Section]


def differences(definition: ServiceDefinition, pack: Pack, old: Sent, new: Sent) -> list[Difference]:
    """Every answer and document that differs, in the order of the pages."""
    titles = {
        requirement.code: str(requirement.title)
        for sent in (old, new)
        for requirement in definition.documents(pack, sent.submission.data)
    }
    before, after = _flat(old, titles), _flat(new, titles)
    paths = list(after) + [path for path in before if path not in after]
    return [
        Difference(
            path,
            (after.get(path) or before[path]).label,
            before[path].value if path in before else "",
            after[path].value if path in after else "",
        )
        for path in paths
        if (before[path].value if path in before else "") != (after[path].value if path in after else "")
    ]


def _flat(sent: Sent, titles: dict[str, str]) -> dict[str, Row]:
    """``titles`` are of the documents; one that the rules no longer know keeps its code."""
    rows = {row.path: row for section in sent.sections for row in section.rows}
    for document in sent.submission.documents:
        path = f"documents.{document['code']}.{document['sha256'][:8]}"
        rows[path] = Row(path, titles.get(document["code"], document["code"]), document["filename"])
    return rows
