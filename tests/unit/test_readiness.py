"""The pure core of readiness: every state, every kind of rule, and what adding or losing a permit may do."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.businesses.models import BusinessState
from app.core.errors import Invalid
from app.core.i18n import use_locale
from app.jurisdictions import load
from app.permits.models import PermitState
from app.trade import readiness
from app.trade.readiness import Question, Row, RowState
from app.trade.standing import HeldLine, HeldPermit, OpenCase, Standing

RW, CG = load.load("RW"), load.load("CG")
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
TODAY = date(2026, 11, 21)
COFFEE = Question("090111", "CN", "alibaba-com", Decimal(12000), "KGM")
NEEDED = ("coffee-export", "phytosanitary", "origin-china")


def permit(
    kind: str,
    available: str | None = "19200",
    *,
    state: PermitState = PermitState.ACTIVE,
    hs: str = "090111",
    unit: str = "KGM",
    destination: str | None = "CN",
    number: int = 1,
) -> HeldPermit:
    lines = () if available is None else (HeldLine(number, hs, Decimal(available), unit),)
    return HeldPermit(f"P-{number}", kind, state, destination, TODAY, TODAY + timedelta(days=90), lines)


def whole(**changes: HeldPermit) -> Standing:
    held = {kind: permit(kind) for kind in NEEDED} | {key.replace("_", "-"): each for key, each in changes.items()}
    return Standing(BusinessState.ACTIVE, tuple(held.values()))


def row(found: readiness.Readiness, code: str) -> Row:
    return next(each for each in found.rows if each.code == code)


def ask(standing: Standing, question: Question = COFFEE) -> readiness.Readiness:
    return readiness.evaluate(RW, question, standing, NOW)


def test_coffee_for_china_needs_a_business_a_licence_a_plant_certificate_and_its_origin() -> None:
    found = ask(Standing())
    assert [each.code for each in found.rows if each.state is RowState.MISSING] == ["business", *NEEDED]
    assert not found.ready
    licence = row(found, "coffee-export")
    assert "NAEB" in licence.grounds[0].rule
    assert "NAEB" in licence.grounds[0].legal_ref
    assert "NAEB" not in row(found, "origin-china").grounds[0].rule


def test_all_held_is_ready() -> None:
    found = ask(whole())
    assert found.ready
    assert found.open_rows == ()
    assert found.reason == ("", "")
    assert found.permit_line == 1


def test_what_nobody_here_can_check_is_said_and_does_not_stand_in_the_way() -> None:
    found = ask(whole())
    told = [each for each in found.rows if each.state is RowState.INFORMATION]
    assert [each.code for each in told] == ["gacc-registration"]
    assert told[0].grounds[0].caution
    assert not told[0].startable


@pytest.mark.parametrize(
    ("state", "expected", "reason", "may_apply"),
    [
        (PermitState.EXPIRED, RowState.EXPIRED, "expired", True),
        (PermitState.SUSPENDED, RowState.SUSPENDED, "suspended", False),
        (PermitState.USED_UP, RowState.NOT_ENOUGH, "not_enough", True),
        (PermitState.REVOKED, RowState.MISSING, "revoked", True),
        (PermitState.NOT_YET_VALID, RowState.IN_PROGRESS, "not_yet_valid", False),
    ],
)
def test_a_permit_that_is_not_valid_says_why(
    state: PermitState, expected: RowState, reason: str, may_apply: bool
) -> None:
    found = ask(whole(coffee_export=permit("coffee-export", state=state)))
    licence = row(found, "coffee-export")
    assert (licence.state, licence.reason_code, licence.startable) == (expected, reason, may_apply)
    assert licence.permit is not None
    assert found.reason == (reason, "coffee-export")
    assert not found.ready


def test_less_left_than_offered_is_not_enough_and_the_application_asks_for_the_rest() -> None:
    found = ask(whole(coffee_export=permit("coffee-export", "5000")))
    licence = row(found, "coffee-export")
    assert licence.state is RowState.NOT_ENOUGH
    assert (licence.remaining, licence.unit) == (Decimal(5000), "KGM")
    assert licence.arguments["quantity"] == "7000"


def test_several_permits_count_together_and_units_are_converted() -> None:
    two = (permit("coffee-export", "5000"), permit("coffee-export", "7", unit="TNE", number=2))
    standing = whole()
    others = tuple(each for each in standing.permits if each.kind != "coffee-export")
    found = ask(replace(standing, permits=(*two, *others)))
    assert row(found, "coffee-export").state is RowState.HELD
    assert row(found, "coffee-export").remaining == Decimal(12000)


def test_a_unit_that_cannot_be_converted_is_not_counted() -> None:
    found = ask(whole(), replace(COFFEE, quantity=Decimal(1), unit="H87"))
    licence = row(found, "coffee-export")
    assert licence.state is RowState.NOT_ENOUGH
    assert (licence.remaining, licence.unit) == (Decimal(19200), "KGM")
    assert "quantity" not in licence.arguments


def test_without_a_quantity_something_must_be_left() -> None:
    asked = replace(COFFEE, quantity=None, unit=None)
    assert ask(whole(), asked).ready
    assert row(ask(whole(coffee_export=permit("coffee-export", "0")), asked), "coffee-export").state is (
        RowState.NOT_ENOUGH
    )


def test_a_licence_without_lines_is_none_at_the_border_where_goods_are_counted_against_it() -> None:
    found = ask(whole(coffee_export=permit("coffee-export", None)))
    assert row(found, "coffee-export").state is RowState.NOT_ENOUGH
    assert ask(whole(phytosanitary=permit("phytosanitary", None))).ready


def test_a_declaration_draws_on_the_permit_customs_asks_for_where_most_is_left() -> None:
    licences = (
        permit("coffee-export", "0", number=2),
        permit("coffee-export", "700", number=3),
        permit("coffee-export", "12", unit="TNE", number=4),
    )
    others = (permit("phytosanitary", "90000", number=5), permit("origin-china", "90000", number=6))
    found = ask(Standing(BusinessState.ACTIVE, (*others, *licences)))
    assert found.permit_line == 4
    wood = Question("442011", "CN", "alibaba-com", Decimal(5), "H87")
    kinds = [each.code for each in ask(Standing(), wood).rows if each.kind]
    assert "processed-wood" in kinds
    held = tuple(
        permit(kind, "9", hs="4420", unit="H87", number=100 + number) for number, kind in enumerate(reversed(kinds))
    )
    carved = ask(Standing(BusinessState.ACTIVE, held), wood)
    assert carved.ready
    assert carved.permit_line == next(each.lines[0].id for each in held if each.kind == "processed-wood")
    reordered = replace(carved, rows=tuple(reversed(carved.rows)))
    assert reordered.permit_line == carved.permit_line, "whatever rule was read first"


def test_the_edition_of_a_permit_kind_that_is_in_force_counts_not_a_later_one() -> None:
    coming = [
        kind.model_copy(update={"valid_from": date(2027, 6, 1), "has_quantity": False})
        for kind in RW.permit_kinds
        if kind.code == "coffee-export"
    ]
    pack = RW.model_copy(update={"permit_kinds": (*RW.permit_kinds, *coming)})
    short = whole(coffee_export=permit("coffee-export", "5000"))
    assert not readiness.evaluate(pack, COFFEE, short, NOW).ready
    later = datetime(2027, 6, 2, tzinfo=UTC)
    assert row(readiness.evaluate(pack, COFFEE, short, later), "coffee-export").state is RowState.HELD


@pytest.mark.parametrize("other", [{"destination": "US"}, {"hs": "090121"}])
def test_a_permit_for_other_goods_or_another_country_does_not_count(other: dict[str, str]) -> None:
    found = ask(whole(coffee_export=permit("coffee-export", **other)))  # type: ignore[arg-type]
    assert row(found, "coffee-export").state is RowState.MISSING
    assert row(found, "coffee-export").permit is None


def test_an_open_application_is_on_its_way() -> None:
    case = OpenCase("EL-2026-00001-K", "export_licence", "coffee-export", "090111", "CN")
    elsewhere = replace(case, reference="EL-2026-00002-K", destination="US")
    nothing = Standing(BusinessState.ACTIVE, (), (elsewhere, case))
    licence = row(ask(nothing), "coffee-export")
    assert (licence.state, licence.case) == (RowState.IN_PROGRESS, "EL-2026-00001-K")
    assert not licence.startable
    assert licence.reason_code == "missing"
    assert row(ask(replace(nothing, cases=(elsewhere,))), "coffee-export").state is RowState.MISSING


def test_an_open_application_does_not_hide_a_suspension() -> None:
    case = OpenCase("EL-2026-00001-K", "export_licence", "coffee-export", "090111", "CN")
    standing = whole(coffee_export=permit("coffee-export", state=PermitState.SUSPENDED))
    assert row(ask(replace(standing, cases=(case,))), "coffee-export").state is RowState.SUSPENDED


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (BusinessState.SUSPENDED, RowState.SUSPENDED),
        (BusinessState.DISSOLVED, RowState.MISSING),
        (BusinessState.STRUCK_OFF, RowState.MISSING),
        (None, RowState.MISSING),
    ],
)
def test_the_business_itself_comes_first(state: BusinessState | None, expected: RowState) -> None:
    found = ask(replace(whole(), business_state=state))
    assert found.rows[0].code == "business"
    assert found.rows[0].state is expected
    assert not found.ready
    assert found.reason == (expected.value, "business")


def test_a_registration_under_way_is_shown() -> None:
    found = ask(Standing(None, (), (OpenCase("BR-2026-00001-K", "registration"),)))
    assert (found.rows[0].state, found.rows[0].case) == (RowState.IN_PROGRESS, "BR-2026-00001-K")


def test_the_application_is_filled_in() -> None:
    found = readiness.evaluate(RW, COFFEE, Standing(BusinessState.ACTIVE), NOW, description="Bourbon")
    assert dict(row(found, "coffee-export").arguments) == {
        "kind": "coffee-export",
        "hs": "090111",
        "destination": "CN",
        "route": "general_trade",
        "description": "Bourbon",
        "quantity": "12000",
        "unit": "KGM",
    }


@pytest.mark.parametrize(
    ("pack", "hs", "effect"),
    [(RW, "740400", "prohibited"), (RW, "261590", "refer"), (CG, "440311", "prohibited"), (CG, "090111", "refer")],
)
def test_forbidden_goods_are_never_ready(pack: object, hs: str, effect: str) -> None:
    everything = Standing(
        BusinessState.ACTIVE,
        tuple(permit(kind.code, None, destination=None) for kind in pack.permit_kinds),  # type: ignore[attr-defined]
    )
    found = readiness.evaluate(pack, Question(hs, "CN", "alibaba-com"), everything, NOW)  # type: ignore[arg-type]
    assert not found.ready
    assert found.forbidden[0].effect == effect
    assert found.reason[0] == effect


def test_restricted_goods_are_pointed_out() -> None:
    found = ask(Standing(), Question("720410", "KE", "other-marketplace"))
    assert [control.effect for control in found.controls] == ["restricted"]
    assert found.forbidden == ()


def test_a_service_needs_the_licence_of_its_channel_and_no_goods_permit() -> None:
    question = Question("", "CN", "fliggy")
    found = ask(Standing(BusinessState.ACTIVE), question)
    assert [each.code for each in found.rows] == ["business", "tour-operator"]
    assert dict(row(found, "tour-operator").arguments) == {"kind": "tour-operator", "destination": "CN"}
    assert ask(Standing(BusinessState.ACTIVE, (permit("tour-operator", None),)), question).ready


def test_parcels_need_less_than_general_trade() -> None:
    codes = {each.code for each in ask(Standing(), replace(COFFEE, channel="tmall-global")).rows}
    assert {"coffee-export", "china-cbec"} <= codes
    assert not {"phytosanitary", "origin-china"} & codes


def test_a_channel_that_is_closed_to_the_country_is_said() -> None:
    found = ask(whole(), replace(COFFEE, channel="tmall-global", destination="US"))
    assert row(found, "channel").state is RowState.MISSING
    gone = ask(whole(), replace(COFFEE, channel="gone"))
    assert row(gone, "channel").state is RowState.MISSING
    assert not gone.ready


@pytest.mark.parametrize(
    ("question", "field"),
    [
        (replace(COFFEE, channel="nowhere"), "channel"),
        (replace(COFFEE, hs=""), "hs"),
        (replace(COFFEE, hs="999999"), "hs"),
        (replace(COFFEE, hs="0901"), "hs"),
        (replace(COFFEE, channel="fliggy"), "hs"),
        (replace(COFFEE, destination="RW"), "destination"),
        (replace(COFFEE, destination="XX"), "destination"),
        (replace(COFFEE, channel="tmall-global", destination="US"), "destination"),
        (replace(COFFEE, unit=None), "unit"),
        (replace(COFFEE, quantity=None), "quantity"),
        (replace(COFFEE, unit="ZZZ"), "unit"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_at_its_field(question: Question, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        readiness.check(RW, question, TODAY)
    assert refused.value.field == field


def test_it_speaks_the_readers_language() -> None:
    with use_locale("fr_RW"):
        found = ask(Standing())
        assert "licence du NAEB" in str(row(found, "coffee-export").grounds[0].rule)
        assert row(found, "coffee-export").title == "Licence d’exportation de café"


KINDS = st.sampled_from([*NEEDED, "specialty-coffee", "tea-export"])


@st.composite
def permits(draw: st.DrawFn) -> HeldPermit:
    lines = tuple(
        HeldLine(
            number, draw(st.sampled_from(["090111", "0901", "090240"])), Decimal(draw(st.integers(0, 20000))), unit
        )
        for number, unit in enumerate(draw(st.lists(st.sampled_from(["KGM", "TNE", "H87"]), max_size=3)))
    )
    state = draw(st.sampled_from(list(PermitState)))
    destination = draw(st.sampled_from(["CN", "US", None]))
    return HeldPermit("P", draw(KINDS), state, destination, TODAY, TODAY + timedelta(days=9), lines)


STANDINGS = st.builds(Standing, st.sampled_from([*BusinessState, None]), st.lists(permits(), max_size=6).map(tuple))
QUESTIONS = st.builds(
    Question,
    st.just("090111"),
    st.sampled_from(["CN", "US"]),
    st.sampled_from(["alibaba-com", "other-parcels"]),
    st.one_of(st.none(), st.integers(1, 40000).map(Decimal)),
).map(lambda question: replace(question, unit="KGM") if question.quantity is not None else question)


@given(STANDINGS, permits(), QUESTIONS)
def test_one_permit_more_never_makes_it_unready_and_one_less_never_ready(
    standing: Standing, more: HeldPermit, question: Question
) -> None:
    before = ask(standing, question)
    after = ask(replace(standing, permits=(*standing.permits, more)), question)
    assert after.ready or not before.ready
    assert {each.code for each in before.rows if not each.blocks} <= {
        each.code for each in after.rows if not each.blocks
    }


@given(STANDINGS, QUESTIONS, st.integers(1, 40000).map(Decimal))
def test_offering_less_never_makes_it_unready(standing: Standing, question: Question, less: Decimal) -> None:
    more = replace(question, quantity=(question.quantity or Decimal(0)) + less, unit="KGM")
    if ask(standing, more).ready and question.quantity is not None:
        assert ask(standing, question).ready


@given(STANDINGS, QUESTIONS)
def test_ready_means_every_row_is_held(standing: Standing, question: Question) -> None:
    found = ask(standing, question)
    if found.ready:
        assert standing.business_state is BusinessState.ACTIVE
        for kind in readiness.kinds_needed(RW, question, TODAY):
            assert any(
                each.kind == kind and each.state is PermitState.ACTIVE and each.covers("090111", question.destination)
                for each in standing.permits
            )
