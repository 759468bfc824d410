"""Officials who may see a case: whom a note may name."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import bindparam, exists, select

from app.cases.models import Case
from app.cases.rows import CASE
from app.core.together import Statement
from app.identity.actor import Role
from app.identity.models import AgencyMember, Membership, User

MOST = 200  # of one agency, in a list to choose from


@dataclass(frozen=True)
class Colleague:
    user_id: int
    name: str


# Of the case's agency and without an interest in it; for ``Together``, with ``case`` and ``reader``.
OF_CASE: Statement = (
    select(User.id, User.name)
    .join(AgencyMember, AgencyMember.user_id == User.id)
    .join(Case, Case.agency == AgencyMember.agency)
    .where(
        Case.id == CASE,
        User.id != bindparam("reader"),
        User.id != Case.applicant_id,
        User.disabled_at.is_(None),
        User.role.in_([Role.CLERK.value, Role.SUPERVISOR.value]),
        ~exists().where(Membership.user_id == User.id, Membership.business_id == Case.business_id),
    )
    .order_by(User.name, User.id)
    .limit(MOST)
)


def named(body: str, chosen: int | None, colleagues: Iterable[Colleague]) -> list[Colleague]:
    """Who is told of a note: the one chosen from the list, and everyone whose whole name follows an @ in the text."""
    text = body.casefold()
    return [each for each in colleagues if each.user_id == chosen or f"@{each.name.casefold()}" in text]
