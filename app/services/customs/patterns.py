"""What the auditor's patterns ask of declarations: when two are alike, and the values from which a rule applies."""

from sqlalchemy import select

from app.core import clock
from app.jurisdictions import lookup
from app.jurisdictions.model import Pack
from app.services.customs.models import Declaration
from app.statistics import patterns

CODE = "customs"
VALUES = select(
    Declaration.case_id,
    Declaration.business_id,
    Declaration.lodged_at.label("at"),
    Declaration.value_minor,
    Declaration.currency,
)


def thresholds(pack: Pack) -> tuple[patterns.Threshold, ...]:
    """From which a declaration of any goods goes to another lane."""
    rules = lookup.in_force(pack.lanes, clock.today(pack.zone))
    return tuple(
        patterns.Threshold(rule.code, rule.min_value_minor, pack.currency)
        for rule in rules
        if rule.min_value_minor and not rule.hs
    )


def register() -> None:
    patterns.alike(CODE, ("items", "items", "0", "hs"), ("buyer", "destination"))
    patterns.measured(CODE, VALUES, thresholds)
