"""Texts fit: one segment in both languages with the longest plausible values, and signs of the network's alphabet."""

from datetime import UTC, datetime

import pytest

from app.core.money import Money
from app.jurisdictions import load
from app.notifications.rendering import TEXTS, render_text
from app.notifications.sms.alphabet import fit, septets

BASE = "https://permits.gov.example"
LONGEST = {
    "reference": "RW-NAEB-LIC-2026-000123-K",
    "title": "T" * 200,
    "reason": "R" * 500,
    "deadline": datetime(2026, 9, 30, 15, tzinfo=UTC),
    "answer_by": datetime(2026, 9, 30, 15, tzinfo=UTC),
    "amount": Money(98765432100, "RWF"),
    "number": "+250 ••• 001",
    "listings": [{"reference": "LST-2026-000123-K", "title": "T", "reason": "R"}],
    "code": "123456",
    "path": "/cases/RW-NAEB-LIC-2026-000123-K",
}
TEMPLATES = sorted(path.stem for path in TEXTS.glob("*.txt"))


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("locale", ["en_RW", "fr_RW"])
@pytest.mark.parametrize("awaiting_payment", [False, True])
def test_every_text_is_one_segment(template: str, locale: str, awaiting_payment: bool) -> None:
    load.configure("RW")
    values = {**LONGEST, "awaiting_payment": awaiting_payment}
    body = render_text(template, values, locale=locale, base_url=BASE)
    fitted = fit(body)
    assert body
    assert "\n" not in body
    assert not fitted.wide, fitted.text
    assert fitted.segments == 1, (len(fitted.text), fitted.text)
    links = [word for word in body.split() if word.startswith("http")]
    assert all(link in (BASE, f"{BASE}/c/{LONGEST['reference']}") for link in links)
    assert "TTT" not in body


def test_a_message_without_a_short_form_has_none() -> None:
    load.configure("RW")
    assert render_text("new_device", {}, locale="en_RW", base_url=BASE) == ""


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("café déjà à où", "café déjà à où"),
        ("reçu, forêt, île, côte, Noël, œuf", "recu, foret, ile, cote, Noel, oeuf"),
        ("Ça va", "Ça va"),
        ("l’agence « dit » … 5\u202f000", 'l\'agence " dit " ... 5 000'),
        ("Müller & Cía — 20 %", "Müller & Cia - 20 %"),
    ],
)
def test_signs_outside_the_alphabet_are_written_with_those_in_it(text: str, sent: str) -> None:
    assert fit(text).text == sent
    assert not fit(text).wide


def test_other_scripts_go_as_they_are() -> None:
    fitted = fit("你好，您的申请“已批准”")
    assert (fitted.wide, fitted.segments, fitted.text) == (True, 1, "你好，您的申请“已批准”")
    assert fit("字" * 70).segments == 1
    assert fit("字" * 71).segments == 2
    assert fit("😀" * 36).segments == 2, "each is two units"


def test_what_counts_twice_counts_twice() -> None:
    assert septets("[€]") == 6
    assert fit("a" * 160).segments == 1
    assert fit("a" * 161).segments == 2
    assert fit("a" * 158 + "€").segments == 1
    assert fit("a" * 159 + "€").segments == 2
    assert fit("a" * 306).segments == 2
    assert fit("a" * 307).segments == 3
