"""Finding people, for administrators."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.identity.models import AgencyMember, User

PAGE = 50


@dataclass(frozen=True)
class Person:
    user: User
    agencies: tuple[str, ...]


@dataclass(frozen=True)
class PeoplePage:
    """``next`` is what to pass as ``after`` for the following page, None at the end."""

    people: Sequence[Person]
    next: int | None


_AGENCIES = (
    select(func.array_agg(AgencyMember.agency)).where(AgencyMember.user_id == User.id).correlate(User).scalar_subquery()
)


def search(
    session: Session, *, query: str = "", role: str = "", agency: str = "", after: int | None = None
) -> PeoplePage:
    """People whose name or address holds every word of ``query``; the newest first, paged by key."""
    statement = select(User, _AGENCIES)
    for word in query.split():
        pattern = "%" + word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
        statement = statement.where(or_(User.name.ilike(pattern, escape="\\"), User.email.ilike(pattern, escape="\\")))
    if role:
        statement = statement.where(User.role == role)
    if agency:
        member = select(AgencyMember.user_id).where(AgencyMember.agency == agency)
        statement = statement.where(User.id.in_(member))
    if after is not None:
        statement = statement.where(User.id < after)
    rows = session.execute(statement.order_by(User.id.desc()).limit(PAGE + 1)).all()
    found = [Person(user, tuple(sorted(agencies or ()))) for user, agencies in rows[:PAGE]]
    return PeoplePage(found, found[-1].user.id if len(rows) > PAGE else None)
