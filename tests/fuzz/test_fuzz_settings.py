"""A node's settings against a second reading of what they may be: taken as they were meant, or refused by key, nothing half taken."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.settings import BadSettings, parse_node_settings
from tests.fuzz.reference_settings import SETTINGS
from tests.fuzz.shapes import names_one_of, values
from tests.fuzz.tally import amounts, corpus, judge, rng


def files(dice: random.Random, count: int) -> Iterator[str]:
    for value in values(SETTINGS, dice, count):
        yield json.dumps(value)


def plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def assert_says(found: Any, told: Any) -> None:
    """Every key that was given is there with its value; the others have their defaults."""
    if isinstance(told, dict):
        for key, value in told.items():
            assert_says(found[key], value)
    elif isinstance(told, list):
        assert len(found) == len(told)
        for one, other in zip(found, told, strict=True):
            assert_says(one, other)
    else:
        assert found == (float(told) if isinstance(found, float) else told)


def no_number(word: str) -> Any:
    raise ValueError(word)


def check(text: str) -> None:
    try:
        value = json.loads(text, parse_constant=no_number)  # RFC 8259 has no NaN
    except (ValueError, RecursionError):
        value = None
    wrong = SETTINGS.wrong(value, "")
    try:
        taken, refusal = parse_node_settings(text), ""
    except BadSettings as error:
        taken, refusal = None, str(error)
    if wrong:
        assert taken is None, f"wrong are {wrong}, but it was taken"
        assert not isinstance(value, dict) or names_one_of(refusal, wrong), f"{refusal}: names none of {wrong}"
    else:
        assert taken is not None, refusal
        assert_says(plain(taken), {key: told for key, told in value.items() if key != "version"})


@pytest.mark.parametrize("count", amounts("settings"))
def test_settings_are_taken_as_they_were_meant_or_refused_by_key(count: int) -> None:
    judge("settings", files(rng("settings"), count), check)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(max_examples=200, deadline=None, database=None)
def test_any_json_at_all_is_refused_with_a_reason(value: Any) -> None:
    judge("settings", [json.dumps(value)], check)


def test_the_corpus_of_settings_holds() -> None:
    for text in corpus("settings"):
        check(text.decode("utf-8", "surrogatepass"))
