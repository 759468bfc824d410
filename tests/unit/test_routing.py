"""Rules of teams and flags: what a case makes of them, what they change, and what is wrong in a file of them."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cases.routing import Change, Facts, History, Live, Rules, Standing, Traits, evaluate, plan
from app.jurisdictions import load, trying
from app.jurisdictions.mistakes import PackError
from app.jurisdictions.model import Pack
from app.jurisdictions.routing_rows import FlagRule

RWANDA = load.load("RW")
DAY = date(2026, 11, 23)
RULES = Rules.of(RWANDA, DAY)


def coffee(value: int = 0, **history: Any) -> Facts:
    traits = Traits(permit_kind="coffee-export", hs=("090111",), destination="CN", value_minor=value)
    return Facts("export_licence", "NAEB", DAY, traits, History(**history))


def codes(facts: Facts) -> list[str]:
    return [each.rule.code for each in evaluate(RULES, facts).flags]


def test_the_first_rule_of_the_agency_that_fits_gives_the_team() -> None:
    assert evaluate(RULES, coffee()).team == "naeb-coffee-tea"
    other = Facts("export_licence", "NAEB", DAY, Traits(permit_kind="other"))
    assert (evaluate(RULES, other).team, evaluate(RULES, other).rule) == (None, "naeb-other")
    assert evaluate(RULES, Facts("customs", "RRA", DAY, Traits(office="GATUNA"))).team == "rra-inland"
    assert evaluate(RULES, Facts("export_licence", "RSB", DAY)).rule is None


@pytest.mark.parametrize(
    ("facts", "raised"),
    [
        (coffee(199_999_999, first=True), []),
        (coffee(200_000_000, first=True), ["first-high-value"]),
        (coffee(200_000_000), []),
        (coffee(1_000_000_000), ["very-high-value"]),
        (coffee(150_000_000, registered=date(2026, 10, 25)), ["new-business"]),
        (coffee(150_000_000, registered=date(2026, 10, 24)), []),
        (coffee(0, refused=date(2026, 8, 26)), ["recent-refusal"]),
        (coffee(0, refused=date(2026, 8, 25)), []),
    ],
)
def test_flags_at_the_edge_of_their_conditions(facts: Facts, raised: list[str]) -> None:
    assert codes(facts) == raised


def test_a_condition_on_a_value_does_not_fit_a_case_without_one() -> None:
    rule = FlagRule.model_validate(
        {
            "code": "small", "names": {"en": "x", "fr": "x"}, "explanation": {"en": "x", "fr": "x"},
            "max_value_minor": 10, "valid_from": "2024-01-01", "legal_ref": "illustrative",
        }
    )  # fmt: skip
    rules = Rules("v", {}, (rule,), {})
    assert evaluate(rules, Facts("customs", "RRA", DAY)).flags == ()
    assert evaluate(rules, Facts("customs", "RRA", DAY, Traits(value_minor=10))).flags


def standing(*live: Live, team: str | None = None, by: str | None = None, submission: int = 1) -> Standing:
    return Standing("NAEB", submission, team, by, live)


def live(code: str, *, cleared: bool = False, submission: int = 1, basis: dict[str, Any] | None = None) -> Live:
    rule = next(rule for rule in RWANDA.flags if rule.code == code)
    return Live(7, submission, code, rule.blocks_issuing, rule.cleared_by, cleared, basis or {})


def change(facts: Facts, before: Standing) -> Change:
    return plan(RULES, before, evaluate(RULES, facts))


HIGH = coffee(2_000_000_000)
BASIS = {"service": "export_licence", "value_minor": 2_000_000_000}


def test_running_the_rules_twice_changes_nothing_the_second_time() -> None:
    first = change(HIGH, standing())
    assert [each.rule.code for each in first.raised] == ["very-high-value"]
    assert first.moves
    assert first.blocks_now
    again = change(HIGH, standing(live("very-high-value", basis=BASIS), team="naeb-coffee-tea", by="rule"))
    assert again.nothing
    assert not again.blocks_now


def test_a_cleared_flag_stays_cleared_until_a_later_submission_changes_its_facts() -> None:
    team = {"team": "naeb-coffee-tea", "by": "rule"}
    cleared = live("very-high-value", cleared=True, basis=BASIS)
    assert change(HIGH, standing(cleared, **team)).nothing
    assert change(HIGH, standing(cleared, submission=2, **team)).nothing, "sent again, and the same"
    higher = change(coffee(3_000_000_000), standing(cleared, submission=2, **team))
    assert [each.rule.code for each in higher.raised] == ["very-high-value"]
    assert higher.ended == (cleared,)
    assert higher.lapsed == ()
    assert higher.blocks_now
    gone = change(coffee(0), standing(cleared, submission=2, **team))
    assert gone.nothing, "what was cleared needs no lapsing"


def test_a_flag_whose_facts_are_gone_lapses() -> None:
    stood = live("very-high-value", basis=BASIS)
    found = change(coffee(0), standing(stood, team="naeb-coffee-tea", by="rule"))
    assert found.lapsed == (stood,)
    assert not found.blocks_now


def test_a_flag_that_becomes_stricter_is_raised_anew_even_where_it_was_cleared() -> None:
    mild = Live(7, 1, "very-high-value", False, "clerk", True, BASIS)
    found = change(HIGH, standing(mild, team="naeb-coffee-tea", by="rule"))
    assert [each.rule.code for each in found.raised] == ["very-high-value"]
    assert found.blocks_now


def test_a_persons_choice_of_team_stands_within_the_agency() -> None:
    kept = change(coffee(), standing(team="naeb-horticulture", by="person"))
    assert (kept.team, kept.team_by, kept.nothing) == ("naeb-horticulture", "person", True)
    assert change(coffee(), standing(team=None, by="person")).nothing, "the whole agency is a choice too"
    moved = change(coffee(), standing(team="rra-origin", by="person"))
    assert (moved.team, moved.team_by, moved.moves) == ("naeb-coffee-tea", "rule", True)


def test_the_version_changes_with_the_files_and_with_the_day_a_row_begins() -> None:
    later = RWANDA.flags[0].model_copy(update={"code": "later", "valid_from": date(2026, 12, 1)})
    pack = RWANDA.model_copy(update={"flags": (*RWANDA.flags, later)})
    before, after = Rules.of(pack, date(2026, 11, 30)), Rules.of(pack, date(2026, 12, 1))
    assert before.version != after.version
    assert len(after.flags) == len(before.flags) + 1
    assert Rules.of(pack, date(2026, 12, 2)).version == after.version


@given(
    values=st.lists(st.integers(0, 3_000_000_000), min_size=1, max_size=5), cleared=st.booleans(), first=st.booleans()
)
def test_after_any_submissions_the_standing_flags_are_those_the_rules_raise(
    values: list[int], cleared: bool, first: bool
) -> None:
    """Whatever was sent before and cleared: every flag of the last submission stands, or was cleared on its facts."""
    flags: dict[str, Live] = {}
    for number, value in enumerate(values, start=1):
        facts = coffee(value, first=first)
        verdict = evaluate(RULES, facts)
        found = plan(RULES, Standing("NAEB", number, None, None, tuple(flags.values())), verdict)
        for gone in found.ended:
            del flags[gone.code]
        for raised in found.raised:
            rule = raised.rule
            flags[rule.code] = Live(
                number, number, rule.code, rule.blocks_issuing, rule.cleared_by, cleared, raised.basis
            )
        wanted = {each.rule.code: each.basis for each in verdict.flags}
        assert {code for code, flag in flags.items() if not flag.cleared} == (set() if cleared else set(wanted))
        if cleared:  # on these very facts; one that still stands may have been raised on earlier ones
            assert all(flags[code].basis == basis for code, basis in wanted.items())


# --- the file ------------------------------------------------------------------------------------------------------


def tried(alter: Callable[[str], str]) -> Pack:
    text = (load.FOLDER / "rw" / "routing.toml").read_text(encoding="utf-8")
    changed = alter(text)
    assert changed != text
    return trying.with_routing(RWANDA, changed.encode())


@pytest.mark.parametrize(
    ("old", "new", "place", "field", "words"),
    [
        ('team = "naeb-coffee-tea"', 'team = "nobody"', "routing row 1 (naeb-coffee-tea)", "team", "'nobody' is not"),
        ('team = "naeb-coffee-tea"', 'team = "rra-origin"', "routing row 1", "team", "is a team of 'RRA'"),
        ('"specialty-coffee"', '"special"', "routing row 1", "permit_kinds", "'special' is not a permit kind"),
        ('offices = ["KGLAIR"]', 'offices = ["KGL"]', "routing row 5", "offices", "'KGL' is not an office"),
        ('"4412"]', '"4499"]', "flags row 6 (listed-wood)", "hs", "'4499' is not in HS 2022"),
        ('cleared_by = "nobody"', 'cleared_by = "anybody"', "flags row 6", "cleared_by", "it must be"),
        ("first_application = true", "first_aplication = true", "flags row 1", "first_aplication", "not a field"),
        (
            'code = "naeb-other"\nagency = "NAEB"', 'code = "naeb-other"\nagency = "NAEB"\nhs = ["09"]',
            "routing row 3 (naeb-other)", "routing", "must take every case that is left",
        ),
        (
            'permit_kinds = ["horticulture-export"]', "", "routing row 3 (naeb-other)", "routing", "is never reached",
        ),
        ("min_value_minor = 1000000000", "min_value_minor = 2\nmax_value_minor = 1", "flags row 2", "max_value_minor",
         "is below min_value_minor"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_row_and_field(old: str, new: str, place: str, field: str, words: str) -> None:
    with pytest.raises(PackError) as caught:
        tried(lambda text: text.replace(old, new, 1))
    told = [str(mistake) for mistake in caught.value.mistakes]
    assert any(
        line.startswith(f"rw/routing.toml, {place}") and f"field {field}:" in line and words in line for line in told
    ), told


MINE = """[[flags]]
code = "mine"
names = { en = "a", fr = "b" }
explanation = { en = "a", fr = "b" }
valid_from = 2024-01-01
legal_ref = "illustrative"
"""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[[flags", "is not valid TOML"),
        (b"\xff\xfe", "not text in UTF-8"),
        (MINE.encode("utf-16"), "not text in UTF-8"),
        (b"#\n" * 50_001, "larger than 100 kB"),
        (b"x = " + b"[\n" * 20_000, "is nested too deeply"),
        (b"a" + b".a" * 40_000 + b" = 1", "line 1: is longer than 1000 characters"),
        (f"{MINE}min_value_minor = {'9' * 5000}".encode(), "is longer than 1000 characters"),
        (f'{MINE}code = "again"'.encode(), "Cannot overwrite a value"),
        (f"{MINE}{MINE}".encode(), "overlaps another row of the same code"),
        (MINE.encode() * 501, "field flags: has more than 500 rows"),
        (b'timezone = "../../etc"', "field timezone: is not looked at here"),
        (b'[[identifiers]]\npattern = "(a+)+$"\nexample = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"', "field identifiers"),
        (b"flags = 1", r"write its rows as \[\[flags\]\]"),
        (MINE.replace("2024-01-01", "9" * 300).encode(), "field valid_from"),
        (MINE.replace("2024-01-01", "nan").encode(), "field valid_from"),
        (MINE.replace('"mine"', "{ a = 1 }").encode(), "field code"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)
def test_whatever_somebody_wrote_is_told_as_a_mistake(content: bytes, words: str) -> None:
    with pytest.raises(PackError, match=words):
        trying.with_routing(RWANDA, content)


def test_a_row_until_the_end_of_the_calendar_and_a_byte_order_mark_are_no_mistakes() -> None:
    pack = trying.with_routing(RWANDA, b"\xef\xbb\xbf" + f"{MINE}valid_to = 9999-12-31".encode())
    assert [rule.code for rule in Rules.of(pack, DAY).flags] == ["mine"]
