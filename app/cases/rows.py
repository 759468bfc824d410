"""What hangs on one case, read in one statement: for the desk's page and the case file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, bindparam, select, union

from app.cases import holds, routed_events
from app.cases.advice_models import Advice
from app.cases.appeal_models import Appeal, Correction, CorrectionBar
from app.cases.corrections import Anew, Bars
from app.cases.flags_models import CaseFlag
from app.cases.inspection_models import Inspection, InspectionReport
from app.cases.models import (
    Case,
    CaseEvent,
    Decision,
    InformationRequest,
    Note,
    Recommendation,
    Submission,
)
from app.cases.retention_models import LegalHold
from app.cases.silence_models import SilenceHold
from app.core.together import Statement
from app.documents.models import Record
from app.fees.models import Charge, ChargeState
from app.identity.models import User

CASE: BindParameter[int] = bindparam("case")  # its id
_ACTED = (
    Submission.submitted_by,
    InformationRequest.asked_by,
    Recommendation.recommended_by,
    Decision.decided_by,
    Note.author_id,
    Advice.asked_by,
    Advice.taken_by,
    Advice.answered_by,
    InspectionReport.written_by,
    Correction.opened_by,
    Appeal.appealed_by,
    Appeal.judged_by,
    Appeal.withdrawn_by,
    CaseFlag.cleared_by,
)
_PEOPLE: CompoundSelect[Any] = union(
    *(select(column).where(Case.id == CASE) for column in (Case.applicant_id, Case.assigned_to)),
    *(select(column).where(column.class_.case_id == CASE) for column in _ACTED),
)
PARTS: tuple[Statement, ...] = (
    *(
        select(model).where(model.case_id == CASE)
        for model in (Submission, CaseEvent, InformationRequest, Recommendation, Decision, Note, Charge, Record)
    ),
    select(SilenceHold).where(SilenceHold.case_id == CASE),
    select(User.id, User.name).where(User.id.in_(_PEOPLE)),
    *(select(model).where(model.case_id == CASE) for model in (Correction, CorrectionBar, Appeal)),
    *(select(model).where(model.case_id == CASE) for model in (Advice, Inspection, InspectionReport)),
    select(CaseFlag).where(CaseFlag.case_id == CASE),
    routed_events.ENTRIES,
    holds.OF_CASE,
)


@dataclass(frozen=True)
class Rows:
    """Each list oldest first; ``charges`` has the cancelled ones too. ``names`` are of who applied, has it or acted."""

    submissions: list[Submission]
    events: list[CaseEvent]
    requests: list[InformationRequest]
    recommendations: list[Recommendation]
    decisions: list[Decision]
    notes: list[Note]
    charges: list[Charge]
    records: list[Record]
    holds: list[SilenceHold]  # why silence could not decide, by day
    names: dict[int, str]
    corrections: list[Correction]
    barred: list[CorrectionBar]  # from corrections, those that are done too
    appeals: list[Appeal]
    advice: list[Advice]
    visits: list[Inspection]
    reports: list[InspectionReport]
    all_flags: list[CaseFlag]  # the lapsed ones too
    routed: list[Any]  # entries of the log: ``routed_events.ENTRIES``
    legal_holds: list[LegalHold]  # those that stand

    @classmethod
    def of(cls, found: Sequence[list[Any]]) -> "Rows":
        """``found`` is what ``Together`` reads for ``PARTS``."""
        submissions, events, requests, recommendations, decisions, notes, charges, records, holds, people, *rest = found
        return cls(
            submissions,
            events,
            requests,
            recommendations,
            decisions,
            notes,
            charges,
            records,
            holds,
            dict(tuple(each) for each in people),
            *rest,
        )

    @property
    def decision(self) -> Decision | None:
        """The latest: in force, unless it is being corrected."""
        return self.decisions[-1] if self.decisions else None

    def anew(self, case: Case) -> Anew | None:
        """As ``corrections.under_way``."""
        if case.correction_id is None:
            return None
        correction = next(each for each in self.corrections if each.id == case.correction_id)
        return Anew(correction, next(each for each in self.decisions if each.id == correction.decision_id))

    def bars(self, case: Case) -> Bars:
        """As ``corrections.bars_of``."""
        return {each.user_id: each.scope for each in self.barred if each.correction_id == case.correction_id}

    @property
    def submission(self) -> Submission | None:
        """The current one."""
        return self.submissions[-1] if self.submissions else None

    @property
    def flags(self) -> list[CaseFlag]:
        """As ``flags.of_case``."""
        return [each for each in self.all_flags if each.lapsed_at is None]

    @property
    def recommendation(self) -> Recommendation | None:
        """As ``four_eyes.standing``."""
        return next((each for each in self.recommendations if each.voided_at is None), None)

    @property
    def charge(self) -> Charge | None:
        """As ``fees.charges.for_case``."""
        return next((each for each in reversed(self.charges) if each.state != ChargeState.CANCELLED), None)
