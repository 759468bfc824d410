"""Decided cases like the one at hand: the same service, kind and goods, whoever's they are."""

from sqlalchemy import bindparam, exists, literal_column, select

from app.cases.models import Case, Decision
from app.cases.rows import CASE
from app.core.together import Statement
from app.identity.models import Membership

MOST = 5
COLUMNS = ("id", "reference", "decided_at", "outcome", "reason", "reasons", "conditions")

# For ``Together``, with ``case``, ``service``, ``likeness``, ``reader`` and ``agencies``. Their titles are left out,
# since a registration's is the name of the business.
STATEMENT: Statement = (
    select(
        Case.id,
        Case.reference,
        Case.decided_at,
        Decision.outcome,
        Decision.reason,
        Decision.reasons,
        Decision.conditions,
    )
    .join(Decision, Decision.case_id == Case.id)
    .where(
        Case.service == bindparam("service"),
        Case.likeness == bindparam("likeness"),
        Case.likeness != literal_column("''"),  # a constant: only then is the partial index known to fit
        Case.decided_at.is_not(None),  # a case that is decided anew is like nothing yet
        Decision.decided_at == Case.decided_at,  # the decision in force
        Case.id != CASE,
        Case.agency.in_(bindparam("agencies", expanding=True)),
        Case.applicant_id != bindparam("reader"),
        ~exists().where(Membership.user_id == bindparam("reader"), Membership.business_id == Case.business_id),
    )
    .order_by(Case.decided_at.desc())
    .limit(MOST)
)
