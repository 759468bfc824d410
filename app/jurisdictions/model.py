"""The shape of a jurisdiction pack: everything that differs between countries, as validated, dated data.

Every ``Dated`` row says from when to when it holds and on which legal reference it rests; ``legal_ref`` is the
word "illustrative" where no source was found, and pages that show such a row say so.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from app.core.i18n import pick
from app.jurisdictions.appeal_rows import AppealTerms
from app.jurisdictions.clock_rows import OfficeHours, Silence
from app.jurisdictions.retention_rows import DataProtection, Retention
from app.jurisdictions.routing_rows import FlagRule, RoutingRule, Team
from app.jurisdictions.rows import ILLUSTRATIVE as ILLUSTRATIVE
from app.jurisdictions.rows import Code, CountryCode, CurrencyCode, HsPrefix, Pattern, Route, UnitCode
from app.jurisdictions.rows import Dated as Dated
from app.jurisdictions.rows import Named as Named
from app.jurisdictions.rows import Names as Names
from app.jurisdictions.rows import ReasonUse as ReasonUse
from app.jurisdictions.rows import Row as Row
from app.jurisdictions.visit_rows import AdviceTerms, InspectionItem, InspectionTerms


class Agency(Named, Dated):
    short: str  # "RDB"
    kind: Literal["registrar", "licensing", "customs", "plant_health", "forestry", "quality", "culture", "tourism"]
    email: str
    address: Names

    @property
    def address_text(self) -> str:
        return pick(self.address)


class Office(Named, Dated):
    agency: str
    customs_code: str = ""  # the office code on a declaration
    exit_office: bool = False


class EntityType(Named, Dated):
    """A legal form. ``category`` is the common code of domain.md: sole, plc_private, plc_public, partner, coop, …"""

    category: str
    suffix: str = ""  # "Ltd", "SARL": written after the name
    has_shares: bool
    owner_role: Literal["owner", "shareholder", "partner", "member"]
    min_owners: int = 1
    max_owners: int | None = None
    manager_role: Literal["director", "manager", "chairperson", "representative", "owner"]
    min_managers: int = 1
    documents: tuple[str, ...] = ()  # papers to attach: codes of ``Pack.documents``, "?" after one: optional


class AdministrativeUnit(Dated):
    code: Code
    names: Names  # proper nouns: English and French may be the same
    level: int = Field(ge=1)  # 1 = province or département
    parent: str | None = None

    @property
    def name(self) -> str:
        return pick(self.names)


class IdentifierShape(Named, Dated):
    """A number people hold: ``pattern`` is a full-match regular expression, ``example`` an invented one."""

    pattern: Pattern
    example: str
    applies_to: Literal["business", "person"]
    required: bool = False
    tax_number: bool = False  # the number a business may already hold when it is registered

    @field_validator("example")
    @classmethod
    def _fits(cls, example: str, info: ValidationInfo) -> str:
        pattern = info.data.get("pattern")
        if pattern is not None and not re.fullmatch(pattern, example):
            raise ValueError(f"{example!r} does not fit the pattern {pattern}")
        return example


class FeeRule(Named, Dated):
    """One line of the tariff: a fixed amount, or ``percent`` of a declared value."""

    service: str  # service code; for permits also ``permit_kind``
    permit_kind: str | None = None
    amount_minor: int = Field(default=0, ge=0)
    percent: Decimal = Field(default=Decimal(0), ge=0, le=100)
    currency: CurrencyCode
    revenue_code: str = Field(pattern=r"^\d{2,6}$")  # GFSM 2014 code

    @field_validator("percent")
    @classmethod
    def _one_of(cls, percent: Decimal, info: ValidationInfo) -> Decimal:
        if percent and info.data.get("amount_minor"):
            raise ValueError("a fee is a fixed amount or a percentage, not both")
        return percent


class BillTerms(Dated):
    """How long a bill may be paid, in calendar days; the last one counts whole."""

    days_to_pay: int = Field(ge=1)


class AnswerTerms(Dated):
    """How long an applicant has to answer a question, unless the official says otherwise; in working days.

    ``remind_before``: as many working days before the end they are reminded.
    """

    working_days: int = Field(ge=1, le=90)
    remind_before: int = Field(default=2, ge=1)


class Reason(Named, Dated):
    """A sentence an official may choose: why a case is refused, what is asked, on which condition it is approved."""

    model_config = ConfigDict(populate_by_name=True)

    uses: tuple[ReasonUse, ...] = Field(min_length=1, alias="for")
    services: tuple[str, ...] = ()  # empty: all


class DocumentRule(Named, Dated):
    """A paper a registration, permit kind or declaration asks for."""

    required: bool = True
    hint: dict[str, str] = Field(default_factory=dict)

    @property
    def hint_text(self) -> str:
        return pick(self.hint)


class PermitKind(Named, Dated):
    """What may be issued, by whom, for which goods, with which papers, for how long."""

    agency: str
    service: str = "export_licence"
    description: Names
    hs: tuple[HsPrefix, ...] = ()  # HS prefixes it covers; empty: a service permit without goods
    destinations: tuple[CountryCode, ...] = ()  # ISO alpha-2; empty: all
    documents: tuple[DocumentRule, ...] = ()
    validity_days: int = Field(ge=1)
    max_validity_days: int = Field(ge=1)
    has_quantity: bool = True
    units: tuple[UnitCode, ...] = ("KGM",)
    standard_days: int = Field(default=5, ge=1)
    required_for_export: bool = False  # customs asks for it on these goods

    @field_validator("max_validity_days")
    @classmethod
    def _not_below(cls, longest: int, info: ValidationInfo) -> int:
        if longest < info.data.get("validity_days", 0):
            raise ValueError("is below validity_days")
        return longest

    @property
    def description_text(self) -> str:
        return pick(self.description)


class Channel(Named, Dated):
    """A place to sell: a marketplace with its own requirements."""

    platform: Literal["alibaba", "tmall_global", "fliggy", "other"]
    route: Route
    destinations: tuple[CountryCode, ...] = ()
    permit_kinds: tuple[str, ...] = ()  # always needed here
    description: Names

    @property
    def description_text(self) -> str:
        return pick(self.description)


class Requirement(Dated):
    """Goods × destination × route → permit kinds needed. Empty tuples mean "all"."""

    code: Code
    hs: tuple[HsPrefix, ...] = ()
    destinations: tuple[CountryCode, ...] = ()
    routes: tuple[Route, ...] = ()
    permit_kinds: tuple[str, ...]  # empty: something to know, not a permit to hold
    names: Names  # the rule in a sentence

    @property
    def name(self) -> str:
        return pick(self.names)


class Control(Dated):
    """Prohibited or restricted goods."""

    code: Code
    hs: tuple[HsPrefix, ...] = Field(min_length=1)
    effect: Literal["prohibited", "restricted", "refer"]
    destinations: tuple[CountryCode, ...] = ()
    names: Names  # what it says, and whom to ask

    @property
    def name(self) -> str:
        return pick(self.names)


class ServiceStandard(Dated):
    """``working_hours``: a promise shorter than a day, in hours the offices are open; it ends then, not at closing.

    ``working_days`` is what it comes to for whoever counts in days.
    """

    service: Code
    working_days: int = Field(ge=1)
    working_hours: int | None = Field(default=None, ge=1, le=24)


class ProcedureCode(Named, Dated):
    """A customs procedure (SAD box 37)."""

    declaration_type: str  # EX1


class LaneRule(Dated):
    """How a declaration is routed: the first rule that matches decides. ``share``: a seeded random share in percent."""

    code: Code
    lane: Literal["green", "blue", "yellow", "red"]
    hs: tuple[HsPrefix, ...] = ()
    min_value_minor: int | None = None  # of the declared value, in the national currency
    share: int = Field(default=100, ge=1, le=100)
    names: Names

    @property
    def name(self) -> str:
        return pick(self.names)


class ExchangeRate(Dated):
    """How many units of the national currency one unit of ``currency`` costs."""

    currency: CurrencyCode
    rate: Decimal = Field(gt=0)


class HolidayOverride(Dated):
    day: date
    names: Names
    works: bool = False  # True: a day the calendar calls a holiday but offices are open


class NameRules(Row):
    suffixes: tuple[str, ...]
    articles: tuple[str, ...]
    restricted: tuple[str, ...]
    fold: tuple[tuple[str, str], ...] = ()  # sounds written in two ways: ("L", "R")
    similar: Decimal = Field(
        default=Decimal("0.55"), gt=0, le=1
    )  # trigram similarity from which a name is shown as similar


class MobileMoney(Row):
    provider: str
    target_environment: str
    prefix: str  # "+250"
    pattern: Pattern  # of the national number


class Pack(Row):
    """One country. ``version`` is a digest of the files, recorded with every submission and decision."""

    country: Literal["RW", "CG"]
    version: str
    names: Names
    state_names: Names  # the state's own full name, as papers bear it
    portal_name: Names
    languages: tuple[str, ...]
    locales: dict[str, str]  # language → locale: {"en": "en_RW", "fr": "fr_RW"}
    default_language: str
    timezone: str
    currency: CurrencyCode
    phone_prefix: str
    capital_city: str
    unit_levels: tuple[Names, ...]  # ("Province", "District", …)
    name_rules: NameRules
    mobile_money: MobileMoney
    bills: BillTerms
    answers: AnswerTerms
    advice: AdviceTerms
    inspections: InspectionTerms
    registration_agency: str
    customs_agency: str
    agencies: tuple[Agency, ...]
    offices: tuple[Office, ...]
    entity_types: tuple[EntityType, ...]
    units: tuple[AdministrativeUnit, ...]
    identifiers: tuple[IdentifierShape, ...]
    documents: tuple[DocumentRule, ...] = ()
    fees: tuple[FeeRule, ...]
    permit_kinds: tuple[PermitKind, ...]
    channels: tuple[Channel, ...]
    requirements: tuple[Requirement, ...]
    controls: tuple[Control, ...]
    standards: tuple[ServiceStandard, ...]
    procedures: tuple[ProcedureCode, ...]
    lanes: tuple[LaneRule, ...]
    rates: tuple[ExchangeRate, ...]
    reasons: tuple[Reason, ...] = ()
    appeals: tuple[AppealTerms, ...] = ()
    inspection_items: tuple[InspectionItem, ...] = ()
    teams: tuple[Team, ...] = ()
    routing: tuple[RoutingRule, ...] = ()
    flags: tuple[FlagRule, ...] = ()
    holidays: tuple[HolidayOverride, ...] = ()
    retention: tuple[Retention, ...] = ()
    data_protection: DataProtection
    office_hours: tuple[OfficeHours, ...] = ()
    silences: tuple[Silence, ...] = ()

    def __repr__(self) -> str:
        return f"Pack({self.version})"  # the whole is 170 kB

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def name(self) -> str:
        return pick(self.names)

    @property
    def state_name(self) -> str:
        return pick(self.state_names)

    def locale(self, language: str) -> str:
        return self.locales.get(language, self.locales[self.default_language])
