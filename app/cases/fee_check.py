"""Whether a case that was sent again would cost more by its new answers than was paid.

A case has one bill, assessed on the first submission (``fees.charges.assess``); nobody is billed twice behind their
back. So the difference is put before the reviewer, who may ask, refuse or let it be.
"""

from sqlalchemy import select

from app.cases import registry
from app.cases.models import Submission
from app.cases.registry import CaseContext, Check, JsonObject
from app.core.errors import Invalid
from app.core.i18n import gettext as _
from app.core.money import Money
from app.fees import charges


def fee_check(context: CaseContext) -> Check | None:
    """None while there is nothing to say: a first submission, or new answers that cost no more.

    Both submissions are priced by the tariff of today, so that a change of the tariff alone says nothing.
    """
    if context.submission is None or context.submission.number == 1:
        return None
    first = context.session.scalar(
        select(Submission).where(Submission.case_id == context.case.id, Submission.number == 1)
    )
    if first is None:
        return None
    title = _("The fee fits the new answers")
    try:
        before, now = _total(context, first.data), _total(context, context.submission.data)
    except Invalid as error:
        return Check(title, None, error.message, "fee.new_answers")
    if now is None or now.minor <= (before.minor if before is not None else 0):
        return None
    charge = charges.for_case(context.session, context.case.id)
    if charge is None or not charge.settled:
        detail = _("The fee for the new answers would be %(fee)s; nothing was paid.", fee=str(now))
    else:
        detail = _(
            "The fee for the new answers would be %(fee)s; %(paid)s was paid.", fee=str(now), paid=str(charge.total)
        )
    return Check(title, None, detail, "fee.new_answers")


def _total(context: CaseContext, answers: JsonObject) -> Money | None:
    definition = registry.service(context.case.service)
    rules = definition.fee(context.pack, answers)
    return charges.total(context.pack, rules, definition.fee_base(context.pack, answers))
