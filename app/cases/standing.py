"""Where a case stands, as its applicant is told: who has it now. Never which official: an agency answers for itself."""

from dataclasses import dataclass

from app.cases.models import Case
from app.cases.workflow import ON_DESK, State
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack


@dataclass(frozen=True)
class Holder:
    """``agency`` in full and short; ``desk`` is its team or office, empty where none is set."""

    agency: str
    short: str
    desk: str


def holder(case: Case, pack: Pack) -> Holder | None:
    """The agency that has the case now; None while its applicant has it, and once it is over."""
    if State(case.state) not in ON_DESK or not case.agency:
        return None
    agency = lookup.agency(pack, case.agency)
    return Holder(agency.name, agency.short, _desk(case, pack))


def _desk(case: Case, pack: Pack) -> str:
    rows = (
        *(row for row in pack.teams if row.code == case.team),
        *(row for row in pack.offices if row.code == case.office),
    )
    return rows[0].name if rows else ""
