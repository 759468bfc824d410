"""Both catalogues are complete and say the same things about the same values."""

from pathlib import Path

import pytest

from tools import translations

LANGUAGES = ("en", "fr")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_complete(language: str) -> None:
    assert translations.faults(language) == []


def test_english_says_what_the_code_says() -> None:
    catalogue = translations.read(translations.catalogue_path("en"), "en")
    assert [message.id for message in catalogue if message.id and message.string != message.id] == []


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small tree with a page and a module, and their catalogues."""
    (tmp_path / "app").mkdir()
    (tmp_path / "templates").mkdir()
    (tmp_path / "app" / "words.py").write_text(
        "from app.core.i18n import gettext as _, ngettext\n"
        "a = _('Pay %(amount)s now', amount=1)\n"
        "b = ngettext('One case', '%(num)s cases', 2)\n"
    )
    (tmp_path / "templates" / "page.html").write_text("<h1>{{ _('Welcome') }}</h1>")
    for language in LANGUAGES:
        translations.update(language, tmp_path)
    return tmp_path


def _fill(house: Path, pay: str = "Payer %(amount)s", one: str = "Un dossier", many: str = "%(num)s dossiers") -> None:
    path = translations.catalogue_path("fr", house)
    text = path.read_text()
    text = text.replace('msgid "Pay %(amount)s now"\nmsgstr ""', f'msgid "Pay %(amount)s now"\nmsgstr "{pay}"')
    text = text.replace('msgid "Welcome"\nmsgstr ""', 'msgid "Welcome"\nmsgstr "Bienvenue"')
    text = text.replace('msgstr[0] ""', f'msgstr[0] "{one}"').replace('msgstr[1] ""', f'msgstr[1] "{many}"')
    path.write_text(text)


def test_update_leaves_english_whole_and_french_to_the_translator(house: Path) -> None:
    assert translations.faults("en", house) == []
    assert len([fault for fault in translations.faults("fr", house) if fault.startswith("not translated")]) == 3


def test_a_translated_catalogue_has_no_fault_and_update_keeps_it(house: Path) -> None:
    _fill(house)
    assert translations.faults("fr", house) == []
    before = translations.catalogue_path("fr", house).read_bytes()
    assert translations.update("fr", house) == 0
    assert translations.catalogue_path("fr", house).read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"pay": "Payer"}, "placeholders differ"),
        ({"pay": "Payer %(montant)s"}, "placeholders differ"),
        ({"pay": "Payer %(amount)s à 100 % de"}, "percent sign"),
        ({"many": "des dossiers et %(other)s"}, "placeholders differ"),
        ({"one": ""}, "not translated"),
    ],
)
def test_a_wrong_translation_is_found(house: Path, changed: dict[str, str], fault: str) -> None:
    _fill(house, **changed)
    assert [found for found in translations.faults("fr", house) if fault in found]


def test_a_new_text_and_a_dropped_one_are_found(house: Path) -> None:
    _fill(house)
    (house / "templates" / "page.html").write_text("<h1>{{ _('Good morning') }}</h1>")
    found = translations.faults("fr", house)
    assert any(fault.startswith("missing: 'Good morning'") for fault in found)
    assert any(fault.startswith("no longer used: 'Welcome'") for fault in found)


def test_a_fuzzy_entry_is_found(house: Path) -> None:
    _fill(house)
    path = translations.catalogue_path("fr", house)
    path.write_text(path.read_text().replace('msgid "Welcome"', '#, fuzzy\nmsgid "Welcome"'))
    assert any(fault.startswith("fuzzy") for fault in translations.faults("fr", house))


def test_a_template_that_does_not_parse_stops_the_extraction(house: Path) -> None:
    (house / "templates" / "broken.html").write_text("{% if %}")
    with pytest.raises(Exception, match="Expected an expression"):
        translations.texts(house)
