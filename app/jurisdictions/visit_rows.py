"""Rows of a pack about advice and inspections."""

from pydantic import Field

from app.jurisdictions.rows import Dated, Named


class AdviceTerms(Dated):
    """How long an adviser has, unless the official says otherwise; all in working days.

    ``stops_clock``: the promise to the applicant stands still while advice is open.
    """

    working_days: int = Field(ge=1, le=90)
    expert_days: int = Field(ge=1, le=90)
    remind_before: int = Field(default=2, ge=1)
    stops_clock: bool = False


class InspectionTerms(Dated):
    """``notice_days``: so many working days before the visit, at least, the applicant is told of it."""

    notice_days: int = Field(default=1, ge=0, le=30)
    minutes: int = Field(default=120, ge=15, le=480)  # a visit lasts, unless the official says otherwise
    stops_clock: bool = False


class InspectionItem(Named, Dated):
    """One thing an inspector looks at, for a service or, when ``permit_kinds`` are named, for those alone."""

    service: str
    permit_kinds: tuple[str, ...] = ()
