"""What becomes of a business while the decision to register it is corrected: suspended, then given back or struck off.

The entry keeps its number. Where the new decision is about other facts, they are a new version of the entry and a new
certificate; the old certificate says publicly that it was corrected. The permits of a business that is struck off are
suspended, since nobody is left who holds them; their agencies decide what becomes of each.
"""

from sqlalchemy import select

from app.businesses import register
from app.businesses.models import LIVE, Business, BusinessEvent, BusinessState
from app.cases import grounds
from app.cases.models import Outcome
from app.cases.registry import CaseContext
from app.core import clock
from app.core.i18n import gettext as _
from app.core.i18n import use_locale
from app.identity.actor import SYSTEM
from app.permits import lifecycle
from app.permits.models import Permit, PermitState
from app.services.registration import documents, facts


def entered(context: CaseContext) -> Business | None:
    """The business an earlier decision of the case entered in the register."""
    return context.session.scalar(select(Business).where(Business.case_id == context.case.id))


def suspend(context: CaseContext) -> None:
    business = entered(context)
    assert context.anew is not None
    if business is not None and business.active:
        correction = context.anew.correction
        with use_locale(context.pack.locale(context.pack.default_language), context.pack.zone):
            reason = grounds.told(correction.reasons, correction.reason)
        register.suspend(context.session, business, context.actor, reason)


def approve(context: CaseContext, business: Business) -> None:
    """Give the business back; with other facts than before it gets a new version and a new certificate."""
    session, pack, anew, submission = context.session, context.pack, context.anew, context.submission
    assert anew is not None and submission is not None
    reason = _sentence(context)
    if business.standing is BusinessState.STRUCK_OFF:
        register.restore(session, business, context.actor, reason)
    elif business.standing is BusinessState.SUSPENDED and _suspended_for_this(context, business):
        register.reinstate(session, business, context.actor, reason)
    if not anew.confirms(Outcome.APPROVE.value, context.conditions, submission.id):
        register.amend(session, pack, business, facts.from_answers(pack, context.data), actor=context.actor)
        business.record_id = documents.issue(context, business).id


def _suspended_for_this(context: CaseContext, business: Business) -> bool:
    """Whether it was suspended when the correction was opened, not before for something else."""
    assert context.anew is not None
    events = select(BusinessEvent).where(BusinessEvent.business_id == business.id)
    last = context.session.scalars(events.order_by(BusinessEvent.id.desc()).limit(1)).one()
    return last.at >= context.anew.correction.opened_at


def refuse(context: CaseContext) -> None:
    """A refusal strikes off what an earlier decision of the case entered; the first one finds nothing."""
    business = entered(context) if context.anew is not None else None
    if business is None or business.standing not in LIVE:
        return
    reason = _sentence(context)
    register.strike_off(context.session, business, context.actor, reason)
    now = clock.now()
    for permit in context.session.scalars(
        select(Permit).where(Permit.business_id == business.id, Permit.state == PermitState.ACTIVE.value)
    ):
        if PermitState.SUSPENDED in lifecycle.possible(permit, now):
            lifecycle.suspend(context.session, permit, SYSTEM, reason)


def _sentence(context: CaseContext) -> str:
    """For who acts for the business, in the country's first language."""
    with use_locale(context.pack.locale(context.pack.default_language), context.pack.zone):
        return _("The decision in case %(reference)s was looked at again.", reference=context.case.reference)
