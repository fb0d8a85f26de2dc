"""The agent killed at each thing it does: afterwards exactly one copy of each application runs, and never were there two.

Two, even for a moment, tell on themselves (tests/agent/chaos_node.py).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.agent.chaos_node import Node
from tests.agent.faulty_agent import EFFECTS
from tests.agent.worlds import living

# Effects whose order in a life is known; all the others are found by the heavy test below.
FAULTS = [
    pytest.param("note:1:before", id="before the first word is written"),
    pytest.param("begin:1:after", id="a run was numbered"),
    pytest.param("spawn:1:before", id="about to start a program"),
    pytest.param("spawn:1:after", id="a program was started, and nobody knows its pid"),
    pytest.param("spawn:3:after", id="a program was started again"),
    pytest.param("rename:4:before", id="a note is half written"),
    pytest.param("stop:1:after", id="a program was asked to stop"),
]


class Told(NamedTuple):
    """A life that is cut short, between one before it and one after it that shows what has become of the applications."""

    kind: str
    first: str
    story: str
    last: str


LIVES = [
    Told(kind, first, story, last)
    for kind in ("exec", "actions")
    for first, story, last in [
        ("", "work", "be-well"),  # start, restart, stop
        ("crash", "work", "be-well"),  # adoption, restart and stop of what was adopted
        ("crash-with-the-leader", "be-well", "be-well"),  # adoption that finds remains and cleans them
        ("crash-with-an-old-one", "be-well", "be-well"),  # adoption that ends what the settings have no longer
        ("", "be-superseded", "be-released"),
        ("", "be-terminated", "settle"),
        ("", "reboot", "be-well"),
        ("", "power-off", "settle"),
    ]
]
IDS = [f"{told.kind}, {told.first + ', ' if told.first else ''}{told.story}" for told in LIVES]
# Those that change nothing beside what the effects inside of them do: to die before one is to die before the first of these.
AROUND = {"note", "fsync", "begin", "started", "spawn", "stop", "clean", "managed-stop", "managed-clean", "adopt", "adopt-stranger"}
AROUND |= {"clear", "give-up"}
# To die after these is another thing than to die before what comes next: what they began goes on without the agent.
BEGIN_SOMETHING = {"program", "signal", "send", "cgroup-kill", "collect"}
# Effects that a machine does not have whose agent has no cgroup to put programs into, or is not protected when memory is short.
NOT_EVERYWHERE = {"place", "cgroup-kill", "unprotect"}
# No application is the worse for them: the agent's own socket is made anew by each life, an action's output is in memory.
HARMLESS = ("missed:os.remove:", "missed:os.truncate:", "missed:os.kill:")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path)
    yield node
    node.end()
    print(node.log())


@pytest.mark.parametrize("fault", FAULTS)
def test_an_agent_that_dies_here_is_followed_by_one_that_runs_exactly_one_copy_of_each(node: Node, fault: str) -> None:
    assert node.live("work", fault) == 9
    assert node.live("be-well") == 0

    assert node.runs() == {"web": 1, "db": 1, "old": 0}
    assert node.doubles() == []


def test_an_agent_that_dies_while_it_adopts_is_followed_by_one_that_adopts(node: Node) -> None:
    assert node.live("crash") == 9
    before = sorted(living(instance=node.instance))
    assert node.live("be-well", "adopt:1:after") == 9
    assert node.live("be-well") == 0

    assert sorted(living(instance=node.instance)) == before, "nothing was restarted"
    assert node.doubles() == []


def test_an_agent_that_dies_while_it_cleans_up_after_a_dead_leader_is_followed_by_one_that_ends_what_is_left(node: Node) -> None:
    assert node.live("crash-with-the-leader") == 9
    assert node.live("be-well", "clear:1:before") == 9
    assert node.live("be-well", "send:1:after") == 9
    assert node.live("be-well") == 0

    assert node.runs() == {"web": 1, "db": 1, "old": 0}
    assert node.doubles() == []


def test_an_agent_that_dies_while_a_start_action_is_under_way_is_followed_by_one_that_waits_for_it(tmp_path: Path) -> None:
    node = Node(tmp_path, "actions")
    try:
        assert node.live("work", "program:1:after") == 9, "the init script's start"
        assert node.live("be-well") == 0

        assert node.runs() == {"web": 1, "db": 1, "old": 0}
        assert node.doubles() == []
    finally:
        node.end()
        print(node.log())


def test_an_agent_that_dies_before_its_release_is_written_is_followed_by_one_that_writes_it(node: Node) -> None:
    assert node.live("be-superseded", "give-up:1:before") == 9
    assert node.given_up() == 0
    assert node.live("be-released") == 0

    assert node.runs() == {"web": 0, "db": 0, "old": 0}
    assert node.given_up() == 3


@pytest.mark.heavy
def test_the_effects_are_all_that_the_agent_changes_and_its_lives_reach_each_of_them(tmp_path: Path) -> None:
    reached: Counter[str] = Counter()
    missed: set[str] = set()
    for number, told in enumerate(LIVES):
        listed = _listed(tmp_path / str(number), told)
        reached.update(effect.partition(":")[0] for effect in listed.reached())
        missed |= listed.missed()
    print("; ".join(f"{effect} {reached[effect]}" for effect in EFFECTS))
    asked_for_nothing = {"ask"}  # a request is written when a tolerance is exceeded: tests/agent/test_agent_end_to_end.py
    assert EFFECTS.keys() - reached.keys() - NOT_EVERYWHERE == asked_for_nothing
    assert [line for line in missed if not line.startswith(HARMLESS)] == []


@pytest.mark.heavy
@pytest.mark.parametrize("told", LIVES, ids=IDS)
def test_killed_at_every_effect_of_a_life(tmp_path: Path, told: Told) -> None:
    """The effects of one whole life are listed first; then there is a life for each, and one after it."""
    faults = list(_faults(_listed(tmp_path / "listed", told).reached()))

    def die_at(fault: str) -> bool:
        """Twice where it was not met: threads write and settle too, so that a few numbers differ from life to life."""
        return dies_at(fault, tmp_path / fault) or dies_at(fault, tmp_path / f"{fault}+")

    def dies_at(fault: str, folder: Path) -> bool:
        node = Node(_made(folder), told.kind)
        try:
            if told.first:
                assert node.live(told.first) == 9
            met = node.live(told.story, fault) == 9
            assert node.live(told.last) == 0, f"{fault}\n{node.log()}"
            ran = 0 if told.last == "be-released" or node.given_up() else 1
            assert (node.runs(), node.doubles()) == ({"web": ran, "db": ran, "old": 0}, []), f"{fault}\n{node.log()}"
            return met
        finally:
            node.end()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        met = dict(zip(faults, pool.map(die_at, faults), strict=True))
    print(f"{sum(met.values())} of {len(faults)} faults were met: {json.dumps(Counter(fault.partition(':')[0] for fault in faults))}")
    assert sum(met.values()) > 0.7 * len(faults), "a few numbers differ from life to life, not most"


def _faults(reached: list[str]) -> Iterator[str]:
    for effect in reached:
        name = effect.partition(":")[0]
        if name not in AROUND:
            yield f"{effect}:before"
        if name in BEGIN_SOMETHING:
            yield f"{effect}:after"


def _listed(folder: Path, told: Told) -> Node:
    node = Node(_made(folder), told.kind)
    try:
        if told.first:
            assert node.live(told.first) == 9
            (node.folder / "effects").unlink()
        assert node.live(told.story) == 0, node.log()
    finally:
        node.end()
    return node


def _made(folder: Path) -> Path:
    os.mkdir(folder)
    return folder
