"""A run's processes are put into its cgroup while it runs: whoever dies in the middle of that hides nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from agent.runs import proc, settling
from agent.runs.cgroups import Cgroup
from agent.runs.group import Group
from agent.runs.orphans import adopt_orphans
from tests.agent.programs import is_running, new_mark

# It starts itself twice more below itself, each in a session of its own, and says who they are.
LINE = (
    "import os, subprocess, sys, time\n"
    "left = int(sys.argv[1])\n"
    "below = subprocess.Popen([sys.executable, '-c', sys.argv[2], str(left - 1), sys.argv[2]], start_new_session=True) if left else None\n"
    "print(os.getpid(), flush=True) if not left else None\n"
    "time.sleep(600)\n"
)


class Places:
    """As much of a cgroup as is asked: who was put there."""

    def __init__(self) -> None:
        self.placed: list[int] = []

    def place(self, pid: int) -> None:
        self.placed.append(pid)

    def members(self) -> list[int]:
        return [pid for pid in self.placed if is_running(pid)]

    def is_empty(self) -> bool:
        return not self.members()


@pytest.fixture
def line() -> Iterator[tuple[str, list[int]]]:
    """A run's mark, and its processes: a leader, who is below it, and who is below that."""
    adopt_orphans()
    mark = new_mark()
    with subprocess.Popen(
        [sys.executable, "-S", "-c", LINE, "2", LINE], stdout=subprocess.PIPE, env={"UNDERSTUDY_RUN": mark}, start_new_session=True
    ) as leader:
        assert leader.stdout is not None
        last = int(leader.stdout.readline())
        (middle,) = proc.children_of(leader.pid) or ()
        proc.leaders.add(leader.pid)
        try:
            yield mark, [leader.pid, middle, last]
        finally:
            proc.leaders.discard(leader.pid)
            for pid in (leader.pid, middle, last):
                if is_running(pid):
                    os.kill(pid, signal.SIGKILL)


def dies_after(first: Callable[[int], object], pid: int) -> Callable[[int], object]:
    """That process is killed right after the first such look."""

    def look(at: int) -> object:
        found = first(at)
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
            while is_running(pid):
                continue
        return found

    return look


def test_whoever_becomes_ours_while_a_run_is_put_into_its_cgroup_is_not_left_out(
    line: tuple[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The leader dies after our children were listed and before its own were."""
    mark, (leader, middle, last) = line
    places = Places()
    members = Group(mark, leader, cast(Cgroup, places))
    monkeypatch.setattr(proc, "children_of", dies_after(proc.children_of, leader))

    settling._settle(leader, members, False)

    assert {process.pid for process in members.left_of_child()} == {middle, last}, "else they live on beside the next run"
    assert members.enclosed
    assert places.placed == [leader, middle, last]


def test_a_program_that_starts_others_without_end_is_looked_at_so_often_and_no_more(
    line: tuple[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark, pids = line
    members = Group(mark, pids[0], cast(Cgroup, Places()))
    looks = iter(range(4_000_000, 5_000_000))
    monkeypatch.setattr(Group, "near", lambda _self, leader: [leader, next(looks)])

    settling._settle(pids[0], members, False)

    assert next(looks) == 4_000_000 + settling.LOOKS_MAX
    assert not members.enclosed
