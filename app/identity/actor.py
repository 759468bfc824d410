"""Who acts: built from the session or the token by the edge, never from what was sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    ENTREPRENEUR = "entrepreneur"
    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"

    @property
    def official(self) -> bool:
        return self is not Role.ENTREPRENEUR


class MembershipRole(StrEnum):
    """What a person may do for a business: an owner also manages members; an agent is appointed from outside."""

    OWNER = "owner"
    MANAGER = "manager"
    AGENT = "agent"


@dataclass(frozen=True)
class Actor:
    """A person, an API client, an outside expert who came by a link, or the portal itself at work.

    ``agencies`` are codes of the jurisdiction pack; ``memberships`` maps a business id to the person's role in it;
    ``business_id`` is the one they act for now. ``second_factor`` is true once a code was given in this session.
    """

    kind: Literal["user", "client", "system", "expert"]
    name: str
    user_id: int | None = None
    client_id: int | None = None
    role: Role | None = None
    agencies: frozenset[str] = frozenset()
    memberships: Mapping[int, MembershipRole] = field(default_factory=dict)
    business_id: int | None = None
    locale: str = "en_RW"
    second_factor: bool = False
    session_id: int | None = None
    ip: str | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def official(self) -> bool:
        """Signed in as an official *with* the second factor they need."""
        return self.role is not None and self.role.official and self.second_factor

    def works_for(self, agency: str) -> bool:
        return agency in self.agencies

    def belongs_to(self, business_id: int | None) -> bool:
        return business_id is not None and business_id in self.memberships


SYSTEM = Actor(kind="system", name="Kibali")
