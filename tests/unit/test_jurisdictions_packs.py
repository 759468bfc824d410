"""What the two packs that come with the portal must hold."""

import re
from collections import Counter
from datetime import date

import pytest

from app.core.i18n import use_locale
from app.jurisdictions import lookup
from app.jurisdictions.load import COUNTRIES, TABLES, load
from app.jurisdictions.model import Dated, Names, Pack
from app.reference import units

TODAY = date(2026, 11, 21)
DEMO_GOODS = {
    "RW": ("090111", "090121", "460219", "090240", "090421"),
    "CG": ("180100", "180632", "442011", "441920", "460219"),
}


@pytest.fixture(params=COUNTRIES)
def pack(request: pytest.FixtureRequest) -> Pack:
    return load(request.param)


def dated_rows(pack: Pack) -> list[Dated]:
    return [row for table in TABLES for row in getattr(pack, table) if isinstance(row, Dated)]


def texts(pack: Pack) -> list[Names]:
    found: list[Names] = [pack.names, pack.portal_name, *pack.unit_levels]
    for table in TABLES:
        for row in getattr(pack, table):
            for field in ("names", "description", "hint", "address"):
                found.extend([text] if (text := getattr(row, field, None)) else [])
    return found


def test_at_least_eight_permit_kinds_are_in_force(pack: Pack) -> None:
    assert len(lookup.in_force(pack.permit_kinds, TODAY)) >= 8


def test_the_four_groups_of_goods_and_tours_are_covered(pack: Pack) -> None:
    for hs in ("090111", "090240", "080440", "460219", "440729", "970191"):
        assert lookup.kinds_for(pack, hs, "CN", TODAY), hs
    assert lookup.kinds_for(pack, "", "CN", TODAY), "a service permit"


def test_every_demo_product_can_be_licensed(pack: Pack) -> None:
    for hs in DEMO_GOODS[pack.country]:
        assert lookup.kinds_for(pack, hs, "CN", TODAY), hs


def test_every_permit_kind_has_papers_a_unit_and_a_fee_row(pack: Pack) -> None:
    for kind in pack.permit_kinds:
        assert kind.documents, kind.code
        assert all(units.find(unit) for unit in kind.units), kind.code
        own = [fee for fee in lookup.fees_for(pack, kind.service, kind.code, TODAY) if fee.permit_kind == kind.code]
        assert len(own) == 1, kind.code


def test_every_dated_row_rests_on_a_reference_or_says_it_is_illustrative(pack: Pack) -> None:
    rows = dated_rows(pack)
    assert len(rows) > 200
    for row in rows:
        assert row.illustrative or len(row.legal_ref) > 5, row
        assert not (row.illustrative and row.uncertain), "an illustrative row has no source that could be uncertain"


def test_no_row_speaks_of_the_other_congo(pack: Pack) -> None:
    forbidden = re.compile(r"\b(OCC|ONAPAC|DGDA|GUCE|CDF)\b")
    for row in dated_rows(pack):
        assert not forbidden.search(row.model_dump_json()), row


def test_french_texts_are_french(pack: Pack) -> None:
    """A typewriter's apostrophe or an English word in a French text is a slip."""
    slip = re.compile(r"'| (the|and|of|for) ", re.IGNORECASE)
    for text in texts(pack):
        assert not slip.search(text["fr"]), text["fr"]
        assert "'" not in text["en"], text["en"]


def test_channels_for_the_alibaba_family_and_any_other(pack: Pack) -> None:
    assert {channel.platform for channel in pack.channels} == {"alibaba", "tmall_global", "fliggy", "other"}
    assert lookup.channel(pack, "fliggy").permit_kinds == ("tour-operator",)


def test_every_service_has_a_standard_and_customs_a_rate_lane_and_exit(pack: Pack) -> None:
    for service in ("registration", "export_licence", "customs"):
        assert lookup.standard_days(pack, service, TODAY) >= 1
    for currency in ("USD", "EUR", "CNY"):
        assert lookup.rate(pack, currency, TODAY) > 0
    assert {lane.lane for lane in pack.lanes} == {"green", "blue", "yellow", "red"}
    exits = lookup.offices_of(pack, pack.customs_agency, TODAY, exit_only=True)
    assert len(exits) >= 3
    assert all(re.fullmatch(r"[A-Z]{5}", office.customs_code) for office in exits)


def test_customs_codes_are_unique(pack: Pack) -> None:
    codes = Counter(office.customs_code for office in pack.offices if office.customs_code)
    assert max(codes.values()) == 1


def test_legal_forms_have_the_common_categories(pack: Pack) -> None:
    categories = {form.category for form in pack.entity_types}
    assert categories >= {"sole", "plc_private", "plc_public", "partner", "coop", "branch"}
    for form in pack.entity_types:
        assert form.max_owners is None or form.max_owners >= form.min_owners, form.code


def test_the_country_name_is_in_the_readers_language() -> None:
    with use_locale("fr_CG"):
        assert load("CG").name == "République du Congo"
        assert lookup.agency(load("RW"), "NAEB").name.startswith("Office national")
    with use_locale("en_RW"):
        assert load("CG").name == "Republic of the Congo"


def test_what_is_uncertain_says_so() -> None:
    fee = next(fee for fee in load("CG").fees if fee.code == "registration")
    free = next(fee for fee in load("RW").fees if fee.code == "registration")
    assert (fee.amount_minor, fee.currency, fee.uncertain) == (25_000, "XAF", True)
    assert "Uncertain" in fee.caution
    assert (free.amount_minor, free.caution) == (0, "")
    assert "Illustrative" in load("RW").procedures[0].caution


def test_rwanda_has_all_its_districts_and_sectors() -> None:
    levels = Counter(unit.level for unit in load("RW").units)
    assert levels == {1: 5, 2: 30, 3: 416}


def test_the_congo_had_twelve_departments_before_august_2024_and_has_fifteen_since() -> None:
    pack = load("CG")
    before, after = date(2024, 8, 1), date(2024, 8, 8)
    for day, departments in ((before, 12), (after, 15)):
        assert sum(unit.level == 1 for unit in lookup.in_force(pack.units, day)) == departments
    assert lookup.unit(pack, "CG.d.gamboma", before).parent == "CG-14"
    assert lookup.unit(pack, "CG.d.gamboma", after).parent == "CG-NKA"
    assert [unit.code for unit in lookup.unit_path(pack, "CG.d.gamboma")] == ["CG-NKA", "CG.d.gamboma"]


def test_every_department_and_district_has_units_below(pack: Pack) -> None:
    current = lookup.in_force(pack.units, TODAY)
    parents = {unit.parent for unit in current}
    assert [unit.code for unit in current if unit.level < len(pack.unit_levels) and unit.code not in parents] == []


def test_names_of_units_below_one_parent_are_told_apart(pack: Pack) -> None:
    current = lookup.in_force(pack.units, TODAY)
    assert max(Counter((unit.parent, unit.names["fr"]) for unit in current).values()) == 1
    assert max(Counter((unit.parent, unit.names["en"]) for unit in current).values()) == 1
