"""How long each class of records is kept, from what on, and what happens then."""

from datetime import date, datetime, time, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from app.core.i18n import pick
from app.jurisdictions.rows import Dated, Named, Names

End = Literal["dispose", "delete", "keep"]
Start = Literal["closed", "business_ended", "permit_ended", "issued", "last_used", "created", "ended"]

# What the portal asks the schedule for by name: each must have a row that is always in force.
TRANSIENT = (
    "drafts", "mails", "private_mails", "sessions", "links", "devices", "parked_forms", "unconfirmed_accounts",
    "bundles", "own_data_exports", "events", "privacy_requests",
)  # fmt: skip
PERMANENT = ("registers", "ledger", "log", "findings", "disposal_records")


class DataProtection(Dated):
    """The law on personal data, and who watches over it; ``legal_ref`` is the law."""

    authority: Names

    @property
    def authority_text(self) -> str:
        return pick(self.authority)


class Retention(Named, Dated):
    """One class of the schedule.

    ``services`` and ``states`` say which cases are of it; ``kinds`` which issued documents; neither: the portal's own.
    ``end``: ``dispose`` after two people approved a list, ``delete`` at once (only what is transient), or ``keep``.
    """

    about: Names
    services: tuple[str, ...] = ()
    states: tuple[Literal["approved", "refused", "cancelled", "withdrawn"], ...] = ()
    kinds: tuple[str, ...] = ()
    years: int | None = Field(default=None, ge=1, le=100)
    days: int | None = Field(default=None, ge=1, le=3650)
    starts: Start | None = None
    end: End

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.end == "keep":
            if self.years or self.days or self.starts:
                raise ValueError("what is kept for ever has no period")
        elif (self.years is None) == (self.days is None) or self.starts is None:
            raise ValueError("needs years or days, and from what on they count")
        if bool(self.services) != bool(self.states):
            raise ValueError("services and states go together")
        if self.end == "dispose" and not (self.services or self.kinds):
            raise ValueError("only cases and issued documents are disposed of with approval")
        if self.end == "delete" and (self.services or self.kinds):
            raise ValueError("cases that were sent and issued documents are never deleted without approval")
        return self

    @property
    def about_text(self) -> str:
        return pick(self.about)

    def before(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """What started before this is past its period at ``moment``. Years end on the same day of the calendar."""
        if self.days is not None:
            return moment - timedelta(days=self.days)
        local = moment.astimezone(zone)
        return datetime.combine(_years_back(local.date(), self.years or 0), time(local.hour, local.minute), zone)

    def ends(self, start: datetime, zone: ZoneInfo) -> datetime:
        """When the period that began at ``start`` is over."""
        if self.days is not None:
            return start + timedelta(days=self.days)
        local = start.astimezone(zone)
        return datetime.combine(_years_back(local.date(), -(self.years or 0)), local.timetz())


def _years_back(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)
