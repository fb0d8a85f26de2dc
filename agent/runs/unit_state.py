"""What systemd says of a unit, and why its main process ended."""

from __future__ import annotations

from dataclasses import dataclass

from agent.runs.state import words_for_wait

SHOWN = "LoadState,ActiveState,SubState,MainPID,InvocationID,ControlGroup,ExecMainCode,ExecMainStatus,Result,Job"
_BEFORE = {  # systemd.exec(5), process exit codes: it could not even begin
    200: "its working directory cannot be entered",
    203: "its program cannot be executed",
    209: "its output file cannot be opened",
    216: "its group cannot be taken on",
    217: "its user cannot be taken on",
}
_KILLED = ("2", "3")  # CLD_KILLED and CLD_DUMPED of siginfo_t, as ExecMainCode has them


@dataclass(frozen=True, slots=True)
class UnitState:
    """As `systemctl show` tells it (org.freedesktop.systemd1(5))."""

    load: str = "not-found"
    active: str = "inactive"
    sub: str = "dead"
    main_pid: int = 0
    invocation: str = ""
    cgroup: str = ""
    code: str = "0"
    status: int = 0
    result: str = "success"
    job: int = 0

    def end(self) -> str:
        """Why its main process ended, and what systemd makes of it where that says more."""
        why = words_for_wait(-self.status if self.code in _KILLED else self.status)
        if self.code not in _KILLED and self.status in _BEFORE:
            return f"{_BEFORE[self.status]} (systemd's status {self.status})"
        return why if self.result in ("success", "exit-code", "signal", "core-dump") else f"{why} ({self.result})"


def parse_show(text: str) -> UnitState:
    """Of `systemctl show -p ...`: KEY=VALUE lines in any order. Raises ValueError."""
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return UnitState(
        load=said.get("LoadState", "not-found"),
        active=said.get("ActiveState", "inactive"),
        sub=said.get("SubState", "dead"),
        main_pid=int(said.get("MainPID") or 0),
        invocation=said.get("InvocationID", ""),
        cgroup=said.get("ControlGroup", ""),
        code=said.get("ExecMainCode", "0"),
        status=int(said.get("ExecMainStatus") or 0),
        result=said.get("Result", "success"),
        job=int(said.get("Job", "").partition(" ")[0] or 0),
    )
