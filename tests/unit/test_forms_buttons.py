"""Searching, adding and removing rows: the page comes back with everything typed."""

from collections.abc import Iterator

import pytest
from werkzeug.datastructures import MultiDict

from app.core import i18n
from app.core.errors import Problem
from tests.web.kit_app import KitForm


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    with i18n.use_locale("en_RW"):
        yield


def posted(**extra: str) -> MultiDict[str, str]:
    pairs = [("name", "Kivu"), ("net", "12 abc"), ("people-0-name", "Aline"), ("people-0-born", "1"),
             ("people-0-born", ""), ("people-0-born", "x"), ("people-1-name", "Jean")]  # fmt: skip
    return MultiDict([*pairs, *extra.items()])


def test_no_button_is_not_handled() -> None:
    data = posted()
    assert KitForm(data).handle_buttons(data) is False


def test_add_gives_an_empty_row_and_keeps_the_rest() -> None:
    data = posted(_add="people")
    form = KitForm(data)
    assert form.handle_buttons(data)
    assert [entry.form.name._value() for entry in form.people] == ["Aline", "Jean", ""]
    assert form.people[2].form.name.autofocus
    assert form.net._value() == "12 abc"


def test_remove_takes_the_named_row_and_renumbers() -> None:
    data = posted(_remove="people-0")
    form = KitForm(data)
    assert form.handle_buttons(data)
    assert [entry.form.name.name for entry in form.people] == ["people-0-name"]
    assert form.people[0].form.name._value() == "Jean"


def test_the_last_row_is_replaced_by_an_empty_one_and_the_list_stays_within_its_limits() -> None:
    data = MultiDict([("people-0-name", "Aline"), ("_remove", "people-0")])
    form = KitForm(data)
    assert form.handle_buttons(data)
    assert [entry.form.name._value() for entry in form.people] == [""]
    full = MultiDict([(f"people-{number}-name", "P") for number in range(3)] + [("_add", "people")])
    form = KitForm(full)
    assert form.handle_buttons(full)
    assert len(form.people) == 3


def test_search_shows_answers_without_an_error() -> None:
    data = posted(product="coffee", _search="product")
    form = KitForm(data)
    assert form.handle_buttons(data)
    assert [choice.value for choice in form.product.results] == ["090111", "090121"]
    assert not form.problems()
    assert form.name._value() == "Kivu"


STRAY = [
    {"_search": "name"},
    {"_search": "nothing"},
    {"_add": "name"},
    {"_remove": "people-9"},
    {"_remove": "people-x"},
    {"_remove": "rows-0"},
]


@pytest.mark.parametrize("button", STRAY)
def test_a_button_nobody_drew_does_nothing(button: dict[str, str]) -> None:
    data = posted(**button)
    form = KitForm(data)
    assert form.handle_buttons(data) is False
    assert len(form.people) == 2


def test_refusals_stand_at_their_field_or_above_the_form() -> None:
    form = KitForm(posted())
    form.validate()
    form.refuse([Problem("The name is taken.", "name"), Problem("Too late.", None), Problem("No such field.", "x.y")])
    assert form.name.errors == ["The name is taken."]
    texts = [problem.message for problem in form.problems()]
    assert texts[:2] == ["Too late.", "No such field."]
    assert "The name is taken." in texts
