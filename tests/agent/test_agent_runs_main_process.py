"""Which process stands for a run that others have started."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from agent.runs import proc
from agent.runs.group import Group
from agent.runs.main_process import MainProcess
from agent.runs.manager import Manager
from agent.runs.proc import Process


def process(pid: int, parent: int, start_ticks: int) -> Process:
    return Process(pid=pid, state="S", parent=parent, group=pid, session=pid, is_kernel=False, start_ticks=start_ticks)


def chosen(*left: Process) -> int | None:
    async def story() -> int | None:
        group, manager = SimpleNamespace(left=lambda: list(left)), SimpleNamespace(main_pid=lambda: None)
        main = MainProcess(cast(Manager, manager), cast(Group, group), lambda _pid: None)
        main.find()
        return main.pid

    return asyncio.run(story())


@pytest.fixture(autouse=True)
def unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody of these is there: whoever is chosen is not waited for."""
    monkeypatch.setattr(proc, "open_pidfd", lambda _process: proc.os.pidfd_open(proc.os.getpid()))


def test_it_is_the_oldest() -> None:
    assert chosen(process(20, 1, 7), process(10, 1, 8)) == 20


def test_a_child_that_begins_in_the_same_tick_does_not_take_its_parents_place_by_a_lower_pid() -> None:
    """Pids begin anew at pid_max (proc(5)): nginx's workers may have lower ones than their master."""
    assert chosen(process(300, 32767, 7), process(301, 32767, 7), process(32767, 1, 7)) == 32767


def test_of_nobody_there_is_none() -> None:
    assert chosen() is None
