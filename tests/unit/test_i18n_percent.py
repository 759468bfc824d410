"""A percentage as the reader's language writes it, with no decimals that say nothing."""

from decimal import Decimal

import pytest

from app.core import i18n


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        ("80.00", "80%", "80\u00a0%"),
        ("33.33", "33.33%", "33,33\u00a0%"),
        ("0.5", "0.5%", "0,5\u00a0%"),
        ("0", "0%", "0\u00a0%"),
        ("1250", "1,250%", "1\u00a0250\u00a0%"),
        ("66.666666", "66.67%", "66,67\u00a0%"),
    ],
)
def test_percentages(value: str, english: str, french: str) -> None:
    with i18n.use_locale("en_RW"):
        assert i18n.format_percent(Decimal(value)) == english
    with i18n.use_locale("fr_CG"):
        assert i18n.format_percent(Decimal(value)) == french
