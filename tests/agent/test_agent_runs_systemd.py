"""Units: what is asked of systemd for a program, and what its answers mean. tests/programs has a real one do it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest

from agent.runs import _transient, managed
from agent.runs.actions import Acted
from agent.runs.cgroups import Cgroup
from agent.runs.manager import START, STOP
from agent.runs.systemd import Transient, Unit, cgroup_at
from agent.runs.unit_state import UnitState, parse_show
from core.application import Application, Limits, Output, Run
from core.node.health import Outcome
from tests.agent.programs import eventually, is_running, new_mark

SHOWN = """\
ExecMainCode=2
ExecMainStatus=9
LoadState=loaded
ActiveState=active
SubState=running
MainPID=4711
InvocationID=abc
ControlGroup=/system.slice/understudy-web.service
Result=success
Job=605
"""


def web(**changes: object) -> Application:
    return Application(**{"name": "web", "run": Run(exec=("/usr/bin/web", "$HOME", "100%")), **changes})  # type: ignore[arg-type]


def transient(application: Application, log: str | None = None) -> Transient:
    return Transient(application, {"PATH": "/opt/bin", "LEVEL": "$info"}, "i-1/web/1", log)


def properties(application: Application, log: str | None = None) -> dict[str, str]:
    words = transient(application, log).command(START)
    return dict(word.removeprefix("--property=").split("=", 1) for word in words if word.startswith("--property="))


def test_a_program_gets_its_user_directory_limits_and_output_from_systemd() -> None:
    asked = properties(
        web(user="nobody", directory="/srv", limits=Limits(open_files=99, memory_bytes=1 << 30, processes=7), stop_timeout_s=3.0),
        log="/var/log/web",
    )

    assert (asked["User"], asked["WorkingDirectory"]) == ("nobody", "/srv")
    assert (asked["LimitNOFILE"], asked["MemoryMax"], asked["TasksMax"]) == ("99", str(1 << 30), "7")
    assert asked["StandardOutput"] == asked["StandardError"] == "append:/var/log/web"
    assert asked["KillMode"] == "control-group"
    assert asked["TimeoutStopSec"] == "3s"


def test_what_is_not_said_is_left_to_systemd() -> None:
    asked = properties(web())

    assert not {"User", "LimitNOFILE", "MemoryMax", "TasksMax"} & set(asked)
    assert asked["StandardOutput"] == "journal"


def test_a_program_hears_its_arguments_and_variables_as_they_were_written() -> None:
    words = transient(web()).command(START)

    assert list(words[-3:]) == ["/usr/bin/web", "$$HOME", "100%"], "systemd-run takes $$ for $"
    assert "--setenv=LEVEL=$info" in words
    assert "--setenv=UNDERSTUDY_RUN=i-1/web/1" in words


def test_the_answers_of_systemd_are_read_in_any_order() -> None:
    state = parse_show(SHOWN)

    assert (state.load, state.active, state.sub, state.main_pid) == ("loaded", "active", "running", 4711)
    assert (state.cgroup, state.job) == ("/system.slice/understudy-web.service", 605)
    assert parse_show("Job=\nMainPID=\n") == UnitState()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        pytest.param(UnitState(code="1", status=3, result="exit-code"), "exited with status 3", id="status"),
        pytest.param(UnitState(code="2", status=9, result="signal"), "killed by SIGKILL", id="signal"),
        pytest.param(UnitState(code="3", status=6, result="core-dump"), "killed by SIGABRT", id="core"),
        pytest.param(UnitState(code="2", status=9, result="oom-kill"), "killed by SIGKILL (oom-kill)", id="oom"),
        pytest.param(UnitState(code="1", status=203), "its program cannot be executed (systemd's status 203)", id="no-program"),
        pytest.param(UnitState(code="1", status=217), "its user cannot be taken on (systemd's status 217)", id="no-user"),
    ],
)
def test_each_end_of_a_unit_has_its_words(state: UnitState, words: str) -> None:
    assert state.end() == words


@pytest.mark.parametrize(
    ("active", "sub", "outcome"),
    [
        ("active", "running", Outcome.GOOD),
        ("reloading", "reload", Outcome.GOOD),
        ("activating", "start", Outcome.UNKNOWN),
        ("deactivating", "stop-sigterm", Outcome.UNKNOWN),
        ("inactive", "dead", Outcome.BAD),
        ("failed", "failed", Outcome.BAD),
    ],
)
def test_each_state_of_a_unit_has_its_meaning(active: str, sub: str, outcome: Outcome) -> None:
    unit = Unit(web(), "web.service")
    said = f"LoadState=loaded\nActiveState={active}\nSubState={sub}\n"

    result = unit.judged(Acted(0, said, 0.1))

    assert result.outcome is outcome
    assert result.reason == ("" if outcome is Outcome.GOOD else f"web.service is {active} ({sub})")
    assert unit.is_stopped(Acted(0, said, 0.1)) is (outcome is Outcome.BAD)


def test_a_systemd_that_does_not_answer_tells_nothing_of_the_unit() -> None:
    unit = Unit(web(), "web.service")

    assert unit.judged(Acted(1, "Failed to connect to bus", 0.1)).outcome is Outcome.UNKNOWN
    assert unit.judged(Acted(None, "", 10.0)).outcome is Outcome.TIMEOUT
    assert not unit.is_stopped(Acted(1, "", 0.1))


def test_a_stop_that_systemd_has_queued_already_is_not_waited_for() -> None:
    """When the machine goes down it waits for the agent's own end: each would wait for the other, until the application is killed."""
    unit = transient(web())
    assert "--no-block" not in unit.command(STOP)

    unit.state = parse_show(SHOWN)

    assert "--no-block" in unit.command(STOP)


class Asked(Transient):
    """A unit that no systemd holds; its processes are listed instead of being in a cgroup."""

    def __init__(self, application: Application, inside: Cgroup) -> None:
        super().__init__(application, {"PATH": os.environ["PATH"]}, "mark", None)
        self._inside = inside

    async def prepare(self) -> None:
        return

    async def look(self) -> None:
        inside = self._inside.members()
        self.state = UnitState(load="loaded", active="active", sub="running" if inside else "exited", main_pid=min(inside, default=0))

    def cgroup(self) -> Cgroup | None:
        return self._inside

    def command(self, action: str) -> tuple[str, ...]:
        return ("true",)


class Listed(Cgroup):
    """Members by their pids."""

    def __init__(self, *pids: int) -> None:
        super().__init__(Path("/nonexistent"))
        self.pids = pids

    def members(self) -> list[int]:
        return [pid for pid in self.pids if is_running(pid)]

    def kill(self) -> None:
        return


@pytest.mark.parametrize("frozen", [False, True])
def test_a_stop_asks_every_process_of_the_unit_and_then_tidies_up(frozen: bool, tmp_path: Path) -> None:
    code = f"trap 'echo asked >> {tmp_path}/said; exit 0' TERM; echo up >> {tmp_path}/up; while :; do sleep 0.02; done"
    programs = [subprocess.Popen(["sh", "-c", code], start_new_session=True) for _ in range(2)]

    async def story() -> None:
        unit = Asked(web(), Listed(*(each.pid for each in programs)))
        run = managed.start(web(), unit, mark=new_mark(), changed=lambda: None)
        await eventually(lambda: run.started and (tmp_path / "up").exists() and (tmp_path / "up").read_text().count("up") == 2)
        if frozen:
            for each in programs:
                os.kill(each.pid, signal.SIGSTOP)
        run.stop(20.0)
        await eventually(lambda: not run.alive)
        assert run.ended == "stopped"

    asyncio.run(story())
    assert [each.wait() for each in programs] == [0, 0]
    assert (tmp_path / "said").read_text().split() == ["asked", "asked"]


def test_a_cgroup_that_is_not_to_be_seen_is_none() -> None:
    assert cgroup_at("") is None
    assert cgroup_at("/") is None
    assert cgroup_at("/nowhere/at/all.service") is None


def test_output_of_a_unit_that_cannot_be_opened_goes_to_the_journal(tmp_path: Path) -> None:
    """systemd would not start it at all (status 209)."""
    lost = web(output=Output(file=str(tmp_path / "missing" / "log")))

    words = _transient(lost, {}, "mark").command(START)

    assert "--property=StandardOutput=journal" in words
