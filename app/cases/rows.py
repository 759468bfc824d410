"""What hangs on one case, read in one statement: for the desk's page and the case file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, CompoundSelect, bindparam, select, union

from app.cases.models import Case, CaseEvent, Decision, InformationRequest, Note, Recommendation, Submission
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
    select(User.id, User.name).where(User.id.in_(_PEOPLE)),
)


@dataclass(frozen=True)
class Rows:
    """Each list oldest first; ``charges`` has the cancelled ones too. ``names`` are of who applied, has it or acted."""

    submissions: list[Submission]
    events: list[CaseEvent]
    requests: list[InformationRequest]
    recommendations: list[Recommendation]
    decision: Decision | None
    notes: list[Note]
    charges: list[Charge]
    records: list[Record]
    names: dict[int, str]

    @classmethod
    def of(cls, found: Sequence[list[Any]]) -> "Rows":
        """``found`` is what ``Together`` reads for ``PARTS``."""
        submissions, events, requests, recommendations, decisions, notes, charges, records, people = found
        return cls(
            submissions,
            events,
            requests,
            recommendations,
            decisions[0] if decisions else None,
            notes,
            charges,
            records,
            dict(tuple(each) for each in people),
        )

    @property
    def submission(self) -> Submission | None:
        """The current one."""
        return self.submissions[-1] if self.submissions else None

    @property
    def recommendation(self) -> Recommendation | None:
        """As ``four_eyes.standing``."""
        return next((each for each in self.recommendations if each.voided_at is None), None)

    @property
    def charge(self) -> Charge | None:
        """As ``fees.charges.for_case``."""
        return next((each for each in reversed(self.charges) if each.state != ChargeState.CANCELLED), None)
