"""Teams, which cases they get, and what makes a case be looked at twice: rows of a pack.

Both kinds of rules share one vocabulary of conditions; all that are given must hold, and of each list any one.
``app.cases.routing`` says what a case has to compare them with.
"""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from app.core.i18n import pick
from app.jurisdictions.rows import Code, CountryCode, Dated, HsPrefix, Named, Names, Route, Row

IsicPrefix = Annotated[str, Field(pattern=r"^\d{2,4}$")]
ClearedBy = Literal["nobody", "clerk", "supervisor"]


class Team(Named, Dated):
    """Officials of one agency who share a queue; administrators say who is in it."""

    agency: str


class Conditions(Row):
    """What must be so of a case. Values are in the smallest unit of the national currency; both ends count."""

    services: tuple[str, ...] = ()
    permit_kinds: tuple[str, ...] = ()
    hs: tuple[HsPrefix, ...] = ()
    destinations: tuple[CountryCode, ...] = ()
    offices: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    entity_types: tuple[str, ...] = ()
    isic: tuple[IsicPrefix, ...] = ()
    min_value_minor: int | None = Field(default=None, ge=0)
    max_value_minor: int | None = Field(default=None, ge=0)

    @field_validator("max_value_minor")
    @classmethod
    def _not_below(cls, most: int | None, info: ValidationInfo) -> int | None:
        least = info.data.get("min_value_minor")
        if most is not None and least is not None and most < least:
            raise ValueError("is below min_value_minor")
        return most

    @property
    def unconditional(self) -> bool:
        return all(getattr(self, name) in ((), None, False) for name in CONDITIONS if hasattr(self, name))


class RoutingRule(Conditions, Dated):
    """Which team of ``agency`` gets a case: the first rule that fits. Without ``team``: the whole agency."""

    code: Code
    agency: str
    team: str | None = None


class FlagRule(Conditions, Named, Dated):
    """What makes a case be flagged; every rule that fits raises its flag.

    ``cleared_by`` nobody: it goes when the case no longer fits, and not before.
    """

    explanation: Names  # what the reviewer is to look at
    first_application: bool = False  # of this business (without one: of this person) for the service
    business_younger_than_days: int | None = Field(default=None, ge=1)
    refused_within_days: int | None = Field(default=None, ge=1)  # anything the business (or person) asked for
    blocks_issuing: bool = False
    cleared_by: ClearedBy = "clerk"

    @property
    def explanation_text(self) -> str:
        return pick(self.explanation)


CONDITIONS = (
    *Conditions.model_fields,
    "first_application",
    "business_younger_than_days",
    "refused_within_days",
)
