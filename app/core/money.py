"""Money: an integer of minor units and a currency. Never a float; never two currencies in one sum."""

from dataclasses import dataclass
from decimal import Decimal

from babel import numbers

from app.core.i18n import current_locale


@dataclass(frozen=True, order=False)
class Money:
    """``minor`` is in the currency's smallest unit (RWF and XAF have none below one)."""

    minor: int
    currency: str

    @property
    def amount(self) -> Decimal:
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __str__(self) -> str:
        """In the reader's form with the ISO code: ``15,000 RWF``, ``15 000 XAF``."""
        places = exponent(self.currency)
        pattern = "#,##0" + ("." + "0" * places if places else "")
        text = numbers.format_decimal(self.amount, format=pattern, locale=current_locale(), decimal_quantization=False)
        return f"{text}\u00a0{self.currency}".replace("\u202f", "\u00a0")


def exponent(currency: str) -> int:
    """Decimal places of an ISO 4217 currency."""
    return numbers.get_currency_precision(currency)


def parse(amount: Decimal, currency: str) -> Money:
    """Exact: raises ValueError when ``amount`` has more places than the currency."""
    minor = amount.scaleb(exponent(currency))
    if minor != minor.to_integral_value():
        raise ValueError(f"{currency} has {exponent(currency)} decimal places")
    return Money(int(minor), currency)
