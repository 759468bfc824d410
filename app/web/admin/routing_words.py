"""The conditions of routing and flag rules as people read them."""

from collections.abc import Callable

from app.cases import registry
from app.cases.flags_models import Clearance
from app.core.i18n import Text, format_number
from app.core.i18n import gettext as _
from app.core.i18n import lazy_gettext as _l
from app.core.money import Money
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.jurisdictions.routing_rows import Conditions, FlagRule
from app.reference import countries

CLEARED_BY: dict[str, Text] = {
    Clearance.NOBODY: _l("Nobody"),
    Clearance.CLERK: _l("Clerk or supervisor"),
    Clearance.SUPERVISOR: _l("Supervisor"),
}


def stated(pack: Pack, rule: Conditions) -> list[tuple[str, str]]:
    """Each condition that is given, with its title; none for a rule that takes everything."""
    found = [
        (_("Services"), _each(rule.services, _service)),
        (_("Permit kinds"), _each(rule.permit_kinds, lambda code: _named(lookup.find(pack.permit_kinds, code), code))),
        (_("HS codes"), ", ".join(rule.hs)),
        (_("Destinations"), _each(rule.destinations, countries.name)),
        (_("Customs offices"), _each(rule.offices, lambda code: _named(lookup.find(pack.offices, code), code))),
        (_("Routes"), ", ".join(rule.routes)),
        (_("Legal forms"), _each(rule.entity_types, lambda code: _named(lookup.find(pack.entity_types, code), code))),
        (_("Activities (ISIC)"), ", ".join(rule.isic)),
        (_("Value from"), _money(pack, rule.min_value_minor)),
        (_("Value up to"), _money(pack, rule.max_value_minor)),
    ]
    if isinstance(rule, FlagRule):
        found += [
            (_("First application"), _("Yes") if rule.first_application else ""),
            (_("Business younger than, in days"), _number(rule.business_younger_than_days)),
            (_("A refusal within so many days"), _number(rule.refused_within_days)),
        ]
    return [(title, value) for title, value in found if value]


def _each(codes: tuple[str, ...], name: Callable[[str], Text]) -> str:
    return ", ".join(str(name(code)) for code in codes)


def _service(code: str) -> str:
    definition = registry.find(code)
    return str(definition.noun) if definition is not None else code


def _named(row: object, code: str) -> str:
    return str(getattr(row, "name", code))


def _money(pack: Pack, minor: int | None) -> str:
    return "" if minor is None else str(Money(minor, pack.currency))


def _number(value: int | None) -> str:
    return "" if value is None else format_number(value)
