"""Questions to a pack, asked of the real ones."""

from datetime import date
from decimal import Decimal

import pytest

from app.core.errors import Invalid, NotFound
from app.jurisdictions import lookup
from app.jurisdictions.load import load
from app.jurisdictions.model import FeeRule, Pack

RW, CG = load("RW"), load("CG")
TODAY = date(2026, 11, 21)


def with_fees(*fees: FeeRule) -> Pack:
    return RW.model_copy(update={"fees": fees})


def fee(amount: int, valid_from: date, valid_to: date | None = None, kind: str | None = None) -> FeeRule:
    return FeeRule(
        code="stamp",
        names={"en": "Stamp", "fr": "Timbre"},
        service="export_licence",
        permit_kind=kind,
        amount_minor=amount,
        currency="RWF",
        revenue_code="1422",
        valid_from=valid_from,
        valid_to=valid_to,
        legal_ref="illustrative",
    )


@pytest.mark.parametrize(
    "ask", [lookup.agency, lookup.office, lookup.entity_type, lookup.permit_kind, lookup.channel, lookup.unit,
            lookup.document, lookup.procedure]
)  # fmt: skip
def test_an_unknown_code_is_not_found(ask: object) -> None:
    with pytest.raises(NotFound):
        ask(RW, "nothing")  # type: ignore[operator]


def test_a_row_holds_from_its_first_to_its_last_day() -> None:
    row = fee(100, date(2026, 1, 1), date(2026, 6, 30))
    assert row.in_force(date(2026, 1, 1))
    assert row.in_force(date(2026, 6, 30))
    assert not row.in_force(date(2025, 12, 31))
    assert not row.in_force(date(2026, 7, 1))


def test_the_tariff_of_the_day_is_charged() -> None:
    pack = with_fees(fee(100, date(2026, 1, 1), date(2026, 6, 30)), fee(200, date(2026, 7, 1)))

    def charged(day: date) -> list[int]:
        return [rule.amount_minor for rule in lookup.fees_for(pack, "export_licence", "coffee-export", day)]

    assert charged(date(2026, 6, 30)) == [100]
    assert charged(date(2026, 7, 1)) == [200]
    assert charged(date(2025, 1, 1)) == []


def test_a_fee_of_one_permit_kind_is_not_another_ones() -> None:
    pack = with_fees(fee(100, date(2026, 1, 1), kind="tea-export"), fee(200, date(2026, 1, 1)))
    assert [f.amount_minor for f in lookup.fees_for(pack, "export_licence", "tea-export", TODAY)] == [100, 200]
    assert [f.amount_minor for f in lookup.fees_for(pack, "export_licence", "coffee-export", TODAY)] == [200]
    assert [f.amount_minor for f in lookup.fees_for(pack, "export_licence", None, TODAY)] == [200]
    assert lookup.fees_for(pack, "customs", None, TODAY) == ()


def test_find_gives_the_row_of_the_day_or_else_the_latest() -> None:
    rows = (fee(100, date(2026, 1, 1), date(2026, 6, 30)), fee(200, date(2026, 7, 1)))
    assert lookup.find(rows, "stamp", date(2026, 3, 1)) is rows[0]
    assert lookup.find(rows, "stamp") is rows[1]
    assert lookup.find(rows, "stamp", date(2020, 1, 1)) is None


def codes(rows: tuple[object, ...]) -> set[str]:
    return {row.code for row in rows}  # type: ignore[attr-defined]


def test_requirements_follow_goods_destination_and_route() -> None:
    trade = codes(lookup.requirements_for(RW, "090111", "CN", "general_trade", TODAY))
    parcels = codes(lookup.requirements_for(RW, "090111", "CN", "cbec", TODAY))
    assert trade == {"coffee-licence", "plant-health", "china-zero-duty", "gacc-registration"}
    assert parcels == {"coffee-licence", "china-cbec"}
    assert codes(lookup.requirements_for(RW, "", "CN", "service", TODAY)) == {"tour-operator"}
    assert codes(lookup.requirements_for(RW, "460219", "US", "cbec", TODAY)) == set()


def test_requirements_begin_on_their_day() -> None:
    def to_germany(day: date) -> set[str]:
        return codes(lookup.requirements_for(CG, "180100", "DE", "general_trade", day))

    assert "eu-deforestation" not in to_germany(date(2026, 12, 29))
    assert "eu-deforestation" in to_germany(date(2026, 12, 30))
    before, after = date(2026, 4, 30), date(2026, 5, 1)
    assert "china-zero-duty" not in codes(lookup.requirements_for(RW, "090111", "CN", "general_trade", before))
    assert "china-zero-duty" in codes(lookup.requirements_for(RW, "090111", "CN", "general_trade", after))


def test_every_export_of_goods_from_the_congo_needs_the_declaration_of_foreign_trade() -> None:
    for hs, route in (("180632", "general_trade"), ("460219", "cbec")):
        found = lookup.requirements_for(CG, hs, "FR", route, TODAY)
        assert "export-declaration" in {kind for row in found for kind in row.permit_kinds}


def test_logs_of_the_congo_are_prohibited_since_2023_and_processed_wood_is_not() -> None:
    assert [c.effect for c in lookup.controls_for(CG, "440349", "FR", date(2023, 1, 1))] == ["prohibited"]
    assert lookup.controls_for(CG, "440349", "FR", date(2022, 12, 31)) == ()
    assert "97" in lookup.controls_for(CG, "440349", "CN", TODAY)[0].legal_ref
    assert {c.effect for c in lookup.controls_for(CG, "440729", "FR", TODAY)} == {"restricted"}


def test_minerals_are_referred_and_cocoa_to_china_too() -> None:
    assert [c.effect for c in lookup.controls_for(RW, "261590", "CN", TODAY)] == ["refer"]
    assert [c.effect for c in lookup.controls_for(CG, "180100", "CN", TODAY)] == ["refer"]
    assert lookup.controls_for(CG, "180100", "FR", TODAY) == ()
    assert lookup.controls_for(RW, "", "CN", TODAY) == ()


def test_the_strictest_control_comes_first() -> None:
    control = CG.controls[0].model_copy(update={"code": "x", "effect": "restricted"})
    pack = CG.model_copy(update={"controls": (control, *CG.controls)})
    assert [c.effect for c in lookup.controls_for(pack, "440349", "FR", TODAY)] == ["prohibited", "restricted"]


def test_permit_kinds_for_goods_and_destination_the_required_first() -> None:
    to_china = [kind.code for kind in lookup.kinds_for(RW, "090111", "CN", TODAY)]
    assert to_china[0] == "coffee-export"
    assert "origin-china" in to_china
    assert "origin-china" not in [kind.code for kind in lookup.kinds_for(RW, "090111", "FR", TODAY)]
    assert [kind.code for kind in lookup.kinds_for(RW, "", "CN", TODAY)] == ["tour-operator"]


def test_wood_of_the_congo_needs_the_forest_check_beside_the_licence_it_is_drawn_from() -> None:
    required = [kind for kind in lookup.kinds_for(CG, "440729", "FR", TODAY) if kind.required_for_export]
    assert {kind.code: kind.has_quantity for kind in required} == {
        "export-declaration": True,
        "forest-export-check": False,
    }


def test_rates_and_the_national_currency() -> None:
    assert lookup.rate(RW, "RWF", TODAY) == 1
    assert lookup.rate(CG, "EUR", TODAY) == Decimal("655.957")
    with pytest.raises(Invalid) as caught:
        lookup.rate(RW, "USD", date(2020, 1, 1))
    assert caught.value.code == "no_rate"


def test_the_path_of_a_unit_begins_at_the_first_level() -> None:
    assert [unit.name for unit in lookup.unit_path(RW, "RW-gasabo.remera")] == ["City of Kigali", "Gasabo", "Remera"]
