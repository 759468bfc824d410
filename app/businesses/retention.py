"""A registration's file is needed as long as the business is in the register, and its period counts from the end."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, or_, select

from app.businesses.models import Business, BusinessEvent, BusinessState
from app.cases import due
from app.cases.models import Case

_OVER = (BusinessState.DISSOLVED.value, BusinessState.STRUCK_OFF.value)
_OF_CASE = or_(Business.case_id == Case.id, Business.id == Case.business_id)


def _needed(before: datetime) -> ColumnElement[bool]:
    ended_later = exists().where(BusinessEvent.business_id == Business.id, BusinessEvent.at >= before)
    return exists().where(_OF_CASE, or_(Business.state.not_in(_OVER), ended_later))


def _ended() -> ColumnElement[Any]:
    last = select(func.max(BusinessEvent.at)).join(Business, Business.id == BusinessEvent.business_id)
    return last.where(_OF_CASE).correlate(Case).scalar_subquery()


due.starts("business_ended", due.Start(_needed, _ended))
