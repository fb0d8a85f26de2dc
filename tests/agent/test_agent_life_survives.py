"""What must not end or stop an agent: clocks that step, journals that are stuck, tables that are slow or gone, descriptors that run out."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from agent.log import LINES_WAITING_MAX, Log
from agent.ports import Refused, Unreachable
from core.application import Output, Run
from core.model import Verdict
from core.records import Phase
from tests.agent.test_agent_life import Life, sleeper
from tests.agent.worlds import end_all, living, permit

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("alone")


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_a_clock_that_steps_an_hour_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())
    wall_s, wall_ns, stepped = time.time, time.time_ns, []

    monkeypatch.setattr("time.time", lambda: wall_s() + (step_s if stepped else 0))
    monkeypatch.setattr("time.time_ns", lambda: wall_ns() + int(1e9 * step_s if stepped else 0))

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        before = living("sleeper/")
        events = len(life.events())
        stepped.append(1)
        fed = life.notes.said.count("WATCHDOG=1")
        await life.eventually(lambda: life.notes.said.count("WATCHDOG=1") >= fed + 2)
        assert len(life.events()) == events, "nothing was decided"
        (pid,) = living("sleeper/")
        assert [pid] == before
        os.kill(pid, signal.SIGKILL)
        await life.eventually(lambda: (found := living("sleeper/")) and found != before)

    life.run(story)


# Where the wall clock is read, and what for. Whatever decides anything counts on the monotonic clock, which no step reaches.
WALL_CLOCK = {
    "agent/daemon.py": "time.time",  # handed to the reporter: stamps on reports, and their expiry
    "agent/database_token.py": "time.time",  # a token's own date, which AWS compares with its clock
    "agent/ha_log.py": "time.gmtime",  # a stamp on a line
    "agent/http/server.py": "time.time",  # the Date header
    "agent/keeping/reading.py": "time.time_ns",  # beside a file's own stamps, which are of that clock: a step costs one more reading
    "agent/keeping/saver.py": "time.time",  # when a state was saved, for people
    "agent/log.py": "time.gmtime time.time_ns",  # a stamp on a line
    "agent/operators.py": "time.time_ns",  # since when something is held, for people
    "agent/probes/file.py": "time.time",  # a file's age; steps are told from it (agent.probes.file.sighted)
}


def test_no_wall_clock_decides_anything() -> None:
    clocks = {"time", "time_ns", "gmtime", "localtime", "ctime", "now", "utcnow", "today", "CLOCK_REALTIME"}
    found: dict[str, set[str]] = {}
    for path in [*(ROOT / "agent").rglob("*.py"), *(ROOT / "core").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in clocks and ast.unparse(node.value) in ("time", "datetime", "date", "dt"):
                found.setdefault(str(path.relative_to(ROOT)), set()).add(ast.unparse(node))
            assert not (isinstance(node, ast.ImportFrom) and node.module == "time"), f"{path}: import time, so that this test sees its use"
    assert {path: " ".join(sorted(uses)) for path, uses in found.items()} == WALL_CLOCK


def test_ten_thousand_lines_a_second_from_an_application_cost_the_agent_nothing_and_stay_within_their_files(tmp_path: Path) -> None:
    """Applications write to their file, or to the journal, themselves; the agent only cuts it."""
    log, kept, bytes_max = tmp_path / "chatter.log", 2, 1_000_000
    talk = "import sys, time\nline = 'x' * 99 + chr(10)\nwhile True: sys.stdout.write(line * 1000); sys.stdout.flush(); time.sleep(0.1)"
    chatter = sleeper(
        name="chatter", run=Run(exec=(sys.executable, "-c", talk)), output=Output(file=str(log), bytes_max=bytes_max, kept=kept)
    )
    life = Life(tmp_path, chatter, sleeper())
    life.table.write_permit(permit())

    def written() -> int:
        """Of the application's own process, in all its life (proc(5), io)."""
        (pid,) = living("chatter/")
        return int(dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())["wchar"])

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        events = len(life.events())
        await life.eventually(lambda: written() > (kept + 3) * bytes_max)
        await life.eventually(lambda: len(list(tmp_path.glob("chatter.log*"))) > 1)
        fed = life.notes.said.count("WATCHDOG=1")
        await life.eventually(lambda: life.notes.said.count("WATCHDOG=1") >= fed + 1)
        assert len(life.events()) == events, "and nothing was said of it"
        (pid,) = living("sleeper/")
        os.kill(pid, signal.SIGKILL)
        await life.eventually(lambda: (found := living("sleeper/")) and found != [pid])

    life.run(story)
    end_all()
    assert len(list(tmp_path.glob("chatter.log*"))) <= kept + 1


@pytest.mark.parametrize("trouble", [Unreachable("read permit: no answer"), Refused("read permit: ProvisionedThroughputExceeded")])
def test_without_the_table_a_dead_application_is_restarted_all_the_same(tmp_path: Path, trouble: Unreachable | Refused) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        life.table.trouble = trouble
        await life.eventually(lambda: "permit-trouble" in life.events())
        (first,) = living("sleeper/")
        os.kill(first, signal.SIGKILL)  # as the kernel does when memory is short
        await life.eventually(lambda: (found := living("sleeper/")) and found != [first])
        life.table.trouble = None
        await life.eventually(lambda: "permit-well-again" in life.events())

    life.run(story)
    assert life.events().count("permit-trouble") == 1


def test_while_the_table_keeps_an_answer_back_applications_are_restarted_and_the_watchdog_is_fed(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())
    answers, asked = threading.Event(), threading.Event()
    answers.set()
    put = life.table.put

    def slowly(item: dict[str, object]) -> None:
        if not answers.is_set():
            asked.set()
        assert answers.wait(20)
        put(item)

    life.table.put = slowly  # type: ignore[method-assign]

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        answers.clear()
        (first,) = living("sleeper/")
        os.kill(first, signal.SIGKILL)
        await life.eventually(lambda: (found := living("sleeper/")) and found != [first])
        await life.eventually(asked.is_set)
        fed = life.notes.said.count("WATCHDOG=1")
        await life.eventually(lambda: life.notes.said.count("WATCHDOG=1") >= fed + 2)
        assert not answers.is_set()
        answers.set()

    life.run(story)


def test_when_no_descriptor_is_left_what_runs_goes_on_and_what_dies_is_started_once_there_are_some(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        (first,) = living("sleeper/")
        highest = max(map(int, os.listdir("/proc/self/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        taken = []
        try:
            while True:
                taken.append(os.dup(0))
        except OSError:
            pass
        os.kill(first, signal.SIGKILL)
        await life.eventually(lambda: "cannot start" in life.stream.getvalue())
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await life.eventually(lambda: (found := living("sleeper/")) and found != [first])

    try:
        life.run(story)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert life.stream.getvalue().count('"event": "now"') < 20, "it says so, and not all the time"


def test_a_part_that_has_nothing_to_say_does_not_wake_the_cycle(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        fed = life.notes.said.count("WATCHDOG=1")
        await asyncio.sleep(0.5)
        assert life.notes.said.count("WATCHDOG=1") <= fed + 1

    life.run(story)


# --- the log ---------------------------------------------------------------------------------------------------------


class Stuck:
    """A journal whose pipe is full until it is let go."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        assert self.goes_on.wait(20)
        self.lines += [line for line in text.splitlines() if line]
        return len(text)

    def flush(self) -> None:
        return


def test_a_journal_that_is_stuck_keeps_nobody_waiting_and_gets_told_how_many_lines_it_missed() -> None:
    journal = Stuck()
    log = Log(journal)  # type: ignore[arg-type]  # as much of a stream as the log uses
    began_s = time.monotonic()
    for number in range(LINES_WAITING_MAX + 500):
        log.say("line", number=number)
    assert time.monotonic() - began_s < 15
    assert not log.flush(0.01)
    assert json.loads(log.tail().splitlines()[-1])["number"] == LINES_WAITING_MAX + 499, "the evidence has the last ones"
    journal.goes_on.set()

    assert log.flush(20)
    told = [json.loads(line) for line in journal.lines]
    assert [line["number"] for line in told[:-1]] == list(range(LINES_WAITING_MAX))
    assert (told[-1]["event"], told[-1]["count"]) == ("lines-dropped", 500)


def test_an_agent_whose_journal_is_stuck_goes_on_restarting(tmp_path: Path) -> None:
    life = Life(tmp_path, sleeper())
    life.table.write_permit(permit())
    journal = Stuck()
    life.stream = journal  # type: ignore[assignment]

    async def story() -> None:
        await life.eventually(lambda: life.phase() is Phase.RUNNING)
        (first,) = living("sleeper/")
        os.kill(first, signal.SIGKILL)
        await life.eventually(lambda: (found := living("sleeper/")) and found != [first])
        report = await life.eventually(lambda: life.table.report("demo", "counter"))
        assert report.verdict in (Verdict.HEALTHY, Verdict.FAILING)
        journal.goes_on.set()

    life.run(story)
