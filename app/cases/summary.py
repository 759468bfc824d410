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
    session: Session, definition: ServiceDefinition, pack: Pack, case: Case, answers: JsonObject
) -> list[Section]:
    """The answers of every step, in the reader's language and form."""
    context = StepContext(pack=pack, answers=answers, facts=definition.facts(session, pack, case))
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


def differences(
    session: Session, definition: ServiceDefinition, pack: Pack, case: Case, old: Submission, new: Submission
) -> list[Difference]:
    """Every answer and document that differs, in the order of the pages."""
    before = _flat(sections(session, definition, pack, case, old.data), old)
    after = _flat(sections(session, definition, pack, case, new.data), new)
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


def _flat(found: list[Section], submission: Submission) -> dict[str, Row]:
    rows = {row.path: row for section in found for row in section.rows}
    for document in submission.documents:
        path = f"documents.{document['code']}.{document['sha256'][:8]}"
        rows[path] = Row(path, document["code"], document["filename"])
    return rows
