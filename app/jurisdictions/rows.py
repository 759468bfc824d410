"""What the rows of a pack are made of: texts in both languages, codes, and the dates between which a row holds."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from app.core.i18n import gettext, pick

ILLUSTRATIVE = "illustrative"
REQUIRED_LANGUAGES = ("en", "fr")


def _speaks_both(names: dict[str, str]) -> dict[str, str]:
    missing = [language for language in REQUIRED_LANGUAGES if not names.get(language, "").strip()]
    if missing:
        raise ValueError(f"no text in {' and '.join(missing)}")
    return names


def _compiles(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


Names = Annotated[dict[str, str], AfterValidator(_speaks_both)]
"""A text by language; English and French are always there."""
Pattern = Annotated[str, AfterValidator(_compiles)]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,40}$")]
HsPrefix = Annotated[str, Field(pattern=r"^\d{2,6}$")]
CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
UnitCode = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,3}$")]  # UN/ECE Recommendation 20
Route = Literal["general_trade", "cbec", "service"]
ReasonUse = Literal["refuse", "ask", "recommend", "conditions", "cancel", "copy", "correct"]


class Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Dated(Row):
    valid_from: date
    valid_to: date | None = None  # the last day it holds; None: until further notice
    legal_ref: str = Field(min_length=3)
    uncertain: bool = False  # a source was found, but others contradict it

    @field_validator("valid_to")
    @classmethod
    def _ordered(cls, valid_to: date | None, info: ValidationInfo) -> date | None:
        valid_from = info.data.get("valid_from")
        if valid_to is not None and valid_from is not None and valid_to < valid_from:
            raise ValueError(f"ends before it begins ({valid_from.isoformat()})")
        return valid_to

    @property
    def illustrative(self) -> bool:
        return self.legal_ref.lower() == ILLUSTRATIVE

    @property
    def caution(self) -> str:
        """What a page that shows this row must say about it; empty when the source is firm."""
        if self.illustrative:
            return gettext("Illustrative: no legal source was found for this.")
        if self.uncertain:
            return gettext("Uncertain: sources differ. Check with the agency.")
        return ""

    def in_force(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


class Named(Row):
    code: Code
    names: Names

    @property
    def name(self) -> str:
        """In the reader's language."""
        return pick(self.names)
