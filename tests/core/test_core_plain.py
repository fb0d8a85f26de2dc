"""Frozen values as plain JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from core.plain import NotPlain, from_plain, to_plain


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    name: str
    size: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    count: int
    colour: Colour = Colour.RED
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    pairs: tuple[tuple[str, int], ...] = ()
    by_name: Mapping[str, Part] = field(default_factory=dict)
    sure: bool = False


FULL = Whole(
    count=3, part=Part(name="a"), parts=(Part(name="b", size=2.0),), pairs=(("x", 1),), by_name={"k": Part(name="c")}, sure=True
)  # fmt: skip


def test_a_value_comes_back_as_it_was_through_json() -> None:
    assert from_plain(Whole, json.loads(json.dumps(to_plain(FULL)))) == FULL


def test_what_equals_its_default_is_left_out() -> None:
    assert to_plain(Whole(count=1)) == {"count": 1}


def test_what_is_not_known_is_ignored_and_a_whole_number_may_stand_for_a_float() -> None:
    assert from_plain(Part, {"name": "a", "size": 2, "colour": "blue"}) == Part(name="a", size=2.0)


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ([], "Whole is []: expected an object"),
        ({}, "count"),
        ({"count": "3"}, "count is '3': expected int"),
        ({"count": True}, "count is True: expected int"),
        ({"count": 1, "colour": "blue"}, "colour is 'blue'"),
        ({"count": 1, "parts": {}}, "parts is {}: expected a list"),
        ({"count": 1, "parts": [{"name": 7}]}, r"parts\[0\].name is 7: expected str"),
        ({"count": 1, "pairs": [["x"]]}, r"pairs\[0\] has 1 parts: expected 2"),
        ({"count": 1, "by_name": []}, r"by_name is \[\]: expected an object"),
        ({"count": 1, "part": 3}, "part is 3: expected an object"),
    ],
)
def test_what_is_no_such_value_is_refused_by_its_place(plain: Any, said: str) -> None:
    with pytest.raises(NotPlain, match=said.replace("[]", r"\[\]").replace("{}", r"\{\}") if "\\" not in said else said):
        from_plain(Whole, plain)


def test_what_has_no_plain_form_is_a_bug() -> None:
    with pytest.raises(TypeError, match="no plain form of object"):
        to_plain({"x": object()})
