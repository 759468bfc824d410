"""Places of loading and delivery: the UN/LOCODE entries our trade uses (not the whole list of 100,000)."""

from dataclasses import dataclass
from functools import cache

from app.reference import countries, tables
from app.reference.tables import Term


@dataclass(frozen=True)
class Location(Term):
    """``functions``: what is there, of port, airport, rail, road and border."""

    country: str
    functions: tuple[str, ...]


@cache
def _locations() -> dict[str, Location]:
    return {
        row["code"]: Location(row["code"], tables.names(row), row["code"][:2], tuple(row["functions"].split()))
        for row in tables.rows("locations")
    }


def find(code: str) -> Location | None:
    return _locations().get(code)


def name(code: str) -> str:
    """The code itself when the list does not have it."""
    location = find(code)
    return location.name if location else code


def in_country(country: str) -> tuple[Location, ...]:
    return tuple(location for location in _locations().values() if location.country == country)


def choices(country: str | None = None) -> list[tuple[str, str]]:
    """Such as "Mombasa, Kenya" by code; of one country when given."""
    return [
        (code, f"{location.name}, {countries.name(location.country)}")
        for code, location in _locations().items()
        if country is None or location.country == country
    ]
