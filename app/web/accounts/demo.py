"""The demonstration's accounts, shown on its sign-in page."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.i18n import Text
from app.identity import second_factor
from app.identity.actor import Role
from app.identity.models import AgencyMember, User
from app.jurisdictions import load
from app.web.accounts.words import ROLE_TITLES

PASSWORD = "kibali-demo"  # noqa: S105  # printed at start; such accounts exist in a demonstration only


@dataclass(frozen=True)
class DemoAccount:
    """``code`` is the second factor of this moment, for officials."""

    name: str
    email: str
    role: Text
    agencies: str
    code: str | None


def accounts(session: Session) -> list[DemoAccount]:
    """In the order of the road: who applies, who decides, who checks."""
    users = session.execute(select(User).where(User.is_demo, User.disabled_at.is_(None))).scalars().all()
    rows = session.execute(
        select(AgencyMember.user_id, AgencyMember.agency).where(AgencyMember.user_id.in_([user.id for user in users]))
    )
    shorts = {agency.code: agency.short for agency in load.current().agencies}
    agencies: dict[int, list[str]] = {}
    for user_id, agency in rows:
        agencies.setdefault(user_id, []).append(shorts.get(agency, agency))
    order = list(Role)
    return [
        DemoAccount(
            name=user.name,
            email=user.email,
            role=ROLE_TITLES[Role(user.role)],
            agencies=", ".join(sorted(agencies.get(user.id, []))),
            code=second_factor.current_code(user),
        )
        for user in sorted(users, key=lambda user: (order.index(Role(user.role)), user.id))
    ]
