"""The stand-in for systemd: unit files, and one service's life with hands that only take notes."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest

from lab.machines import syntax
from lab.machines.control import Answer, Control
from lab.machines.hands import SpawnFailed
from lab.machines.manager import Manager
from lab.machines.results import restarts, result_of
from lab.machines.service import Service
from lab.machines.unit import Command, Unit, UnitError
from lab.machines.units import parse

AGENT_UNIT = Path(__file__).resolve().parent.parent.parent / "agent/understudy-agent.service"


def service_text(*lines: str) -> str:
    return "\n".join(["[Service]", "ExecStart=/bin/true", *lines])


def test_the_agents_own_unit_is_understood() -> None:
    unit = parse(AGENT_UNIT.name, AGENT_UNIT.read_text())
    assert unit.type == "notify"
    assert unit.restart == "always"
    assert unit.kill_mode in ("mixed", "process")
    assert unit.watchdog_s < syntax.INFINITY


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1min 30s", 90), ("500ms", 0.5), ("2h", 7200), ("infinity", syntax.INFINITY), ("1.5s", 1.5)],
)
def test_spans_of_time(text: str, seconds: float) -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.time.html"""
    assert syntax.span(text) == seconds


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("DynamicUser=yes", "DynamicUser= in [Service] is not understood"),
        ("Restart=sometimes", "Restart=sometimes is not one of"),
        ("RestartSec=5 parsecs", "RestartSec=5 parsecs is no time span"),
        ("User=nobody", "User=nobody is not root"),
        ("Type=dbus", "Type=dbus is not one of"),
        ("ExecStartPre=!/bin/true", "has the prefix !"),
        ("ExecStartPre=true", "does not begin with an absolute path"),
        ("Environment=1A=b", "which is not KEY=VALUE"),
        ("WorkingDirectory=%h", "has the specifier %h"),
        ("OOMScoreAdjust=2000", "is no whole number from -1000 to 1000"),
        ("LimitNOFILE=2048:1024", "is neither a limit nor soft:hard"),
        ("RuntimeDirectory=/run/x", "names /run/x, which is no plain path below /run"),
        ("RuntimeDirectory=a/../../etc", "which is no plain path below /run"),
        ("RuntimeDirectoryPreserve=perhaps", "is neither yes nor no"),
        ("WatchdogSignal=SIGWHAT", "is no signal"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse("x.service", service_text(line))
    assert caught.value.lines[0].startswith("x.service:3: ")
    assert said in caught.value.lines[0]


def test_every_reason_is_told_at_once() -> None:
    with pytest.raises(UnitError) as caught:
        parse("x.service", "[Service]\nFoo=1\nBar=2\n")
    assert len(caught.value.lines) == 3


def test_what_cannot_be_enforced_is_taken_with_a_remark() -> None:
    assert parse("x.service", service_text("MemoryMin=20M")).remarks == (
        "x.service:3: MemoryMin= has no effect here: a machine of the lab has no control groups of its own",
    )


def test_a_sandbox_is_taken_without_effect_and_said_so() -> None:
    (remark,) = parse("x.service", service_text("CapabilityBoundingSet=~CAP_WAKE_ALARM CAP_BLOCK_SUSPEND")).remarks
    assert "CapabilityBoundingSet= has no effect here: it only takes something away" in remark


@pytest.mark.parametrize(
    ("text", "limits"),
    [("16384:524288", (16384, 524288)), ("4096", (4096, 4096)), ("1024:infinity", (1024, syntax.INFINITY))],
)
def test_a_limit_is_one_number_or_soft_and_hard(text: str, limits: tuple[float, float]) -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Process%20Properties"""
    assert parse("x.service", service_text(f"LimitNOFILE={text}")).open_files == limits


def test_lists_grow_and_an_empty_line_clears_them() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Environment="""
    unit = parse("x.service", service_text('Environment="A=one two" B=3', "Environment=C=4"))
    assert unit.environment == (("A", "one two"), ("B", "3"), ("C", "4"))
    assert parse("x.service", service_text("Environment=A=1", "Environment=", "Environment=B=2")).environment == (("B", "2"),)


def test_lines_are_continued_and_comments_are_skipped() -> None:
    unit = parse("x.service", "[Service]\n# said\nExecStart=/bin/echo one \\\n; not this\n  two\n")
    assert unit.exec_start == (Command(("/bin/echo", "one", "two")),)


def test_variables_in_a_command_line() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Command%20lines"""
    known = {"ONE": "a b"}
    assert syntax.expand("$ONE", known) == ["a", "b"]
    assert syntax.expand("x${ONE}y", known) == ["xa by"]
    assert syntax.expand("$$ONE", known) == ["$ONE"]
    assert syntax.expand("$NONE", known) == []


def test_an_environment_file_has_comments_and_quotes() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile="""
    assert syntax.environment_file("# no\nA=1\n\nB='two words'\n; no\n") == {"A": "1", "B": "two words"}
    with pytest.raises(ValueError, match="line 1 is not KEY=VALUE"):
        syntax.environment_file("nonsense")


class Notes:
    """Hands that start nothing: pids count up; `alive` are the group's members besides the main process."""

    def __init__(self) -> None:
        self.killed: list[tuple[int, int]] = []
        self.said: list[str] = []
        self.alive: list[int] = []
        self.spawned = 99
        self.fails = False
        self.tidied: list[bool] = []

    def prepare(self, unit: Unit) -> None:
        """Nothing to make."""

    def tidy(self, unit: Unit, *, comes_back: bool) -> None:
        self.tidied.append(comes_back)

    def spawn(self, unit: Unit, command: Command) -> int:
        if self.fails:
            raise SpawnFailed("no such file")
        self.spawned += 1
        return self.spawned

    def kill(self, pid: int, number: int) -> None:
        if number != signal.SIGCONT:
            self.killed.append((pid, number))
        if number == signal.SIGKILL and pid in self.alive:
            self.alive.remove(pid)

    def members(self, unit: Unit) -> list[int]:
        return list(self.alive)

    def say(self, text: str) -> None:
        self.said.append(text)


def unit(**changes: object) -> Unit:
    return Unit(name="x.service", exec_start=(Command(("/bin/x",)),), **changes)  # type: ignore[arg-type]


def running(notes: Notes, **changes: object) -> Service:
    service = Service(unit(**changes), notes)
    service.start(0)
    assert service.state == "active"
    return service


def test_a_notify_service_is_active_once_it_says_so() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Type="""
    service = Service(unit(type="notify", notify_access="main"), Notes())
    service.start(0)
    assert service.state == "activating"
    service.on_notify(True, {"READY": "1", "STATUS": "fine"}, 1)
    assert (service.state, service.status_text) == ("active", "fine")


def test_only_the_main_process_is_listened_to() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#NotifyAccess="""
    service = Service(unit(type="notify", notify_access="main"), Notes())
    service.start(0)
    service.on_notify(False, {"READY": "1"}, 1)
    assert service.state == "activating"


def test_a_notify_service_that_ends_before_it_is_ready_has_failed() -> None:
    service = Service(unit(type="notify", notify_access="main"), Notes())
    service.start(0)
    service.on_exit(100, 0, 1)
    assert (service.state, service.result) == ("failed", "protocol")


def test_a_start_that_takes_too_long_is_given_up() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#TimeoutStartSec="""
    notes = Notes()
    service = Service(unit(type="notify", notify_access="main", start_timeout_s=60), notes)
    service.start(0)
    service.on_time(60)
    assert notes.killed == [(100, signal.SIGTERM)]
    service.on_exit(100, -15, 61)
    assert (service.state, service.result) == ("failed", "timeout")


def test_a_missed_watchdog_aborts_and_restarts() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#WatchdogSec="""
    notes = Notes()
    service = running(notes, watchdog_s=30, notify_access="main", restart="always", restart_s=1, kill_mode="mixed")
    service.on_notify(True, {"WATCHDOG": "1"}, 20)
    service.on_time(49)
    assert notes.killed == []
    service.on_time(50)
    assert notes.killed == [(100, signal.SIGABRT)]
    service.on_exit(100, -6, 50.1)
    assert (service.state, service.result) == ("auto-restart", "watchdog")
    service.on_time(51.1)
    assert (service.state, service.main, service.restarts) == ("active", 101, 1)


def test_the_watchdogs_own_signal_ends_the_main_process_alone() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#WatchdogSignal="""
    notes = Notes()
    service = running(
        notes, watchdog_s=10, watchdog_signal=signal.SIGKILL, notify_access="main", restart="always", restart_s=1, kill_mode="process"
    )
    notes.alive = [200]
    service.on_time(10)
    assert notes.killed == [(100, signal.SIGKILL)]
    service.on_exit(100, -9, 10.1)
    service.on_time(11.1)
    assert (service.state, service.main, notes.alive) == ("active", 101, [200])
    assert notes.killed == [(100, signal.SIGKILL)]


@pytest.mark.parametrize(
    ("result", "settings"),
    [
        ("success", {"always", "on-success"}),
        ("exit-code", {"always", "on-failure"}),
        ("signal", {"always", "on-failure", "on-abnormal", "on-abort"}),
        ("timeout", {"always", "on-failure", "on-abnormal"}),
        ("watchdog", {"always", "on-failure", "on-abnormal", "on-watchdog"}),
    ],
)
def test_which_end_leads_to_a_restart(result: str, settings: set[str]) -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#Restart=: the table."""
    every = ("no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog")
    assert {setting for setting in every if restarts(unit(restart=setting), result)} == settings


@pytest.mark.parametrize(("code", "result"), [(0, "success"), (-15, "success"), (-9, "signal"), (1, "exit-code"), (75, "success")])
def test_which_end_is_clean(code: int, result: str) -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.service.html#SuccessExitStatus="""
    assert result_of(unit(success=frozenset({75})), code) == result


def test_too_many_starts_are_refused() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html#StartLimitIntervalSec=interval"""
    notes = Notes()
    service = running(notes, restart="always", restart_s=0.1, start_limit_burst=2, start_limit_interval_s=10)
    service.on_exit(100, 1, 1)
    service.on_time(1.1)
    service.on_exit(101, 1, 2)
    service.on_time(2.1)
    assert (service.state, service.result) == ("failed", "start-limit-hit")


def test_a_start_limit_of_zero_seconds_limits_nothing() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html#StartLimitIntervalSec=interval"""
    service = running(Notes(), restart="always", restart_s=0, start_limit_interval_s=0)
    for attempt in range(20):
        service.on_exit(100 + attempt, 1, attempt)
        service.on_time(attempt)
    assert service.state == "active"


def test_mixed_asks_the_main_process_and_kills_what_it_leaves() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html#KillMode="""
    notes = Notes()
    service = running(notes, kill_mode="mixed")
    notes.alive = [200]
    service.stop(5)
    assert notes.killed == [(100, signal.SIGTERM)]
    service.on_exit(100, 0, 6)
    assert notes.killed[1:] == [(200, signal.SIGKILL)]
    assert service.state == "inactive"


def test_control_group_asks_everyone_and_waits_for_the_last() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html#KillMode="""
    notes = Notes()
    service = running(notes, stop_timeout_s=10)
    notes.alive = [100, 200]
    service.stop(5)
    assert notes.killed == [(100, signal.SIGTERM), (200, signal.SIGTERM)]
    notes.alive = [200]
    service.on_exit(100, 0, 6)
    assert service.state == "stopping"
    service.on_time(15)
    assert notes.killed[2:] == [(200, signal.SIGKILL)]
    assert (service.state, service.result) == ("failed", "timeout")


def test_process_leaves_the_others_alone() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html#KillMode="""
    notes = Notes()
    service = running(notes, kill_mode="process")
    notes.alive = [200]
    service.stop(5)
    service.on_exit(100, 0, 6)
    assert (service.state, notes.killed) == ("inactive", [(100, signal.SIGTERM)])
    assert "x.service: Unit process 200 remains running after unit stopped." in notes.said
    service.start(7)
    assert (service.state, notes.alive) == ("active", [200])
    assert "x.service: Found left-over process 200 in control group while starting unit. Ignoring." in notes.said


def test_what_was_stopped_stays_down_and_a_restart_comes_back() -> None:
    notes = Notes()
    service = running(notes, restart="always")
    service.stop(1)
    service.on_exit(100, 0, 2)
    assert service.state == "inactive"
    service.start(3)
    service.restart(4)
    assert not service.settled
    service.on_exit(101, 0, 5)
    assert (service.state, service.main) == ("active", 102)


def test_what_the_unit_had_made_is_tidied_up_when_it_is_down_by_whether_it_comes_back() -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#RuntimeDirectoryPreserve="""
    notes = Notes()
    service = running(notes, restart="always", restart_s=1)
    service.on_exit(100, 1, 1)
    service.on_time(2)
    service.restart(3)
    service.on_exit(101, 0, 4)
    service.stop(5)
    service.on_exit(102, 0, 6)
    assert notes.tidied == [True, True, False]


def test_a_program_that_cannot_be_started_is_a_failure_that_restarts() -> None:
    notes = Notes()
    notes.fails = True
    service = Service(unit(restart="on-failure", restart_s=1), notes)
    service.start(0)
    assert (service.state, service.result) == ("auto-restart", "resources")


def test_systemctl_tells_whether_the_machine_goes_down(tmp_path: Path) -> None:
    """By list-jobs (systemctl(1)) an agent tells a shutdown, after which it runs nothing any more, from a restart of its own."""
    going_down: list[str] = []
    control = Control(Manager.__new__(Manager), tmp_path / "private", print, going_down.append, lambda: bool(going_down))
    ask = ["list-jobs", "--no-legend", "--plain"]
    with control.socket, socket.socket() as client:
        assert control.perform(ask, client) == Answer()
        control.perform(["poweroff"], client)

        assert control.perform(ask, client) == Answer(out="1 poweroff.target start waiting\n")
