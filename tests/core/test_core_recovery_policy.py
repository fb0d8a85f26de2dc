"""The numbers that recovery goes by: the design's, what may be set instead of them, and what is refused, in which words."""

from __future__ import annotations

import copy
import re
from dataclasses import fields
from typing import Any

import pytest

from core.policy import DEFAULT, Policy, policy_of

DESIGN: dict[str, Any] = {
    "report_silent_s": 15, "looks_failing_s": 10, "look_fresh_s": 5, "doubt_s": 60, "busy_s": 600, "disagreement_s": 600, "quiet_s": 3600,
    "budget_replacements": 10, "budget_window_s": 600, "meltdown_nodes": 5, "meltdown_share": 0.2, "boot_loop": 3, "force_after_s": 20,
    "fence_page_s": 300, "fence_timeout_s": None, "limping_s": 1800, "verify_s": 300, "new_target_s": 300, "incident_s": 3600,
    "retire_s": 150, "rung_stop_s": 300, "rung_again_s": 3600, "call_again_s": 15, "database_s": 300,
}  # fmt: skip
COUNTS = ("budget_replacements", "meltdown_nodes", "boot_loop")
OTHER = {**{name: number + 1 for name, number in DESIGN.items() if number is not None}, "meltdown_share": 0.5, "fence_timeout_s": 1800.0}
FROM_ONE = sorted(set(DESIGN) - {"meltdown_share", "limping_s"})


def refused(**numbers: Any) -> str:
    with pytest.raises(ValueError, match=": use ") as caught:
        Policy(**numbers)
    return str(caught.value)


def test_a_file_that_says_nothing_goes_by_the_numbers_of_the_design() -> None:
    assert {field.name: getattr(Policy(), field.name) for field in fields(Policy)} == DESIGN
    assert Policy() == DEFAULT


def test_its_times_are_there_in_milliseconds_too_and_in_a_copy_as_well() -> None:
    other = Policy(report_silent_s=2.5, fence_timeout_s=60.0)

    assert (DEFAULT.report_silent_ms, other.report_silent_ms) == (15_000, 2500)
    copied = copy.deepcopy(other)
    assert (copied, copied.report_silent_ms) == (other, 2500)


def test_the_first_steps_of_a_failure_come_in_their_order() -> None:
    assert DEFAULT.look_fresh_s < DEFAULT.looks_failing_s < DEFAULT.report_silent_s < DEFAULT.doubt_s < DEFAULT.busy_s
    assert DEFAULT.force_after_s < DEFAULT.fence_page_s < DEFAULT.limping_s < DEFAULT.incident_s
    assert DEFAULT.retire_s < DEFAULT.rung_stop_s < DEFAULT.incident_s


# --- bounds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FROM_ONE)
def test_less_than_one_is_refused(name: str) -> None:
    assert refused(**{name: 0.5}) == f"{name} is 0.5: use 1 or more"


@pytest.mark.parametrize("name", sorted(set(FROM_ONE) - {"incident_s", "fence_timeout_s"}))
def test_one_is_the_least(name: str) -> None:
    assert getattr(Policy(**{name: 1}), name) == 1


def test_a_share_of_all_assemblies_is_from_one_per_cent_to_all_of_them() -> None:
    assert [Policy(meltdown_share=share).meltdown_share for share in (0.01, 1)] == [0.01, 1]

    assert refused(meltdown_share=0.009) == "meltdown_share is 0.009: use 0.01 to 1"
    assert refused(meltdown_share=1.5) == "meltdown_share is 1.5: use 0.01 to 1"


def test_a_node_that_serves_may_be_ended_at_once_but_not_earlier() -> None:
    assert [Policy(limping_s=time_s).limping_s for time_s in (0, 0.5)] == [0, 0.5]

    assert refused(limping_s=-1) == "limping_s is -1: use 0 or more"


# --- numbers that go together -----------------------------------------------------------------------


def test_two_at_once_are_risked_only_after_the_force_and_before_the_incident_ends() -> None:
    assert [Policy(fence_timeout_s=time_s).fence_timeout_s for time_s in (20.5, 3599.5)] == [20.5, 3599.5]

    words = "use more than force_after_s (20) and less than incident_s (3600)"
    assert refused(fence_timeout_s=20) == f"fence_timeout_s is 20: {words}"
    assert refused(fence_timeout_s=3600) == f"fence_timeout_s is 3600: {words}"
    assert refused(fence_timeout_s=25, force_after_s=30) == f"fence_timeout_s is 25: {words.replace('20', '30')}"


@pytest.mark.parametrize("name", ["doubt_s", "fence_page_s", "verify_s"])
def test_what_people_are_told_of_comes_before_the_incident_ends(name: str) -> None:
    assert getattr(Policy(**{name: 3599}), name) == 3599

    assert refused(**{name: 3600}) == f"{name} is 3600: use less than incident_s (3600)"
    assert refused(**{name: 3601}) == f"{name} is 3601: use less than incident_s (3600)"


# --- told to another program ------------------------------------------------------------------------


def test_only_what_differs_is_told() -> None:
    assert Policy().changed() == {}
    assert Policy(boot_loop=4, fence_timeout_s=1800.0, doubt_s=60.0).changed() == {"boot_loop": 4, "fence_timeout_s": 1800.0}


@pytest.mark.parametrize("name", sorted(DESIGN))
def test_what_was_told_is_read_back(name: str) -> None:
    told = Policy(**{name: OTHER[name]})

    assert told.changed() == {name: OTHER[name]}
    assert policy_of(told.changed()) == told != DEFAULT


def test_what_a_newer_writer_knows_besides_is_left_out() -> None:
    assert policy_of({"patience_s": 5, "boot_loop": 4}) == Policy(boot_loop=4)
    assert policy_of({}) == DEFAULT


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        *((name, value, "whole number") for name in COUNTS for value in (4.0, "4", True, None)),
        *((name, value, "number") for name in ("doubt_s", "meltdown_share", "fence_timeout_s") for value in ("60", True, None, [60])),
    ],
)
def test_what_is_no_number_is_named(name: str, value: object, kind: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'{name} is {value!r}: expected a {kind}')}$"):
        policy_of({name: value})


def test_seconds_may_be_whole_or_not() -> None:
    assert policy_of({"doubt_s": 90}).doubt_s == 90
    assert policy_of({"doubt_s": 90.5}).doubt_s == 90.5


def test_what_was_told_is_held_to_the_same_bounds() -> None:
    with pytest.raises(ValueError, match="boot_loop is 0: use 1 or more"):
        policy_of({"boot_loop": 0})
