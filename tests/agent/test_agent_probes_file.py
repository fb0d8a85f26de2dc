"""File probes: age, clock steps, file systems that hang."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.off_loop import Shortage, Threads
from agent.probes import ProbeContext, ask, file
from core.application import Probe
from core.node.health import Outcome, ProbeResult

HOUR_S = 3600.0


class Clocks:
    """The probe's own clocks, turned by hand."""

    def __init__(self) -> None:
        self.wall_s, self.now_s = time.time(), 1000.0

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.now_s += seconds

    def time(self) -> float:
        return self.wall_s

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(file, "time", clocks)
    return clocks


class Heartbeat:
    """A file that an application touches, and the probe that looks at it: it may be 30 s old."""

    def __init__(self, path: Path, clocks: Clocks) -> None:
        self.path, self.clocks = path, clocks
        self.context = ProbeContext()
        self.touch()

    def touch(self) -> None:
        self.path.touch()
        os.utime(self.path, (self.clocks.wall_s, self.clocks.wall_s))

    def look(self) -> ProbeResult:
        return asyncio.run(ask(Probe(file=str(self.path), file_age_s=30.0), self.context))


@pytest.fixture
def heartbeat(tmp_path: Path, clocks: Clocks) -> Heartbeat:
    return Heartbeat(tmp_path / "heartbeat", clocks)


def test_a_file_is_good_while_it_is_younger_than_it_may_be(heartbeat: Heartbeat, clocks: Clocks) -> None:
    clocks.pass_s(29.0)
    assert heartbeat.look().outcome is Outcome.GOOD


def test_a_file_that_grew_old_is_bad_whether_or_not_it_was_seen_younger(heartbeat: Heartbeat, clocks: Clocks) -> None:
    heartbeat.look()
    clocks.pass_s(31.0)

    assert heartbeat.look().reason.endswith("heartbeat: has not changed for 31 s, at most 30 s are allowed")
    heartbeat.context = ProbeContext()
    assert heartbeat.look().outcome is Outcome.BAD


def test_a_file_touched_again_is_good_again(heartbeat: Heartbeat, clocks: Clocks) -> None:
    clocks.pass_s(31.0)
    assert heartbeat.look().outcome is Outcome.BAD
    heartbeat.touch()
    assert heartbeat.look().outcome is Outcome.GOOD


def test_a_file_that_is_not_there_is_bad_and_so_is_one_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("none", "file/none"):
        result = asyncio.run(ask(Probe(file=str(tmp_path / name), file_age_s=30.0)))
        assert (result.outcome, result.reason) == (Outcome.BAD, f"file {tmp_path}/{name}: is not there")


def test_what_we_cannot_look_at_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    result = asyncio.run(ask(Probe(file=str(tmp_path / "loop"), file_age_s=30.0)))

    assert result.outcome is Outcome.UNKNOWN
    assert "symbolic links" in result.reason


# --- clock steps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_is_set_makes_no_living_application_dead_or_unknown(heartbeat: Heartbeat, clocks: Clocks, step_s: float) -> None:
    assert heartbeat.look().outcome is Outcome.GOOD
    clocks.wall_s += step_s
    for _ in range(20):
        clocks.pass_s(5.0)
        assert heartbeat.look().outcome is Outcome.GOOD
        clocks.pass_s(5.0)
        heartbeat.touch()


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_a_clock_that_is_set_does_not_hide_an_application_that_died(heartbeat: Heartbeat, clocks: Clocks, step_s: float) -> None:
    heartbeat.look()
    clocks.wall_s += step_s
    clocks.pass_s(31.0)

    assert heartbeat.look().outcome is Outcome.BAD


def test_a_file_from_the_future_is_unknown_until_it_was_watched_for_long_enough(heartbeat: Heartbeat, clocks: Clocks) -> None:
    clocks.wall_s -= HOUR_S
    first = heartbeat.look()
    clocks.pass_s(31.0)

    assert first.outcome is Outcome.UNKNOWN
    assert "3600 s in the future" in first.reason
    assert heartbeat.look().outcome is Outcome.BAD


def test_a_file_a_little_ahead_of_our_clock_is_young(heartbeat: Heartbeat, clocks: Clocks) -> None:
    clocks.wall_s -= 1.5
    assert heartbeat.look().outcome is Outcome.GOOD


def test_a_change_between_two_rare_looks_is_dated_by_its_stamp(heartbeat: Heartbeat, clocks: Clocks) -> None:
    heartbeat.look()
    clocks.pass_s(10.0)
    heartbeat.touch()
    clocks.pass_s(60.0)

    assert "has not changed for 60 s" in heartbeat.look().reason


# --- a file system that hangs ------------------------------------------------------------------------------------


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every stat of a path with `hung` in it waits for this event."""
    released = threading.Event()

    def stat(path: str) -> os.stat_result:
        if "hung" in path:
            released.wait(60.0)
        return os.stat(path)

    monkeypatch.setattr(file, "os", SimpleNamespace(stat=stat))
    monkeypatch.setattr(file, "LOOKS", Threads("probe", 2))
    yield released
    released.set()


def test_a_look_that_hangs_has_timed_out_keeps_one_thread_and_delays_nobody(hung: threading.Event, tmp_path: Path) -> None:
    (tmp_path / "hung").touch()
    (tmp_path / "well").touch()

    async def look(name: str) -> ProbeResult:
        return await ask(Probe(file=str(tmp_path / name), file_age_s=30.0, timeout_s=0.4))

    async def story() -> None:
        results = await asyncio.gather(*(look("hung") for _ in range(3)), *(look("well") for _ in range(3)))
        assert [result.outcome for result in results] == [Outcome.TIMEOUT] * 3 + [Outcome.GOOD] * 3
        assert (await look("hung")).outcome is Outcome.TIMEOUT
        assert sum(thread.name == "probe" for thread in threading.enumerate()) == 1
        hung.set()
        assert (await look("hung")).outcome is Outcome.GOOD

    asyncio.run(story())


def test_when_every_thread_hangs_what_else_we_would_look_at_is_unknown(hung: threading.Event, tmp_path: Path) -> None:
    async def look(name: str) -> ProbeResult:
        return await ask(Probe(file=str(tmp_path / name), file_age_s=30.0, timeout_s=0.4))

    async def story() -> None:
        results = [await look(name) for name in ("hung-1", "hung-2", "well", "hung-1", "well")]
        assert [result.outcome for result in results] == [
            Outcome.TIMEOUT,
            Outcome.TIMEOUT,
            Outcome.UNKNOWN,
            Outcome.TIMEOUT,
            Outcome.UNKNOWN,
        ]
        hung.set()
        assert (await look("well")).outcome is Outcome.BAD

    asyncio.run(story())


def test_threads_end_when_there_is_nothing_to_do_and_begin_again() -> None:
    async def story() -> None:
        threads = Threads("idle", 3)
        assert sorted(await asyncio.gather(*(threads.run(n, lambda n=n: n, 5.0) for n in range(50)))) == list(range(50))
        async with asyncio.timeout(30.0):
            while any(thread.name == "idle" for thread in threading.enumerate()):
                await asyncio.sleep(0.005)
        with pytest.raises(ZeroDivisionError):
            await threads.run("x", lambda: 1 // 0, 5.0)

    asyncio.run(story())


def test_a_machine_without_a_thread_to_spare_is_a_shortage(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none)
    with pytest.raises(Shortage, match="new thread"):
        asyncio.run(Threads("none", 3).run("x", int, 5.0))
