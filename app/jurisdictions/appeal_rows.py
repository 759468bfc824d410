"""Which decisions may be appealed against, until when, and how soon the appeal is decided."""

from typing import Literal

from pydantic import Field

from app.core.i18n import pick
from app.jurisdictions.rows import Code, Dated, Names


class AppealTerms(Dated):
    """``days`` are calendar days after the day of the decision; a last day on which offices are closed moves to the
    next they are open. ``decide_in`` are working days. ``court`` is what the applicant reads about going to court."""

    code: Code
    services: tuple[str, ...] = ()  # empty: all that have no row of their own
    against: tuple[Literal["refusal", "conditions"], ...] = Field(min_length=1)
    days: int = Field(ge=1, le=365)
    decide_in: int = Field(ge=1, le=120)
    court: Names

    @property
    def court_text(self) -> str:
        return pick(self.court)
