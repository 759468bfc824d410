"""Countries: ISO 3166-1 alpha-2 codes, named in the reader's language (Babel's territory names)."""

import unicodedata
from dataclasses import dataclass
from functools import cache

from app.core.i18n import language, locale_named


@dataclass(frozen=True)
class Country:
    code: str

    @property
    def name(self) -> str:
        """In the reader's language; English, then the code, where Babel knows none."""
        territories = locale_named(language()).territories
        return str(territories.get(self.code) or locale_named("en").territories.get(self.code) or self.code)


@cache
def _countries() -> dict[str, Country]:
    import pycountry

    return {country.alpha_2: Country(country.alpha_2) for country in pycountry.countries}


def find(code: str) -> Country | None:
    return _countries().get(code.upper())


def name(code: str) -> str:
    """The code itself when there is no such country."""
    country = find(code)
    return country.name if country else code


def _collation(text: str) -> str:
    """Marks do not change the order: Éthiopie stands under E."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@cache
def _choices(language_code: str) -> tuple[tuple[str, str], ...]:
    named = ((country.code, country.name) for country in _countries().values())
    return tuple(sorted(named, key=lambda choice: _collation(choice[1])))


def choices() -> list[tuple[str, str]]:
    """All countries by name in the reader's language."""
    return list(_choices(language()))
