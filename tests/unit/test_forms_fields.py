"""The fields: every way of writing an answer, what is kept, and that a saved answer comes back the same."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import FieldList, FormField

from app.core import i18n
from app.jurisdictions import load
from forms import fields, validators
from forms.base import BaseForm, StepForm
from forms.fields import parse_decimal
from forms.searchable import HsField, IsicField


@pytest.fixture(autouse=True)
def rwanda() -> Iterator[None]:
    before = load._pack
    load.configure("RW")
    with i18n.use_locale("en_RW"):
        yield
    load._pack = before


def form_of(field: Any) -> type[StepForm]:
    return type("OneForm", (StepForm,), {"answer": field})


def filled(field: Any, *values: str) -> StepForm:
    return form_of(field)(MultiDict([("answer", value) for value in values]))


class LineForm(BaseForm):
    description = fields.TextField("Description", [validators.required()])
    mass = fields.DecimalField("Mass", places=3)
    made = fields.DateField("Made on")


class EverythingForm(StepForm):
    name = fields.TextField("Name", max_length=60)
    note = fields.LongTextField("Note")
    amount = fields.DecimalField("Amount", places=4, minimum=0)
    count = fields.IntegerField("Count")
    day = fields.DateField("Day")
    form = fields.RadioField("Form", choices=[("a", "First"), ("b", "Second")])
    resident = fields.YesNoField("Resident")
    channels = fields.MultiCheckboxField("Channels", choices=[("x", "X"), ("y", "Y"), ("z", "Z")])
    country = fields.CountryField("Country")
    unit = fields.UnitField("Unit")
    phone = fields.PhoneField("Telephone")
    email = fields.EmailField("Mail")
    product = HsField("Product")
    activity = IsicField("Activity")
    agreed = fields.TickField("Agreed")
    lines = FieldList(FormField(LineForm, "Line"), "Lines", max_entries=5)


class TestRoundTrip:
    decimals = st.decimals(min_value=0, max_value=10**9, places=4).map(lambda value: format(value, "f"))
    days = st.dates(date(1900, 1, 1), date(2200, 1, 1))
    typed_days = days.map(lambda day: [str(day.day), str(day.month), f"{day.year:04}"])
    texts = st.text(max_size=60)

    @settings(deadline=None)
    @given(
        texts, texts, decimals, st.integers(-(10**9), 10**9), typed_days, st.sampled_from(["a", "b", "c", ""]),
        st.sampled_from(["yes", "no", ""]), st.lists(st.sampled_from("xyzw"), max_size=4),
        st.sampled_from(["CN", "FR", "", "??"]), st.sampled_from(["0788000001", "+33 1 23 45 67 89", "12", ""]),
        st.sampled_from([["090111"], ["coffee", "090111"], ["tea"], [""]]), st.booleans(),
        st.lists(st.tuples(texts, decimals, typed_days), max_size=4), st.sampled_from(["en_RW", "fr_RW", "fr_CG"]),
    )  # fmt: skip
    def test_raw_to_form_to_clean_to_form_is_the_same(
        self, name: str, note: str, amount: str, count: int, day: list[str], form: str, resident: str,
        channels: list[str], country: str, phone: str, product: list[str], agreed: bool,
        lines: list[tuple[str, str, list[str]]], locale: str,
    ) -> None:  # fmt: skip
        """In any language: what was typed is kept as typed, and a valid answer saved is a valid answer read back."""
        with i18n.use_locale(locale):
            # Written without thousands and with the language's own sign: never in doubt.
            point = "," if locale.startswith("fr") else "."
            pairs = [
                ("name", name), ("note", note), ("amount", amount.replace(".", point)), ("count", str(count)),
                *[("day", part) for part in day], ("form", form), ("resident", resident),
                *[("channels", value) for value in channels], ("country", country), ("phone", phone),
                *[("product", value) for value in product],
            ]  # fmt: skip
            if agreed:
                pairs.append(("agreed", "y"))
            for number, (text, mass, made) in enumerate(lines):
                pairs += [(f"lines-{number}-description", text), (f"lines-{number}-mass", mass.replace(".", point))]
                pairs += [(f"lines-{number}-made", part) for part in made]
            typed = EverythingForm(MultiDict(pairs))
            valid = typed.validate()
            again = EverythingForm(typed.raw())
            assert again.validate() == valid
            assert again.raw() == typed.raw()
            assert again.clean() == typed.clean()
            if valid:
                saved = EverythingForm(data=typed.clean())
                assert saved.validate(), saved.errors
                assert saved.clean() == typed.clean()
                assert [row.value for row in saved.summary()] == [row.value for row in typed.summary()]
                reposted = EverythingForm(MultiDict(list(posted_again(saved))))
                assert reposted.validate(), reposted.errors
                assert reposted.clean() == typed.clean()


def posted_again(form: Any) -> Iterator[tuple[str, str]]:
    """What a browser sends when the page of a saved form is sent back untouched."""
    for field in form:
        if isinstance(field, FieldList):
            for entry in field.entries:
                yield from posted_again(entry.form)
        elif field.kind == "date":
            yield from ((field.name, part.value) for part in field.parts())
        elif field.kind in {"radio", "checkboxes", "select"}:
            yield from ((field.name, choice.value) for choice in field.iter_choices() if choice.selected)
        elif field.kind == "tick":
            if field.data:
                yield field.name, "y"
        else:
            yield field.name, field._value()


class TestNumbers:
    @pytest.mark.parametrize(
        ("locale", "typed", "expected"),
        [
            ("en_RW", "1,234.5", "1234.5"),
            ("en_RW", "1 234,5", "1234.5"),
            ("en_RW", "1,234", "1234"),
            ("en_RW", "1.234", "1.234"),
            ("en_RW", "0,125", "0.125"),
            ("en_RW", "1,2", "1.2"),
            ("en_RW", "1,234,567", "1234567"),
            ("en_RW", "1.234.567,89", "1234567.89"),
            ("fr_RW", "1 234,5", "1234.5"),
            ("fr_RW", "1\u202f234,5", "1234.5"),
            ("fr_RW", "1.234,5", "1234.5"),
            ("fr_RW", "1,234.5", "1234.5"),
            ("fr_RW", "12.5", "12.5"),
            ("fr_CG", "10.000.000", "10000000"),
            ("fr_CG", "10’000", "10000"),
            ("ar", "١٢٣٤", "1234"),
            ("en_RW", "-5", "-5"),
        ],
    )
    def test_reads_what_people_write(self, locale: str, typed: str, expected: str) -> None:
        with i18n.use_locale(locale):
            assert parse_decimal(typed) == Decimal(expected)

    @pytest.mark.parametrize(
        "typed", ["", "abc", "1,23,4", "1..2", "12,34.5.6", "1e5", "NaN", "Infinity", "1,2,3", "--1"]
    )
    def test_refuses_what_is_no_number(self, typed: str) -> None:
        assert parse_decimal(typed) is None

    def test_ten_thousand_written_with_a_point_is_not_ten(self) -> None:
        """ "10.000" is ten thousand to one French reader and ten to another: with decimals allowed it is refused."""
        with i18n.use_locale("fr_CG"):
            assert parse_decimal("10.000", places=3) is None
            assert parse_decimal("10.000", places=0) == 10000
            assert parse_decimal("10.000", places=2) == 10000
            form = filled(fields.DecimalField("Masse", places=3), "10.000")
            assert not form.validate()
            assert form.answer._value() == "10.000"

    def test_a_comma_before_three_digits_means_thousands_for_whole_numbers(self) -> None:
        form = filled(fields.IntegerField("Packages"), "1,200")
        assert form.validate()
        assert form.answer.data == 1200

    @pytest.mark.parametrize(
        ("field", "typed", "words"),
        [
            (fields.DecimalField("Mass"), "heavy", "Mass must be a number, like 1,200.5."),
            (fields.DecimalField("Mass", places=2), "1.2345", "Mass can have at most 2 digits after the decimal sign."),
            (fields.IntegerField("Boxes"), "1.5", "Boxes must be a whole number."),
            (fields.IntegerField("Boxes", minimum=1), "0", "Boxes must be 1 or more."),
            (fields.DecimalField("Mass", maximum=10), "11", "Mass must be 10 or less."),
        ],
    )
    def test_says_what_is_wrong_and_keeps_what_was_typed(self, field: Any, typed: str, words: str) -> None:
        form = filled(field, typed)
        assert not form.validate()
        assert form.answer.errors == [words]
        assert form.answer._value() == typed

    def test_saved_numbers_are_strings_without_exponents(self) -> None:
        form = filled(fields.DecimalField("Mass", places=8), "0.00000001")
        assert form.validate()
        assert form.clean() == {"answer": "0.00000001"}


class TestDates:
    @pytest.mark.parametrize("typed", [["21", "11", "2026"], ["21/11/2026"], ["2026-11-21"], ["21.11.2026"]])
    def test_reads_a_day(self, typed: list[str]) -> None:
        form = filled(fields.DateField("Departure"), *typed)
        assert form.validate()
        assert form.answer.data == date(2026, 11, 21)
        assert form.clean() == {"answer": "2026-11-21"}
        assert [part.value for part in form.answer.parts()] == ["21", "11", "2026"]

    @pytest.mark.parametrize(
        ("typed", "words"),
        [
            (["31", "2", "2026"], "Departure must be a day that exists."),
            (["21", "", "2026"], "Departure must have a day, a month and a year."),
            (["21", "11", "26"], "Departure must be written in numbers, with four for the year, like 21 11 2026."),
            (["x", "11", "2026"], "Departure must be written in numbers, with four for the year, like 21 11 2026."),
            (["0", "0", "0000"], "Departure must be a day that exists."),
        ],
    )
    def test_keeps_a_wrong_day_as_typed(self, typed: list[str], words: str) -> None:
        form = filled(fields.DateField("Departure", [validators.required()]), *typed)
        assert not form.validate()
        assert form.answer.errors == [words]
        assert [part.value for part in form.answer.parts()] == typed
        assert form.raw() == {"answer": typed}

    def test_in_a_list_each_row_keeps_its_own(self) -> None:
        class Rows(StepForm):
            lines = FieldList(FormField(LineForm), "Lines")

        pairs = [("lines-0-made", "1"), ("lines-0-made", "2"), ("lines-0-made", "2026"), ("lines-3-made", "9")]
        form = Rows(MultiDict(pairs))
        assert [part.value for part in form.lines[0].form.made.parts()] == ["1", "2", "2026"]
        assert form.lines[1].form.made.parts()[0].value == "9"
        assert form.raw()["lines-1-made"] == ["9"]


class TestWords:
    def test_spaces_and_control_characters_go_and_case_stays(self) -> None:
        form = filled(fields.TextField("Name"), "  Kivu \x00  Coffee\tLtd ")
        assert form.validate()
        assert form.answer.data == "Kivu Coffee Ltd"
        assert "\x00" not in form.raw()["answer"][0]

    def test_too_long_keeps_all_that_was_typed(self) -> None:
        form = filled(fields.TextField("Name", max_length=5), "abcdefgh")
        assert not form.validate()
        assert form.answer.errors == ["Name must be 5 characters or fewer; it has 8."]
        assert form.answer._value() == "abcdefgh"

    def test_an_empty_answer_is_none(self) -> None:
        form = filled(fields.TextField("Name"), "   ")
        assert form.validate()
        assert form.clean() == {"answer": None}

    def test_line_ends_are_one_sign(self) -> None:
        form = filled(fields.LongTextField("Note"), "one\r\ntwo\rthree\n")
        assert form.answer.data == "one\ntwo\nthree"

    def test_telephone_of_the_country_and_of_another(self) -> None:
        assert filled(fields.PhoneField("Telephone"), "0788 000 001").answer.data == "+250788000001"
        assert filled(fields.PhoneField("Telephone"), "+242 06 600 00 01").answer.data == "+242066000001"
        assert not filled(fields.PhoneField("Telephone"), "hello").validate()

    @pytest.mark.parametrize(("country", "example"), [("RW", "+250 720 000 001"), ("CG", "+242 06 100 0001")])
    def test_a_wrong_telephone_number_is_answered_with_a_whole_one_of_the_country(
        self, country: str, example: str
    ) -> None:
        load.configure(country)
        form = filled(fields.PhoneField("Telephone"), "12")
        assert not form.validate()
        assert form.answer.errors == [f"Enter a telephone number, like {example}."]
        assert filled(fields.PhoneField("Telephone"), example).validate()

    @pytest.mark.parametrize("typed", ["0788KIGALI", "0788 000 001 ext 5"])
    def test_letters_are_no_part_of_a_telephone_number(self, typed: str) -> None:
        form = filled(fields.PhoneField("Telephone"), typed)
        assert not form.validate()
        assert form.raw() == {"answer": [typed]}

    def test_mail(self) -> None:
        assert filled(fields.EmailField("Mail"), " Aline@Demo.Example ").answer.data == "aline@demo.example"
        form = filled(fields.EmailField("Mail"), "aline@")
        assert not form.validate()
        assert form.answer.errors == ["Enter an e-mail address in the correct form, like name@example.com."]

    def test_a_password_is_neither_kept_nor_shown(self) -> None:
        form = filled(fields.PasswordField("Password"), " secret ")
        assert form.answer.data == " secret "
        assert form.raw() == {}
        assert "secret" not in form.answer()


class TestChoices:
    def test_a_value_not_offered_is_refused(self) -> None:
        form = filled(fields.SelectField("Market", choices=[("CN", "China")]), "XX")
        assert not form.validate()
        assert form.answer.errors == ["Choose one of the answers in the list."]

    def test_nothing_chosen_asks_for_a_choice_in_its_own_words(self) -> None:
        form = filled(
            fields.RadioField("Legal form", [validators.required("Choose a legal form.")], choices=[("a", "A")])
        )
        assert not form.validate()
        assert form.answer.errors == ["Choose a legal form."]

    def test_no_is_an_answer(self) -> None:
        form = filled(fields.YesNoField("Resident", [validators.required()]), "no")
        assert form.validate()
        assert form.clean() == {"answer": False}
        assert form.summary()[0].value == "No"

    def test_checkboxes_unticked_replace_what_was_saved(self) -> None:
        once = form_of(fields.MultiCheckboxField("Channels", choices=[("a", "A"), ("b", "B")]))
        assert once(data={"answer": ["a"]}).answer.data == ["a"]
        assert once(MultiDict(), data={"answer": ["a"]}).answer.data == []

    def test_summary_uses_words(self) -> None:
        assert filled(fields.CountryField("Country"), "CN").summary()[0].value == "China"
        unit = fields.unit_choices(load.current())[0]
        assert filled(fields.UnitField("Unit"), unit.value).summary()[0].value.startswith(f"{unit.label}, ")


class TestSearch:
    def test_a_code_is_enough(self) -> None:
        form = filled(HsField("Product"), "0901.11")
        assert form.validate()
        assert form.clean() == {"answer": "090111"}
        assert "Coffee" in form.summary()[0].value

    def test_words_without_a_choice_show_what_was_found(self) -> None:
        form = filled(HsField("Product", [validators.required()]), "coffee")
        assert not form.validate()
        assert form.answer.errors == ["Choose one of the answers found for “coffee”."]
        assert "090111" in {choice.value for choice in form.answer.results}
        assert form.answer._value() == "coffee"

    def test_the_chosen_answer_wins_over_the_words(self) -> None:
        form = filled(HsField("Product"), "coffee", "090121")
        assert form.validate()
        assert form.answer.data == "090121"
        assert form.raw() == {"answer": ["coffee", "090121"]}

    def test_a_choice_is_void_when_the_words_beside_it_were_changed(self) -> None:
        form = filled(HsField("Product"), "tea", "090121")
        assert not form.validate()
        assert "090240" in {choice.value for choice in form.answer.results}
        assert filled(HsField("Product"), "0902.40", "090121").answer.data == "090240"

    def test_a_choice_stands_without_words(self) -> None:
        assert filled(HsField("Product"), "", "090121").answer.data == "090121"

    def test_national_digits_are_dropped(self) -> None:
        assert filled(HsField("Product"), "0901 11 00").clean() == {"answer": "090111"}

    def test_nothing_found_says_so(self) -> None:
        form = filled(IsicField("Activity"), "xyzzyx")
        assert not form.validate()
        assert form.answer.errors == ["Nothing was found for “xyzzyx”. Try another word, or a code."]


class TestValidators:
    def test_required_speaks_once_even_when_the_value_cannot_be_read(self) -> None:
        form = filled(fields.DecimalField("Mass", [validators.required("Enter the mass.")]), "abc")
        assert not form.validate()
        assert form.answer.errors == ["Mass must be a number, like 1,200.5."]

    @pytest.mark.parametrize(
        ("validator", "field", "good", "bad"),
        [
            (validators.length(3, 5), fields.TextField, "abcd", "ab"),
            (validators.min_value(5), fields.IntegerField, "5", "4"),
            (validators.above(0), fields.DecimalField, "0.001", "0"),
            (validators.not_future(), fields.DateField, "1/1/2020", "1/1/2200"),
            (validators.not_past(), fields.DateField, "1/1/2200", "1/1/2020"),
        ],
    )
    def test_each_lets_the_good_the_empty_and_stops_the_bad(
        self, validator: Any, field: Any, good: str, bad: str
    ) -> None:
        made = form_of(field("Answer", [validator]))
        assert made(MultiDict({"answer": good})).validate()
        assert made(MultiDict({"answer": ""})).validate()
        form = made(MultiDict({"answer": bad}))
        assert not form.validate()
        assert len(form.answer.errors) == 1
        assert form.answer.errors[0].endswith(".")
