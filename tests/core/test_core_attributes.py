"""Items as DynamoDB writes them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.attributes import plain_item, typed_item

PLAIN = st.recursive(
    st.text() | st.integers(-(10**30), 10**30) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), PLAIN, max_size=4))
def test_an_item_comes_back_as_it_went(item: dict[str, Any]) -> None:
    assert plain_item(typed_item(item)) == item


def test_types_are_those_of_the_low_level_api() -> None:
    assert typed_item({"a": "x", "b": 1, "c": True, "d": None, "e": [2], "f": {"g": -3}}) == {
        "a": {"S": "x"},
        "b": {"N": "1"},
        "c": {"BOOL": True},
        "d": {"NULL": True},
        "e": {"L": [{"N": "2"}]},
        "f": {"M": {"g": {"N": "-3"}}},
    }


def test_a_number_in_another_form_is_the_same_number() -> None:
    assert plain_item({"a": {"N": "1E+3"}, "b": {"N": "-7.0"}}) == {"a": 1000, "b": -7}


@pytest.mark.parametrize("value", [1.5, b"x", {1}])
def test_what_no_item_of_ours_holds_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="has no place in an item"):
        typed_item({"a": value})


def test_a_set_from_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="'SS'"):
        plain_item({"a": {"SS": ["x"]}})
