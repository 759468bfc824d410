"""What goes on beside a case: advice that was asked for and visits, for its page on the desk."""

from dataclasses import dataclass
from typing import Any

from app.cases import advice_mail, inspection_reports, standstill
from app.cases.advice_models import OPINION_TITLES, Advice
from app.cases.advice_models import STATE_KINDS as ADVICE_KINDS
from app.cases.advice_models import STATE_TITLES as ADVICE_TITLES
from app.cases.advice_view import late
from app.cases.inspection_models import RESULT_KINDS, RESULT_TITLES, Inspection, InspectionReport
from app.cases.inspection_models import STATE_KINDS as VISIT_KINDS
from app.cases.inspection_models import STATE_TITLES as VISIT_TITLES
from app.cases.rows import Rows
from app.jurisdictions.model import Pack


@dataclass(frozen=True)
class Beside:
    """``open``: references of what is still waited for. ``reports`` are those that stand."""

    advice: list[Advice]
    visits: list[Inspection]
    reports: list[InspectionReport]
    advisers: dict[int, str]
    open: list[str]
    standing: list[standstill.Cause]
    titles: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """What is waited for, in words."""
        return [self.advisers[each.id] for each in self.advice if each.open]


def of(pack: Pack, rows: Rows) -> Beside:
    causes: list[standstill.Cause] = [*rows.advice, *rows.visits]
    return Beside(
        rows.advice,
        rows.visits,
        inspection_reports.latest(rows.reports),
        {each.id: advice_mail.adviser_name(pack, each) for each in rows.advice},
        [each.reference for each in causes if each.ended_at is None],
        standstill.stands_for(causes),
        {
            "advice": (ADVICE_TITLES, ADVICE_KINDS),
            "visit": (VISIT_TITLES, VISIT_KINDS),
            "result": (RESULT_TITLES, RESULT_KINDS),
            "opinion": OPINION_TITLES,
            "late": late,
        },
    )
