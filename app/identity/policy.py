"""Permissions as data: an enum, and one predicate for each. Deny by default."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from app.identity.actor import Actor, MembershipRole, Role


class Permission(StrEnum):
    # anyone, signed in or not
    PUBLIC = "public"
    # anyone signed in (an official who has not given the second factor yet included)
    SIGNED_IN = "signed_in"
    # entrepreneurs
    APPLY = "apply"
    CASE_VIEW_OWN = "case.view_own"
    CASE_EDIT_OWN = "case.edit_own"
    BUSINESS_VIEW = "business.view"
    BUSINESS_MANAGE = "business.manage"
    PAY = "pay"
    # officials
    DESK = "desk"
    CASE_REVIEW = "case.review"
    CASE_DECIDE = "case.decide"
    PERMIT_CONTROL = "permit.control"
    # auditors
    AUDIT = "audit"
    # administrators
    ADMINISTER = "administer"
    # how long what is kept: auditors, administrators and, for their agency's lists, supervisors
    RETENTION = "retention"


@dataclass(frozen=True)
class Subject:
    """What the permission is asked about; all parts are optional."""

    applicant_id: int | None = None
    business_id: int | None = None
    agency: str | None = None


def _entrepreneur(actor: Actor) -> bool:
    return actor.role is Role.ENTREPRENEUR


def _own(actor: Actor, subject: Subject) -> bool:
    if not _entrepreneur(actor):
        return False
    if subject.business_id is not None:
        return actor.belongs_to(subject.business_id)
    return subject.applicant_id is not None and subject.applicant_id == actor.user_id


def _manages(actor: Actor, subject: Subject) -> bool:
    if not _entrepreneur(actor) or subject.business_id is None:
        return False
    return actor.memberships.get(subject.business_id) in {MembershipRole.OWNER, MembershipRole.MANAGER}


def _official_of(actor: Actor, subject: Subject, *roles: Role) -> bool:
    if not actor.official or actor.role not in roles:
        return False
    if subject.business_id is not None and actor.belongs_to(subject.business_id):
        return False  # an official never handles a business they have an interest in
    if subject.applicant_id is not None and subject.applicant_id == actor.user_id:
        return False
    return subject.agency is None or actor.works_for(subject.agency)


_PREDICATES: dict[Permission, Callable[[Actor, Subject], bool]] = {
    Permission.PUBLIC: lambda actor, subject: True,
    Permission.SIGNED_IN: lambda actor, subject: actor.user_id is not None,
    Permission.APPLY: lambda actor, subject: _entrepreneur(actor),
    Permission.CASE_VIEW_OWN: _own,
    Permission.CASE_EDIT_OWN: _own,
    Permission.BUSINESS_VIEW: _own,
    Permission.BUSINESS_MANAGE: _manages,
    Permission.PAY: _own,
    Permission.DESK: lambda actor, subject: _official_of(actor, subject, Role.CLERK, Role.SUPERVISOR),
    Permission.CASE_REVIEW: lambda actor, subject: _official_of(actor, subject, Role.CLERK, Role.SUPERVISOR),
    Permission.CASE_DECIDE: lambda actor, subject: _official_of(actor, subject, Role.SUPERVISOR),
    Permission.PERMIT_CONTROL: lambda actor, subject: _official_of(actor, subject, Role.SUPERVISOR),
    Permission.AUDIT: lambda actor, subject: actor.official and actor.role is Role.AUDITOR,
    Permission.ADMINISTER: lambda actor, subject: actor.official and actor.role is Role.ADMINISTRATOR,
    Permission.RETENTION: lambda actor, subject: actor.official and actor.role in _ROLES[Permission.RETENTION],
}

NOBODY = Subject()


def allows(actor: Actor | None, permission: Permission, subject: Subject = NOBODY) -> bool:
    """Whether ``actor`` (None: nobody signed in) may. For a route as a whole, ``may_enter`` asks without a subject."""
    if permission is Permission.PUBLIC:
        return True
    return actor is not None and _PREDICATES[permission](actor, subject)


_ROLES: dict[Permission, frozenset[Role]] = {
    Permission.SIGNED_IN: frozenset(Role),
    **{
        permission: frozenset({Role.ENTREPRENEUR})
        for permission in (
            Permission.APPLY,
            Permission.CASE_VIEW_OWN,
            Permission.CASE_EDIT_OWN,
            Permission.BUSINESS_VIEW,
            Permission.BUSINESS_MANAGE,
            Permission.PAY,
        )
    },
    Permission.DESK: frozenset({Role.CLERK, Role.SUPERVISOR}),
    Permission.CASE_REVIEW: frozenset({Role.CLERK, Role.SUPERVISOR}),
    Permission.CASE_DECIDE: frozenset({Role.SUPERVISOR}),
    Permission.PERMIT_CONTROL: frozenset({Role.SUPERVISOR}),
    Permission.AUDIT: frozenset({Role.AUDITOR}),
    Permission.ADMINISTER: frozenset({Role.ADMINISTRATOR}),
    Permission.RETENTION: frozenset({Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR}),
}


def may_enter(actor: Actor | None, permission: Permission) -> bool:
    """Whether a route of this permission may be entered at all, before the record is known."""
    if permission is Permission.PUBLIC:
        return True
    if actor is None or actor.role is None or actor.role not in _ROLES[permission]:
        return False
    return permission is Permission.SIGNED_IN or actor.role is Role.ENTREPRENEUR or actor.second_factor
