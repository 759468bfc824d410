"""What an applicant is told of advice and visits: that they are waited for, never what an adviser wrote."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import verbs
from app.cases import advice_mail, inspection_reports, inspections, standstill
from app.cases.advice_models import Advice
from app.cases.inspection_models import Inspection, InspectionReport, VisitState
from app.cases.models import Case
from app.cases.rows import CASE
from app.core.together import Together
from app.jurisdictions.model import Pack

_ROWS = Together(
    *(select(model).where(model.case_id == CASE) for model in (Advice, Inspection, InspectionReport)),
)


@dataclass(frozen=True)
class Moment:
    """What happened with a visit, for the applicant's history; ``action`` is its audit verb."""

    at: datetime
    action: str
    title: str


@dataclass(frozen=True)
class Around:
    """``advice``: the open ones, each with the words for its adviser; ``reports`` those that stand, by visit."""

    advice: list[tuple[Advice, str]]
    visits: list[Inspection]
    reports: dict[int, InspectionReport]
    standing: list[standstill.Cause]

    def moments(self) -> list[Moment]:
        found: list[tuple[datetime | None, str]] = []
        for visit in self.visits:
            report = self.reports.get(visit.id)
            found += [
                (visit.planned_at, inspections.PLANNED),
                (visit.confirmed_at, inspections.CONFIRMED),
                (visit.asked_again_at, inspections.ASKED_AGAIN),
                (visit.ended_at if visit.state == VisitState.CANCELLED else None, inspections.CANCELLED),
                (report.written_at if report is not None else None, inspections.REPORTED),
            ]
        return [Moment(at, action, verbs.title(action)) for at, action in found if at is not None]


def of(session: Session, pack: Pack, case: Case) -> Around:
    """One statement."""
    advices, visits, reports = _ROWS.read(session, case=case.id)
    return Around(
        [(each, advice_mail.adviser_name(pack, each)) for each in advices if each.open],
        visits,
        {each.inspection_id: each for each in inspection_reports.latest(reports)},
        standstill.stands_for([*advices, *visits]),
    )
