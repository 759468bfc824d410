"""Names of roles as people read them."""

from app.core.i18n import Text
from app.core.i18n import lazy_gettext as _l
from app.identity.actor import MembershipRole, Role

ROLE_TITLES: dict[Role, Text] = {
    Role.ENTREPRENEUR: _l("Entrepreneur"),
    Role.CLERK: _l("Clerk"),
    Role.SUPERVISOR: _l("Supervisor"),
    Role.AUDITOR: _l("Auditor"),
    Role.ADMINISTRATOR: _l("Administrator"),
}

MEMBER_TITLES: dict[MembershipRole, Text] = {
    MembershipRole.OWNER: _l("Owner"),
    MembershipRole.MANAGER: _l("Manager"),
    MembershipRole.AGENT: _l("Agent"),
}

MEMBER_EXPLAINED: dict[MembershipRole, Text] = {
    MembershipRole.OWNER: _l("Owner: applies, pays, and manages the members"),
    MembershipRole.MANAGER: _l("Manager: applies, pays, and invites agents"),
    MembershipRole.AGENT: _l("Agent: applies, declares and pays on behalf of the business"),
}
