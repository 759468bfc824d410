"""A licence's file is needed as long as a permit it led to is in force, and its period counts from the last day."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, exists, func, select

from app.cases import due
from app.cases.models import Case
from app.permits.models import Permit


def _needed(before: datetime) -> ColumnElement[bool]:
    return exists().where(Permit.case_id == Case.id, Permit.expires_at >= before)


def _ended() -> ColumnElement[Any]:
    return select(func.max(Permit.expires_at)).where(Permit.case_id == Case.id).scalar_subquery()


due.starts("permit_ended", due.Start(_needed, _ended))
