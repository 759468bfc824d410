"""A mistake in a pack names file, row and field; all mistakes are told at once."""

import shutil
from pathlib import Path

import pytest

from app.jurisdictions import load as loading
from app.jurisdictions.mistakes import PackError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of Rwanda's pack to break."""
    copy = tmp_path / "rw"
    shutil.copytree(loading.FOLDER / "rw", copy)
    return copy


def change(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, "the pack changed: this test must change with it"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


MISTAKES = [
    # what is wrong: file, text, wrong text; then file, row, code, field and words of the mistake
    (
        "agencies.toml",
        'agency = "NAEB"',
        'agency = "NABE"',
        "offices row 2",
        "NAEB-KGL",
        "agency",
        "'NABE' is not an agency",
    ),
    (
        "agencies.toml",
        'kind = "registrar"',
        'kind = "registry"',
        "agencies row 1",
        "RDB",
        "kind",
        "it must be 'registrar'",
    ),
    (
        "permit_kinds.toml",
        'agency = "NAEB"',
        'agency = "NEAB"',
        "permit_kinds row 1",
        "coffee-export",
        "agency",
        "'NEAB'",
    ),
    (
        "permit_kinds.toml",
        'hs = ["0901"]',
        'hs = ["0977"]',
        "permit_kinds row 1",
        "coffee-export",
        "hs",
        "not in HS 2022",
    ),
    ("permit_kinds.toml", 'hs = ["0901"]', 'hs = ["9"]', "permit_kinds row 1", "coffee-export", "hs.1", "pattern"),
    (
        "permit_kinds.toml",
        '"cupping_report"',
        '"cuping_report"',
        "permit_kinds row 1",
        "coffee-export",
        "documents",
        "cuping",
    ),
    (
        "permit_kinds.toml",
        "validity_days = 180\n",
        "",
        "permit_kinds row 1",
        "coffee-export",
        "validity_days",
        "is missing",
    ),
    (
        "permit_kinds.toml",
        "max_validity_days = 365",
        "max_validity_days = 90",
        "permit_kinds row 1",
        "coffee-export",
        "max_validity_days",
        "below validity_days",
    ),
    (
        "permit_kinds.toml",
        'destinations = ["CN"]',
        'destinations = ["QQ"]',
        "permit_kinds row 8",
        "origin-china",
        "destinations",
        "'QQ' is not an ISO 3166 country",
    ),
    (
        "fees.toml",
        'permit_kind = "coffee-export"',
        'permit_kind = "cofee-export"',
        "fees row 2",
        "coffee-licence",
        "permit_kind",
        "'cofee-export' is not a permit kind",
    ),
    (
        "fees.toml",
        'service = "registration"',
        'service = "registering"',
        "fees row 1",
        "registration",
        "service",
        "'registering' is not a service",
    ),
    ("fees.toml", 'currency = "RWF"', 'currency = "XAF"', "fees row 1", "registration", "currency", "fees are in RWF"),
    (
        "fees.toml",
        "amount_minor = 15000",
        'amount_minor = 15000\npercent = "5"',
        "fees row 2",
        "coffee-licence",
        "percent",
        "not both",
    ),
    ("fees.toml", "amount_minor = 15000", "amount_minor = -1", "fees row 2", "coffee-licence", "amount_minor", "-1"),
    (
        "fees.toml",
        "amount_minor = 15000",
        "amonut_minor = 15000",
        "fees row 2",
        "coffee-licence",
        "amonut_minor",
        "is not a field",
    ),
    (
        "trade.toml",
        'permit_kinds = ["tour-operator"]',
        'permit_kinds = ["tours"]',
        "channels row 3",
        "fliggy",
        "permit_kinds",
        "'tours' is not a permit kind",
    ),
    ("trade.toml", 'route = "cbec"', 'route = "parcel"', "channels row 2", "tmall-global", "route", "'parcel'"),
    (
        "trade.toml",
        'routes = ["service"]',
        'routes = ["services"]',
        "requirements row 14",
        "tour-operator",
        "routes.1",
        "'services'",
    ),
    (
        "trade.toml",
        "valid_from = 2023-06-01",
        "valid_from = 2023-06-01\nvalid_to = 2023-05-01",
        "requirements row 1",
        "coffee-licence",
        "valid_to",
        "ends before it begins",
    ),
    (
        "businesses.toml",
        'fr = "Entreprise individuelle"',
        'sw = "Biashara"',
        "entity_types row 1",
        "individual",
        "names",
        "no text in fr",
    ),
    (
        "businesses.toml",
        'example = "999000123"',
        'example = "99900012"',
        "identifiers row 1",
        "tin",
        "example",
        "does not fit",
    ),
    (
        "businesses.toml",
        r"pattern = '\d{9}'",
        r"pattern = '(\d{9}'",
        "identifiers row 1",
        "tin",
        "pattern",
        "regular expression",
    ),
    (
        "businesses.toml",
        'documents = ["identity"]',
        'documents = ["id"]',
        "entity_types row 1",
        "individual",
        "documents",
        "'id' is not a document",
    ),
    ("customs.toml", 'currency = "USD"', 'currency = "USX"', "rates row 1", "", "currency", "ISO 4217"),
    (
        "customs.toml",
        'currency = "USD"',
        'currency = "RWF"',
        "rates row 1",
        "",
        "currency",
        "no exchange rate to itself",
    ),
    ("customs.toml", 'currency = "USD"', 'currency = "EUR"', "rates row 2", "", "valid_from", "overlaps"),
    (
        "customs.toml",
        'code = "other"',
        'code = "other"\nhs = ["09"]',
        "lanes row 6",
        "other",
        "lanes",
        "every declaration",
    ),
    ("units.csv", "RW-gasabo,2,RW-01", "RW-gasabo,2,RW-09", "line 14", "RW-gasabo", "parent", "'RW-09' is not a unit"),
    ("units.csv", "RW-gasabo,2,RW-01", "RW-gasabo,3,RW-01", "line 14", "RW-gasabo", "parent", "level 1, not 2"),
    ("units.csv", "RW-gasabo,2,RW-01", "RW-gasabo,4,RW-01", "line 14", "RW-gasabo", "level", "3 levels"),
    (
        "units.csv",
        'RW-gasabo,2,RW-01,Gasabo,Gasabo,2006-01-01,,"NISR: List of Villages, 3 July 2019"',
        "RW-gasabo,2,RW-01,Gasabo,Gasabo,2006-01-01,,NISR: List of Villages, 3 July 2019",
        "line 14",
        "RW-gasabo",
        "(surplus cells)",
        "not a field of this table",
    ),
    (
        "fees.toml",
        'permit_kind = "tour-operator"\namount_minor = 100000',
        'permit_kind = "tour-operator"\npercent = "5"',
        "fees row 14",
        "tour-operator-licence",
        "percent",
        "'tour-operator' has none",
    ),
    ("units.csv", "RW-gasabo,2,RW-01,Gasabo", "RW-gasabo,two,RW-01,Gasabo", "line 14", "RW-gasabo", "level", "'two'"),
]


@pytest.mark.parametrize(("file", "old", "new", "row", "code", "field", "words"), MISTAKES)
def test_a_mistake_names_file_row_and_field(
    folder: Path, file: str, old: str, new: str, row: str, code: str, field: str, words: str
) -> None:
    change(folder, file, old, new)

    with pytest.raises(PackError) as caught:
        loading.read(folder)

    found = [mistake for mistake in caught.value.mistakes if mistake.field == field and mistake.place.row == row]
    assert found, str(caught.value)
    assert found[0].place.file == f"rw/{file}"
    assert found[0].place.code == code
    assert words in found[0].message
    assert str(found[0]).startswith(f"rw/{file}, {row}")
    assert str(found[0]).endswith(".")


def test_goods_are_drawn_from_one_licence_only(folder: Path) -> None:
    change(folder, "permit_kinds.toml", 'hs = ["0902"]', 'hs = ["0901"]')

    with pytest.raises(PackError) as caught:
        loading.read(folder)

    assert str(caught.value) == (
        "rw/permit_kinds.toml, permit_kinds row 3 (tea-export), field has_quantity: "
        "customs would draw the same goods from 'coffee-export' too."
    )


FACTS = [
    (
        'registration_agency = "RDB"',
        'registration_agency = "RRA"',
        "registration_agency",
        "'RRA' is not an agency of kind",
    ),
    ('customs_agency = "RRA"', 'customs_agency = "ARR"', "customs_agency", "'ARR' is not an agency"),
    ('timezone = "Africa/Kigali"', 'timezone = "Africa/Kigaly"', "timezone", "not a time zone"),
    ('default_language = "en"', 'default_language = "rw"', "default_language", "not among the languages"),
    ('languages = ["en", "fr"]', 'languages = ["en", "fr", "rw"]', "locales", "no locale for the language 'rw'"),
    ('currency = "RWF"', 'currency = "RWX"', "currency", "ISO 4217"),
    ('capital_city = "Kigali"\n', "", "capital_city", "is missing"),
    ("days_to_pay = 30", "days_to_pay = 0", "bills.days_to_pay", "greater than or equal to 1"),
    ('country = "RW"', 'country = "RW"\nmotto = "x"', "motto", "is not a field"),
]


@pytest.mark.parametrize(("old", "new", "field", "words"), FACTS)
def test_a_mistake_in_the_single_facts_names_pack_toml(
    folder: Path, old: str, new: str, field: str, words: str
) -> None:
    change(folder, "pack.toml", old, new)

    with pytest.raises(PackError) as caught:
        loading.read(folder)

    found = [mistake for mistake in caught.value.mistakes if mistake.field == field]
    assert found, str(caught.value)
    assert found[0].place.file == "rw/pack.toml"
    assert words in found[0].message


def test_all_mistakes_are_told_at_once(folder: Path) -> None:
    change(folder, "fees.toml", "amount_minor = 15000", "amount_minor = -5")
    change(folder, "agencies.toml", 'agency = "NAEB"', 'agency = "NABE"')
    change(folder, "units.csv", "RW-gasabo,2,RW-01", "RW-gasabo,2,RW-09")

    with pytest.raises(PackError) as caught:
        loading.read(folder)

    assert {mistake.place.file for mistake in caught.value.mistakes} >= {
        "rw/fees.toml",
        "rw/agencies.toml",
        "rw/units.csv",
    }
    assert len(str(caught.value).splitlines()) == len(caught.value.mistakes)


def test_a_row_that_cannot_be_read_is_not_reported_as_missing_elsewhere(folder: Path) -> None:
    """A broken permit kind must not make every row that refers to it look wrong too."""
    change(folder, "permit_kinds.toml", "validity_days = 180\n", "")

    with pytest.raises(PackError) as caught:
        loading.read(folder)

    assert [mistake.field for mistake in caught.value.mistakes] == ["validity_days"]


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("fees.toml", "[[fees]\n", "is not valid TOML"),
        ("taxes.csv", "code,level\n1,2\n", "there is no table 'taxes'"),
        ("fees.toml", 'fees = "none"\n', "[[fees]]"),
    ],
)
def test_an_unreadable_file_is_named(folder: Path, file: str, content: str, words: str) -> None:
    (folder / file).write_text(content, encoding="utf-8")

    with pytest.raises(PackError) as caught:
        loading.read(folder)

    assert any(m.place.file == f"rw/{file}" and words in m.message for m in caught.value.mistakes), str(caught.value)


def test_an_unknown_country_has_no_pack() -> None:
    with pytest.raises(PackError, match="RW, CG"):
        loading.load("CD")


def test_the_version_is_a_digest_of_the_content(folder: Path) -> None:
    before = loading.read(folder).version
    assert before == loading.load("RW").version
    assert before.startswith("RW-")
    assert len(before) == len("RW-") + 12

    change(folder, "fees.toml", "amount_minor = 15000", "amount_minor = 16000")

    assert loading.read(folder).version != before


def test_two_dated_rows_of_one_code_may_follow_each_other(folder: Path) -> None:
    old = 'rate = "1452.50"\nvalid_from = 2026-01-01'
    change(folder, "customs.toml", old, f"{old}\nvalid_to = 2026-06-30")
    with (folder / "customs.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[[rates]]\ncurrency = "USD"\nrate = "1460"\nvalid_from = 2026-07-01\nlegal_ref = "illustrative"\n'
        )

    assert sum(rate.currency == "USD" for rate in loading.read(folder).rates) == 2


def test_configure_sets_the_process_own_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_pack", None)
    with pytest.raises(RuntimeError, match="configure"):
        loading.current()

    assert loading.configure("CG") is loading.current()
    assert loading.current().country == "CG"


def test_the_command_validates_both_packs(capsys: pytest.CaptureFixture[str]) -> None:
    assert loading.main() == 0
    assert {line[:3] for line in capsys.readouterr().out.splitlines()} == {"RW-", "CG-"}
