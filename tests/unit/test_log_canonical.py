"""RFC 8785: one way to write a value, checked against the RFC's own examples and against another reader and writer."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.audit.canonical import LARGEST, NotCanonical, encode


def test_the_members_are_ordered_as_in_the_rfcs_example() -> None:
    """RFC 8785 §3.2.3: by UTF-16 code units, so the grinning face stands before the Hebrew letter."""
    members = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    expected = (
        '{"\\r":"Carriage Return","1":"One","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis",'
        '"\u20ac":"Euro Sign","\U0001f600":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}'
    )
    assert encode(members) == expected.encode()


def test_text_and_literals_are_written_as_in_the_rfcs_example() -> None:
    """RFC 8785 §3.2.2, without the array of fractions."""
    value = {"string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", "literals": [None, True, False]}
    assert encode(value) == (b'{"literals":[null,true,false],"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}')


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, b"0"), (-0, b"0"), (LARGEST, b"9007199254740991"), (-LARGEST, b"-9007199254740991")],
)
def test_integers_are_those_of_the_rfcs_appendix(number: int, text: bytes) -> None:
    """RFC 8785 appendix B, as far as it is about integers."""
    assert encode(number) == text


@pytest.mark.parametrize(
    "value",
    [
        0.0,
        1.5,
        float("nan"),
        LARGEST + 1,
        -LARGEST - 1,
        b"x",
        {1: "x"},
        {"a": 1, 2: 3},
        {1, 2},
        "\ud800",
        {"\udead": 1},
    ],
)
def test_what_readers_would_disagree_about_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        encode([value])


values = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(values)
def test_it_reads_back_and_does_not_depend_on_the_order_of_members(value: object) -> None:
    written = encode(value)
    assert json.loads(written) == value
    assert encode(_turned(value)) == written == encode(json.loads(written))


def _turned(value: object) -> object:
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    return [_turned(each) for each in value] if isinstance(value, list) else value
