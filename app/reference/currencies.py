"""Currencies: ISO 4217, named in the reader's language."""

from dataclasses import dataclass
from functools import cache

from babel import numbers

from app.core.i18n import current_locale
from app.reference.tables import rows


@dataclass(frozen=True)
class Currency:
    code: str

    @property
    def name(self) -> str:
        return str(numbers.get_currency_name(self.code, locale=current_locale()))


@cache
def _currencies() -> frozenset[str]:
    import pycountry

    return frozenset(currency.alpha_3 for currency in pycountry.currencies)


def find(code: str) -> Currency | None:
    return Currency(code) if code in _currencies() else None


def choices() -> list[tuple[str, str]]:
    """The currencies invoices are made out in, the most used first."""
    return [(row["code"], Currency(row["code"]).name) for row in rows("currencies")]
