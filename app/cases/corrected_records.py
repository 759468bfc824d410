"""What the public reads about a document whose decision was corrected: that it was, and what stands in its place."""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import registry
from app.cases.appeal_models import Correction
from app.cases.models import Case, Decision, Outcome
from app.core.i18n import format_date, zone
from app.core.i18n import gettext as _
from app.documents import records
from app.documents.models import Record
from app.documents.records import Corrected, Standing, Verification


@records.on_verified
def remark(session: Session, record: Record, found: Verification) -> Verification:
    """Of what an approval issued before a correction was opened; nothing else changes."""
    case = session.get(Case, record.case_id) if record.case_id is not None else None
    definition = registry.find(case.service) if case is not None else None
    if case is None or definition is None or record.kind not in definition.record_kinds:
        return found
    correction = session.scalar(
        select(Correction)
        .where(Correction.case_id == case.id, Correction.opened_at >= record.issued_at)
        .order_by(Correction.id.desc())
        .limit(1)
    )
    if correction is None:
        return found
    decision = session.scalar(select(Decision).where(Decision.corrects_id == correction.decision_id))
    if decision is None:
        return replace(found, correction=Corrected(_("The decision behind this document is being looked at again.")))
    day = format_date(decision.decided_at.astimezone(zone()).date())
    if decision.outcome == Outcome.REFUSE:
        text = _("The decision behind this document was corrected on %(date)s: it was taken back.", date=day)
        return _ended(found, Corrected(text))
    after = session.scalar(
        select(Record)
        .where(Record.case_id == case.id, Record.kind == record.kind, Record.id > record.id)
        .order_by(Record.id.desc())
        .limit(1)
    )
    if after is None:
        text = _("The decision behind this document was looked at again and confirmed on %(date)s.", date=day)
        return replace(found, correction=Corrected(text))
    text = _("The decision behind this document was corrected on %(date)s.", date=day)
    return _ended(found, Corrected(text, after.number, after.code))


def _ended(found: Verification, correction: Corrected) -> Verification:
    """Whatever stands in the register now is not what this paper says."""
    state = Standing.REVOKED if found.state in {Standing.VALID, Standing.SUSPENDED} else found.state
    return replace(found, state=state, correction=correction)
