"""How a fleet is shared out among several calls of the prober."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.watching.register import heard
from core.watching.shards import shards, told_in_shards


def told(*many: int) -> dict[str, Any]:
    """Deployables d0, d1, ... with so many assemblies each, as core.watching.register tells of them."""
    entry = {"ha": 7810, "http": 7880, "f": "none", "p": [], "g": 120.0, "t": [2, 3600.0], "o": "report"}
    return {
        "v": 1,
        "c": {f"d{n}": f"10.{n}.0.0/16" for n in range(len(many))},
        "d": {f"d{n}": [{"n": f"a{i}", **entry} for i in range(count)] for n, count in enumerate(many)},
    }


def test_two_shards_have_each_assembly_once_with_its_network() -> None:
    first, second = (heard(part) for part in told_in_shards(told(3, 2, 2), most=4))

    assert [(w.deployable, w.name) for w in first.assemblies] == [("d0", "a0"), ("d0", "a1"), ("d0", "a2")]
    assert [(w.deployable, w.name) for w in second.assemblies] == [("d1", "a0"), ("d1", "a1"), ("d2", "a0"), ("d2", "a1")]
    assert set(first.networks) == {"d0"}
    assert str(second.networks["d2"]) == "10.2.0.0/16"


def test_a_deployable_may_be_cut_in_two() -> None:
    parts = told_in_shards(told(5), most=4)

    assert [[entry["n"] for entry in part["d"]["d0"]] for part in parts] == [["a0", "a1"], ["a2", "a3", "a4"]]


def test_what_fits_one_call_is_one_shard_as_it_was() -> None:
    whole = told(3, 2)

    assert told_in_shards(whole) == [whole]
    assert len(told_in_shards(told(*[50] * 44))) == 1
    assert len(told_in_shards(told(*[50] * 45))) == 2


def test_an_empty_fleet_is_swept_all_the_same_for_its_sweep_is_a_sign_of_life() -> None:
    assert told_in_shards(told()) == [told()]


def test_a_shard_fits_one_message() -> None:
    assert shards("abcd", [100, 100, 100, 100], most=10, bytes_max=250) == [["a", "b"], ["c", "d"]]
    assert shards("abc", [200, 10, 10], most=10, bytes_max=205) == [["a"], ["b", "c"]]


@settings(max_examples=50)
@given(sizes=st.lists(st.integers(1, 300), max_size=60), most=st.integers(1, 20))
def test_nobody_is_left_out_nobody_is_twice_and_none_is_too_large(sizes: list[int], most: int) -> None:
    found = shards(range(len(sizes)), sizes, most=most, bytes_max=1000)

    assert [entry for shard in found for entry in shard] == list(range(len(sizes)))
    assert all(len(shard) <= most and sum(sizes[n] for n in shard) <= 1000 for shard in found)
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_one_that_is_too_large_by_itself_is_a_shard_of_its_own() -> None:
    assert shards("ab", [900, 900], most=5, bytes_max=500) == [["a"], ["b"]]


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_the_same_fleet_is_cut_the_same_way(most: int) -> None:
    assert told_in_shards(told(4, 3), most=most) == told_in_shards(told(4, 3), most=most)
