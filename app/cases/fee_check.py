"""What a case costs by its answers, and whether one that is sent again would cost more than was paid.

A case has one bill, assessed on the first submission (``fees.charges.assess``); nobody is billed twice behind their
back. So the difference is put before the applicant who is about to send, and before the reviewer, who may ask, refuse
or let it be.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.cases import registry
from app.cases.models import Case, Submission
from app.cases.registry import CaseContext, Check, JsonObject
from app.cases.rows import Rows
from app.core.errors import Invalid
from app.core.i18n import gettext as _
from app.core.money import Money
from app.fees import charges
from app.jurisdictions.model import Pack


@dataclass(frozen=True)
class Dearer:
    """``paid`` is None where nothing was."""

    fee: Money
    paid: Money | None


def price(pack: Pack, case: Case, answers: JsonObject) -> Money | None:
    """What ``answers``, which are complete, cost today; None when nothing. Raises Invalid without a rate."""
    definition = registry.service(case.service)
    return charges.total(pack, definition.fee(pack, answers), definition.fee_base(pack, answers))


def dearer(session: Session, pack: Pack, case: Case, answers: JsonObject, rows: Rows | None = None) -> Dearer | None:
    """None while ``answers`` cost no more than the first submission, or than what was paid. Raises Invalid as above.

    Both are priced by the tariff of today, so that a change of the tariff alone says nothing. ``rows`` are the case's,
    where the caller has read them.
    """
    if rows is not None:
        first = rows.submissions[0] if rows.submissions else None
    else:
        first = session.scalar(select(Submission).where(Submission.case_id == case.id, Submission.number == 1))
    if first is None:
        return None
    before, now = price(pack, case, first.data), price(pack, case, answers)
    if now is None or now.minor <= (before.minor if before is not None else 0):
        return None
    charge = rows.charge if rows is not None else charges.for_case(session, case.id)
    paid = charge.total if charge is not None and charge.settled else None
    if paid is not None and paid.currency == now.currency and now.minor <= paid.minor:
        return None
    return Dearer(now, paid)


def fee_check(context: CaseContext, rows: Rows | None = None) -> Check | None:
    """For the reviewer; None while there is nothing to say."""
    if context.submission is None or context.submission.number == 1:
        return None
    title = _("The fee fits the new answers")
    try:
        found = dearer(context.session, context.pack, context.case, context.submission.data, rows)
    except Invalid as error:
        return Check(title, None, error.message, "fee.new_answers")
    if found is None:
        return None
    if found.paid is None:
        detail = _(
            "The fee for the new answers would be %(fee)s; nothing was paid. The portal does not bill the difference: "
            "accept that, or refuse, and a new application pays the whole fee.",
            fee=str(found.fee),
        )
    else:
        detail = _(
            "The fee for the new answers would be %(fee)s; %(paid)s was paid. The portal does not bill the difference: "
            "accept that, or refuse, and a new application pays the whole fee.",
            fee=str(found.fee),
            paid=str(found.paid),
        )
    return Check(title, None, detail, "fee.new_answers")
