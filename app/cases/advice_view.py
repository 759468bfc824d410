"""What an adviser sees of a case: the parts and papers they were given, without personal data unless they were."""

import re
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.cases import registry, summary
from app.cases.advice_models import OPEN, Advice
from app.cases.models import Case, Submission
from app.core import clock
from app.core.i18n import gettext as _
from app.identity.actor import Actor
from app.identity.models import Membership
from app.jurisdictions.model import Pack

PAGE = 25
# Of every service: all that is asked about a person, and how a business is reached. Free text is not searched.
_PERSONAL = re.compile(r"(^|[.-])(people-\d+-.+|phone|email|document_number|document_kind|nationality|birth\w*)$")


def hidden(path: str) -> bool:
    """Whether the answer at ``step.field`` is personal data."""
    return _PERSONAL.search(path) is not None


def given(session: Session, pack: Pack, advice: Advice, case: Case) -> list[summary.Section]:
    """The chosen parts of the submission as it was when the advice was asked for."""
    definition = registry.service(case.service)
    submission = session.get_one(Submission, advice.submission_id)
    # The forms of chosen steps may look at answers of others, so all are given to them and the rest is left out here.
    sections = summary.sections(session, definition, pack, case, submission.data)
    return [_masked(each, advice) for each in sections if each.step in advice.parts]


def _masked(section: summary.Section, advice: Advice) -> summary.Section:
    if advice.with_people:
        return section
    rows = tuple(replace(row, value=_("hidden")) if row.value and hidden(row.path) else row for row in section.rows)
    return replace(section, rows=rows)


def titles(pack: Pack, case: Case, submission: Submission) -> dict[str, str]:
    """Of the documents, by code."""
    papers = registry.service(case.service).documents(pack, submission.data)
    return {paper.code: str(paper.title) for paper in papers}


# --- the list of the agency that is asked ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    rows: list[tuple[Advice, Case]]
    following: tuple[datetime, int] | None


@dataclass(frozen=True)
class Counts:
    open: int
    late: int


def _visible(actor: Actor) -> ColumnElement[bool]:
    """Of advice with its case: asked of their agencies, not by themselves, and without an interest in the case."""
    interest = exists().where(Membership.user_id == actor.user_id, Membership.business_id == Case.business_id)
    sent = exists().where(Submission.id == Case.current_submission_id, Submission.submitted_by == actor.user_id)
    return and_(
        Advice.asked_of.in_(sorted(actor.agencies)),
        Advice.asked_by != actor.user_id,
        Case.applicant_id != actor.user_id,
        or_(Case.business_id.is_(None), ~interest),
        ~sent,
    )


def listed(session: Session, actor: Actor, *, ended: bool, after: tuple[datetime, int] | None = None) -> Page:
    """Open ones the most urgent first, ended ones the latest first; one statement, paged by key."""
    column = Advice.ended_at if ended else Advice.due_at
    statement = select(Advice, Case).join(Case, Case.id == Advice.case_id).where(_visible(actor))
    statement = statement.where(Advice.ended_at.is_not(None) if ended else Advice.state.in_(sorted(OPEN)))
    if after is not None:
        place = tuple_(column, Advice.id)
        statement = statement.where(place < after if ended else place > after)
    order = (column.desc(), Advice.id.desc()) if ended else (column, Advice.id)
    found = [(each, case) for each, case in session.execute(statement.order_by(*order).limit(PAGE + 1))]
    following = None
    if len(found) > PAGE:
        last = found[PAGE - 1][0]
        moment = last.ended_at if ended else last.due_at
        following = (moment, last.id) if moment is not None else None
    return Page(found[:PAGE], following)


def counts(session: Session, actor: Actor) -> Counts:
    """For the work page of an agency that is asked; one statement."""
    now = clock.now()
    still = Advice.state.in_(sorted(OPEN))
    row = session.execute(
        select(
            func.count().filter(still),
            func.count().filter(and_(still, Advice.due_at < now)),
        )
        .select_from(Advice)
        .join(Case, Case.id == Advice.case_id)
        .where(_visible(actor), still)
    ).one()
    return Counts(row[0], row[1])


def late(advice: Advice) -> bool:
    return advice.open and advice.due_at < clock.now()
