"""Applications that systemd holds: a unit of its own for a program, or a unit that somebody else has written.

Spoken to by its own commands, systemctl(1) and systemd-run(1), without a library for its bus. Every run of a program is a transient unit
of one name, so that systemd itself sees to it that there are never two; its cgroup holds whatever the program starts.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from agent.runs.actions import Acted, Action
from agent.runs.cgroups import Cgroup
from agent.runs.launch import UMASK, account, home_of
from agent.runs.manager import START, STOP, Came, Refused
from agent.runs.ocf_codes import reason
from agent.runs.state import MARK
from agent.runs.unit_state import SHOWN, UnitState, parse_show
from core.application import Application
from core.node.health import Outcome, ProbeResult

RUNNING = Path("/run/systemd/system")  # sd_booted(3)
AGENT_UNIT = "understudy-agent.service"
ASK_TIMEOUT_S = 10.0
SLACK_S = 5.0  # systemd's own time to kill, beyond the grace that a unit has
_NOT_LOADED = 5  # systemctl's exit status for a unit that there is not, as LSB has it for a program
_UP = ("active", "reloading")


@cache
def is_running() -> bool:
    """Whether systemd is the first process here and can be asked to run programs."""
    return RUNNING.is_dir() and shutil.which("systemd-run") is not None


class Unit:
    """agent.runs.manager.Manager, of a unit that is there already."""

    monitor_action = "show"
    is_ours = False
    asks_processes = False
    user: str | None = None
    directory = "/"

    def __init__(self, application: Application, unit: str) -> None:
        self._application, self.unit = application, unit
        self.state = UnitState()

    async def prepare(self) -> None:
        """Raises Refused: no such unit."""
        await self.look()
        if self.state.load != "loaded":
            raise Refused(f"run.systemd is {self.unit}: systemd says {self.state.load}")

    def command(self, action: str) -> Sequence[str]:
        if action == self.monitor_action:
            return ("systemctl", "show", "--property", SHOWN, "--", self.unit)
        return ("systemctl", "--no-ask-password", action, "--", self.unit)

    def environment(self, action: str) -> Mapping[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}

    def timeout_s(self, action: str) -> float:
        if action == START:
            return self._application.start_timeout_s
        return self._application.stop_timeout_s + SLACK_S if action == STOP else ASK_TIMEOUT_S

    def came(self, acted: Acted) -> Came:
        return Came() if acted.status == 0 else Came(trouble=_words(START, acted))

    def stop_trouble(self, acted: Acted) -> str | None:
        return None if acted.status in (0, _NOT_LOADED) else _words(STOP, acted)

    def judged(self, acted: Acted) -> ProbeResult:
        if acted.status is None:
            return ProbeResult(Outcome.TIMEOUT, _words("show", acted), acted.took_s)
        state = self._read(acted)
        if state is None:
            return ProbeResult(Outcome.UNKNOWN, _words("show", acted), acted.took_s)
        said = f"{self.unit} is {state.active} ({state.sub})"
        outcome = Outcome.BAD if self._down(state) else Outcome.GOOD if state.active in _UP else Outcome.UNKNOWN
        return ProbeResult(outcome, "" if outcome is Outcome.GOOD else said, acted.took_s)

    def is_stopped(self, acted: Acted) -> bool:
        state = self._read(acted)
        return state is not None and self._down(state)

    def _down(self, state: UnitState) -> bool:
        return state.active in ("inactive", "failed")

    def pids(self) -> list[int]:
        return [self.state.main_pid] if self.state.main_pid else []

    async def look(self) -> None:
        """Ask how it is, which main process and which cgroup it has. Raises OSError, Refused: systemd does not say."""
        action = Action(self.command("show"), environment=self.environment("show"), directory="/", user=None)
        acted = await action.end(ASK_TIMEOUT_S)
        state = self._read(acted)
        if state is None:
            raise Refused(_words("show", acted))
        self.state = state

    def main_pid(self) -> int | None:
        return self.state.main_pid

    def cgroup(self) -> Cgroup | None:
        return cgroup_at(self.state.cgroup)

    def is_down(self) -> bool:
        return self._down(self.state)

    def is_up(self) -> bool:
        return self.state.active in _UP and not self.is_down()

    def last_words(self) -> str:
        return self.state.end() if self.state.load == "loaded" else "nothing of it runs"

    def name(self) -> str:
        return f"{self.unit} {self.state.invocation}"

    def _read(self, acted: Acted) -> UnitState | None:
        try:
            return parse_show(acted.said) if acted.status == 0 else None
        except ValueError:
            return None


class Transient(Unit):
    """A program in a unit of its own, which goes on without the agent.

    Its exit status can be asked for afterwards, for the unit stays (RemainAfterExit=) until the next run. Before= has the agent stopped
    first when the machine goes down, while the applications still run: so that it can stop them in its own order. It asks their
    processes itself then, for a stop asked of systemd would wait for the agent's own end.
    """

    asks_processes = True

    def __init__(self, application: Application, environment: Mapping[str, str], mark: str, log: str | None) -> None:
        super().__init__(application, f"understudy-{application.name}.service")
        self._told, self._mark, self._log = environment, mark, log

    async def prepare(self) -> None:
        """What the last run left of the unit is let go; a unit that is up is not: then the start fails, as it must."""
        await self.look()
        if self.state.sub == "exited" or self.state.active == "deactivating":
            await self._ask("stop")
        if self.state.active == "failed":
            await self._ask("reset-failed")

    async def _ask(self, action: str) -> None:
        running = Action(self.command(action), environment=self.environment(action), directory="/", user=None)
        await running.end(ASK_TIMEOUT_S)

    def command(self, action: str) -> Sequence[str]:
        if action == STOP and self.state.job:  # one is under way already, and may be waiting for the agent's end
            return ("systemctl", "--no-ask-password", "--no-block", STOP, "--", self.unit)
        if action != START:
            return super().command(action)
        assert self._application.run.exec is not None, f"{self._application.name} runs by {self._application.run.kind}"
        variables = [f"--setenv={name}={value}" for name, value in self._variables().items()]
        properties = [f"--property={key}={value}" for key, value in self._properties().items()]
        words = [escaped(word) for word in self._application.run.exec]
        return ("systemd-run", f"--unit={self.unit}", "--no-ask-password", *properties, *variables, "--", *words)

    def environment(self, action: str) -> Mapping[str, str]:
        """Of systemd-run itself: it looks for the program where the application would."""
        return (
            {**super().environment(action), "PATH": self._told.get("PATH", os.defpath)} if action == START else super().environment(action)
        )

    def _variables(self) -> dict[str, str]:
        """Everybody on the machine can read them (`systemctl show`): secrets belong in files."""
        return {**home_of(account(self._application.user)), **self._told, MARK: self._mark}

    def _properties(self) -> dict[str, str]:
        """systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.resource-control(5)."""
        application = self._application
        limits, log = application.limits, self._log
        wanted = {
            "Description": f"Understudy application {application.name}",
            "Type": "exec",
            "RemainAfterExit": "yes",
            "User": application.user,
            "WorkingDirectory": application.directory or "/",
            "UMask": f"{UMASK:04o}",
            "LimitNOFILE": limits.open_files,
            "MemoryMax": limits.memory_bytes,
            "TasksMax": limits.processes,
            "StandardOutput": f"append:{log}" if log is not None else "journal",
            "StandardError": f"append:{log}" if log is not None else "journal",
            "KillMode": "control-group",
            "TimeoutStopSec": f"{application.stop_timeout_s:g}s",
            "OOMPolicy": "continue",
            "Before": AGENT_UNIT,
        }
        return {key: str(value) for key, value in wanted.items() if value is not None}

    def judged(self, acted: Acted) -> ProbeResult:
        """A program has its probes; that it runs is known from the kernel."""
        return ProbeResult(Outcome.UNKNOWN)

    def _down(self, state: UnitState) -> bool:
        """Its program has ended, and the unit stays for its exit status."""
        return state.active in ("inactive", "failed") or state.sub == "exited"


def escaped(word: str) -> str:
    """An argument as systemd-run needs it to arrive as it is: it replaces $NAME as ExecStart= does, specifiers (%) it does not."""
    return word.replace("$", "$$")


def cgroup_at(path: str) -> Cgroup | None:
    """Where a unit's cgroup is to be seen: in the one tree, in the second beside the first version's, or in systemd's own."""
    if not path or path == "/":
        return None
    for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"):
        folder = Path(mount + path)
        if (folder / "cgroup.procs").exists():
            return Cgroup(folder)
    return None


def _words(action: str, acted: Acted) -> str:
    if acted.status is None:
        return f"systemd: {action}: no end within {acted.took_s:.1f} s"
    why = reason(acted.said)
    return f"systemd: {action}: exit status {acted.status}" + (f": {why}" if why else "")
