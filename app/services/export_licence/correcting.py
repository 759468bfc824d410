"""What becomes of the permit while the decision behind it is corrected: suspended, then given back, replaced or ended.

A permit is never edited. One that is issued by the new decision names the one it replaces, and allows what that one
had not yet let out of the country. Goods that are only reserved on a permit that ends must be declared anew.
"""

from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal

from sqlalchemy.orm import Session

from app.cases import grounds
from app.cases.models import Outcome
from app.cases.registry import CaseContext
from app.core import clock
from app.core.errors import NotAllowed
from app.core.i18n import gettext as _
from app.core.i18n import use_locale
from app.core.money import Money
from app.permits import changes, lifecycle, lookup
from app.permits.lifecycle import LineSpec, ReasonCode
from app.permits.models import Permit, PermitEvent, PermitState


def permits(context: CaseContext) -> list[Permit]:
    """What the case's decisions issued, the latest last."""
    return lookup.by_case(context.session, context.case.id)


def suspend(context: CaseContext) -> None:
    """Of the decision that is opened again; a permit that is not in force stays as it is."""
    assert context.anew is not None
    for permit in permits(context):
        if PermitState.SUSPENDED in lifecycle.possible(permit, clock.now()):
            correction = context.anew.correction
            with use_locale(context.pack.locale(context.pack.default_language), context.pack.zone):
                reason = grounds.told(correction.reasons, correction.reason)
            lifecycle.suspend(context.session, permit, context.actor, reason, reason_code=ReasonCode.CORRECTION)


def stands(context: CaseContext, permit: Permit) -> bool:
    """Whether the new decision is the old one, so that nothing new is issued.

    Raises NotAllowed when it is another and the permit was revoked for another reason meanwhile: that is for ever.
    """
    assert context.anew is not None and context.submission is not None
    if context.anew.confirms(Outcome.APPROVE.value, context.conditions, context.submission.id):
        return True
    revoked = permit.stored_state is PermitState.REVOKED
    if revoked and _last(context.session, permit).reason_code != ReasonCode.CORRECTION:
        raise NotAllowed(
            _("The permit was revoked for another reason. Confirm the decision as it was, or refuse."), code="revoked"
        )
    return False


def resume(context: CaseContext, permit: Permit) -> None:
    """Give it back, unless it was suspended for something else, or its time is over."""
    if not _suspended_for_this(context.session, permit):
        return
    if PermitState.ACTIVE in lifecycle.possible(permit, clock.now()):
        lifecycle.reinstate(context.session, permit, context.actor, _sentence(context, confirmed=True))


def _suspended_for_this(session: Session, permit: Permit) -> bool:
    last = _last(session, permit)
    return last.to_state == PermitState.SUSPENDED and last.reason_code == ReasonCode.CORRECTION


def _last(session: Session, permit: Permit) -> PermitEvent:
    return lookup.history(session, permit.id)[-1]


def end(context: CaseContext, permit: Permit) -> None:
    """From here on nothing leaves on it, and its lines say how much has left."""
    changes.lock(context.session, permit.id)
    for each in permit.lines:
        context.session.refresh(each)
    if PermitState.REVOKED in lifecycle.possible(permit, clock.now()):
        reason = _sentence(context, confirmed=False)
        lifecycle.revoke(context.session, permit, context.actor, reason, reason_code=ReasonCode.CORRECTION)


def refuse(context: CaseContext) -> None:
    """A refusal ends what an earlier decision of the case issued; the first one finds nothing."""
    for permit in permits(context) if context.anew is not None else []:
        end(context, permit)


def without_used(before: list[Permit], line: LineSpec) -> LineSpec:
    """The line less what left the country under the earlier permits of the case, its value in proportion.

    Raises NotAllowed when nothing is left to allow, and when what left was counted in another unit.
    """
    drawn = [each for permit in before for each in permit.lines if each.consumed]
    if any(each.unit != line.unit for each in drawn):
        raise NotAllowed(
            _("Goods have left on the earlier permit, counted in another unit. Ask the applicant for the same unit."),
            code="other_unit",
        )
    used = sum((each.consumed for each in drawn), Decimal(0))
    left = line.quantity - used
    if left <= 0:
        raise NotAllowed(
            _("All that the earlier permit allows has left the country. Confirm the decision, or refuse."),
            code="nothing_left",
        )
    minor = (Decimal(line.value.minor) * left / line.quantity).quantize(Decimal(1), ROUND_HALF_EVEN)
    return replace(line, quantity=left, value=Money(int(minor), line.value.currency))


def _sentence(context: CaseContext, *, confirmed: bool) -> str:
    """For the holder, in the country's first language as the paper is."""
    with use_locale(context.pack.locale(context.pack.default_language), context.pack.zone):
        if confirmed:
            return _("The decision in case %(reference)s was confirmed.", reference=context.case.reference)
        return _("The decision in case %(reference)s was corrected.", reference=context.case.reference)
