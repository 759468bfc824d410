"""The country the seeded cases happen in: officials, firms, numbers, papers and the clock."""

import random
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.businesses import names
from app.businesses.models import Business, NameClaim
from app.cases import numbering, registry
from app.core import clock
from app.documents import store
from app.identity.actor import Role
from app.jurisdictions import load, lookup, working_days
from app.jurisdictions.model import PermitKind
from tools.demo.papers import specimen
from tools.demo.seeding.tables import Tables
from tools.demo.seeding.words import WORDS, Good

MONTHS = 24
CLERKS, SUPERVISORS = 3, 2  # of each agency


@dataclass(frozen=True)
class Person:
    id: int
    name: str
    role: Role
    agency: str = ""


@dataclass
class Line:
    """A permit line in memory; ``row`` is what will be written, its last two columns reserved and consumed."""

    id: int
    good: Good
    unit: str
    destination: str
    valid_to: date
    row: list[Any]

    @property
    def left(self) -> Decimal:
        return Decimal(self.row[4] - self.row[8] - self.row[9])


@dataclass
class Firm:
    id: int
    name: str
    owner: Person
    good: Good
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Paper:
    code: str
    sha256: str
    size: int


class World:
    """Deterministic for a seed, a database and a moment."""

    def __init__(self, session: Session, tables: Tables, cases: int, seed: int) -> None:
        self.session, self.tables = session, tables
        self.random = random.Random(seed)  # noqa: S311  # invented data, not secrets
        self.pack = load.current()
        self.words = WORDS[self.pack.country]
        self.now = clock.now()
        self.today = self.now.astimezone(self.pack.zone).date()
        self.begins = self.now - timedelta(days=MONTHS * 365 // 12)
        self.firms: list[Firm] = []
        self.kept: list[tuple[list[Any], Line | None]] = []  # permits whose last state is known at the end
        self.counters: dict[tuple[str, int], int] = {
            (row.series, row.year): row.value for row in session.execute(text("SELECT * FROM case_counters"))
        }
        self.name_keys: set[str] = set(session.scalars(select(Business.name_key))) | set(
            session.scalars(select(NameClaim.name_key))
        )
        room = cases * 2 + 1000
        self.ids: dict[str, Iterator[int]] = {
            table: tables.ids(table, room * (4 if table == "uploads" else 1))
            for table in (
                "users", "cases", "submissions", "uploads", "recommendations", "businesses", "permits", "permit_lines",
                "declarations",
            )
        }  # fmt: skip
        self.goods = self._goods()
        self.services = [kind for kind in self._kinds() if not kind.hs]
        self.units = [unit for unit in lookup.in_force(self.pack.units, self.today) if unit.level > 1]
        self.exits = lookup.offices_of(self.pack, self.pack.customs_agency, self.today, exit_only=True)
        self.rate = lookup.rate(self.pack, self.words.currency, self.today)
        self.officials = self._officials()
        self._papers: dict[tuple[str, str], tuple[Paper, ...]] = {}

    # --- people ---------------------------------------------------------------------------------------------------

    def person(self, role: Role, born: datetime, agency: str = "") -> Person:
        number = next(self.ids["users"])
        name = f"{self.random.choice(self.words.given)} {self.random.choice(self.words.family)}"
        local = f"{_plain(name)}.{number}"
        self.tables.add(
            "users",
            number,
            f"{local}@{'agency' if agency else 'firm'}.example",
            name,
            role.value,
            self.locale,
            born,
            born,
        )
        if agency:
            self.tables.add("agency_members", number, agency)
        return Person(number, name, role, agency)

    def someone(self) -> str:
        return f"{self.random.choice(self.words.given)} {self.random.choice(self.words.family)}"

    @property
    def locale(self) -> str:
        return self.pack.locale(self.pack.default_language)

    def _officials(self) -> dict[tuple[str, Role], list[Person]]:
        agencies = sorted({self.pack.registration_agency, self.pack.customs_agency, *(k.agency for k in self._kinds())})
        return {
            (agency, role): [self.person(role, self.begins, agency) for _ in range(many)]
            for agency in agencies
            for role, many in ((Role.CLERK, CLERKS), (Role.SUPERVISOR, SUPERVISORS))
        }

    def official(self, agency: str, role: Role) -> Person:
        return self.random.choice(self.officials[agency, role])

    # --- firms ----------------------------------------------------------------------------------------------------

    def firm(self) -> Firm:
        """One that applies now: a few firms have most of the cases."""
        return self.firms[int(len(self.firms) * self.random.random() ** 3)]

    def name(self) -> str:
        """A firm's name that nobody has."""
        while True:
            unit = self.random.choice(self.units).name.split(" (")[0].split(", ")[-1]
            first, second = self.random.choice(self.words.firm_first), self.random.choice(self.words.firm_second)
            found = f"{first} {second} {unit}"
            key = names.key(self.pack, found)
            if key in self.name_keys:
                found = f"{found} {self.random.choice(self.words.family)}"
                key = names.key(self.pack, found)
            if key not in self.name_keys:
                self.name_keys.add(key)
                return found

    # --- goods and kinds ------------------------------------------------------------------------------------------

    def _kinds(self) -> tuple[PermitKind, ...]:
        return tuple(k for k in lookup.in_force(self.pack.permit_kinds, self.today) if k.service == "export_licence")

    def _goods(self) -> dict[Good, tuple[PermitKind, ...]]:
        """What each good may be licensed by."""
        return {
            good: tuple(
                kind
                for kind in lookup.kinds_for(self.pack, good.hs, good.destinations[0], self.today)
                if kind.service == "export_licence"
            )
            for good in self.words.goods
        }

    def needs_line(self, good: Good) -> bool:
        return any(kind.required_for_export and kind.has_quantity for kind in self.goods[good])

    # --- numbers, papers, days ------------------------------------------------------------------------------------

    def number(self, series: str, year: int) -> int:
        value = self.counters.get((series, year), 0) + 1
        self.counters[series, year] = value
        return value

    def reference(self, prefix: str, series: str, year: int) -> str:
        return numbering.reference(prefix, year, self.number(series, year))

    def save_numbers(self) -> None:
        self.session.execute(
            text(
                "INSERT INTO case_counters (series, year, value) VALUES (:series, :year, :value)"
                " ON CONFLICT (series, year) DO UPDATE SET value = excluded.value"
            ),
            [{"series": s, "year": year, "value": value} for (s, year), value in sorted(self.counters.items())],
        )

    def due(self, start: datetime, days: int) -> datetime:
        return _due(self.pack.country, start.replace(hour=10, minute=0, second=0, microsecond=0), days)

    def papers(self, service: str, data: dict[str, Any], kind: str) -> tuple[Paper, ...]:
        """The papers that such an application needs; each kind of paper is one file in the store."""
        if (service, kind) not in self._papers:
            needed = registry.service(service).documents(self.pack, data)
            self._papers[service, kind] = tuple(
                _paper(requirement.code, str(requirement.title)) for requirement in needed if requirement.required
            )
        return self._papers[service, kind]


def _paper(code: str, title: str) -> Paper:
    content = specimen(title, "Kibali")
    return Paper(code, store.current().put(content), len(content))


@cache
def _due(country: str, start: datetime, days: int) -> datetime:
    return working_days.add(load.current(), start, days)


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return "".join(sign for sign in text.lower().replace(" ", ".") if sign.isalnum() or sign == ".")
