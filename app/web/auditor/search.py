"""Finding things by a word or a number: one indexed statement for each kind of thing, paged by key.

Every word is looked for by a trigram index (so at least three characters), whatever the number of rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, or_, select, tuple_
from sqlalchemy.orm import Session

from app.businesses import names
from app.businesses.models import Business
from app.cases.models import Case, CaseEvent
from app.cases.search import bears
from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.documents import codes
from app.documents.models import Record
from app.identity.models import User
from app.jurisdictions.model import Pack
from app.permits.models import Permit

PAGE = 25
FEW = 5  # of each other kind, beside the cases

KINDS: dict[str, Text] = {
    "cases": _l("Cases"),
    "businesses": _l("Businesses"),
    "permits": _l("Permits"),
    "records": _l("Issued documents"),
    "people": _l("People"),
}


@dataclass(frozen=True)
class CaseFilters:
    """Empty parts mean "all". ``since`` and ``until`` are days, both included, of the country's time."""

    query: str = ""
    service: str = ""
    state: str = ""
    agency: str = ""
    business: str = ""  # the registration number
    official: str = ""  # the e-mail address of somebody who acted on the case
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True)
class Found:
    """``more``: there are others after these."""

    rows: Sequence[Any]
    more: bool = False


def matching(pack: Pack, filters: CaseFilters) -> Select[Case]:
    """The cases of the filters, in no order."""
    statement = select(Case)
    if filters.query:
        for word in filters.query.upper().split():
            statement = statement.where(bears(word))
    if filters.service:
        statement = statement.where(Case.service == filters.service)
    if filters.state:
        statement = statement.where(Case.state == filters.state)
    if filters.agency:
        statement = statement.where(Case.agency == filters.agency)
    if filters.business:
        number = select(Business.id).where(Business.number == filters.business).scalar_subquery()
        statement = statement.where(Case.business_id == number)
    if filters.official:
        who = select(User.id).where(User.email == filters.official.lower()).scalar_subquery()
        statement = statement.where(Case.id.in_(select(CaseEvent.case_id).where(CaseEvent.actor_id == who)))
    begin, end = bounds(pack, filters.since, filters.until)
    if begin is not None:
        # What was received since then was also changed since then, and by that the list is in order.
        statement = statement.where(Case.submitted_at >= begin, Case.updated_at >= begin)
    if end is not None:
        statement = statement.where(Case.submitted_at < end)
    return statement


def bounds(pack: Pack, since: date | None, until: date | None) -> tuple[datetime | None, datetime | None]:
    """The first moment of a period and the first after it."""
    begin = datetime.combine(since, time.min, pack.zone) if since else None
    end = datetime.combine(until + timedelta(days=1), time.min, pack.zone) if until and until < date.max else None
    return begin, end


def cases(
    session: Session, pack: Pack, filters: CaseFilters, *, after: tuple[datetime, int] | None = None, limit: int = PAGE
) -> Found:
    """The latest changed first."""
    statement = matching(pack, filters)
    if after is not None:
        statement = statement.where(tuple_(Case.updated_at, Case.id) < after)
    return _cut(session, statement.order_by(Case.updated_at.desc(), Case.id.desc()), limit)


def businesses(session: Session, pack: Pack, query: str, *, before: int | None = None, limit: int = PAGE) -> Found:
    """By name, by registration number or by tax number; the newest first."""
    asked = query.strip().upper()
    sought = names.search_key(pack, query)
    either = [Business.number == asked, Business.tax_number == asked]
    if len(sought) >= 3:
        either.append(Business.search_key.contains(sought, autoescape=True))
    statement = select(Business).where(or_(*either))
    return _cut(session, _older(statement, Business.id, before), limit)


def permits(session: Session, query: str, *, before: int | None = None, limit: int = PAGE) -> Found:
    statement = select(Permit).where(Permit.number.contains(query.strip().upper(), autoescape=True))
    return _cut(session, _older(statement, Permit.id, before), limit)


def records(session: Session, query: str, *, before: int | None = None, limit: int = PAGE) -> Found:
    """By part of the number, or by the whole code that is printed on the paper."""
    statement = select(Record).where(
        or_(Record.number.contains(query.strip().upper(), autoescape=True), Record.code == codes.tidy(query))
    )
    return _cut(session, _older(statement, Record.id, before), limit)


def people(session: Session, query: str, *, before: int | None = None, limit: int = PAGE) -> Found:
    """Whoever has an account and so may have acted."""
    statement = select(User)
    for word in query.split():
        statement = statement.where(User.name.icontains(word, autoescape=True))
    return _cut(session, _older(statement, User.id, before), limit)


def _older(statement: Select[Any], key: Any, before: int | None) -> Select[Any]:
    if before is not None:
        statement = statement.where(key < before)
    return statement.order_by(key.desc())


def _cut(session: Session, statement: Select[Any], limit: int) -> Found:
    rows = session.scalars(statement.limit(limit + 1)).all()
    return Found(rows[:limit], len(rows) > limit)
