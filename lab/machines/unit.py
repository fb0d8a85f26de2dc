"""A service unit as values: what systemd.service(5) and its fellows may say of it, in seconds and numbers."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from lab.machines.syntax import INFINITY


class UnitError(Exception):
    """A unit that cannot be loaded; `lines` say why, each with the line number of the file."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclass(frozen=True, slots=True)
class Command:
    """argv[0] is absolute. may_fail: the prefix `-`. literal: the prefix `:` (no variables are replaced)."""

    argv: tuple[str, ...]
    may_fail: bool = False
    literal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A service, all times in seconds. Defaults are systemd's own (systemd-system.conf(5))."""

    name: str
    description: str = ""
    type: str = "simple"
    exec_start_pre: tuple[Command, ...] = ()
    exec_start: tuple[Command, ...] = ()
    restart: str = "no"
    restart_s: float = 0.1
    watchdog_s: float = INFINITY
    start_timeout_s: float = 90.0
    stop_timeout_s: float = 90.0
    start_limit_interval_s: float = 10.0
    start_limit_burst: int = 5
    notify_access: str = "none"
    kill_mode: str = "control-group"
    kill_signal: int = signal.SIGTERM
    watchdog_signal: int = signal.SIGABRT
    remain_after_exit: bool = False
    success: frozenset[int] = frozenset()
    environment: tuple[tuple[str, str], ...] = ()
    environment_files: tuple[tuple[str, bool], ...] = ()  # path, and whether it may be absent
    working_directory: str = "/"
    user: str = ""
    umask: int = 0o022
    nice: int = 0
    oom_score_adjust: int | None = None
    open_files: tuple[float, float] | None = None  # soft and hard limit
    no_new_privileges: bool = False
    runtime_directories: tuple[str, ...] = ()  # below /run
    runtime_directory_mode: int = 0o755
    runtime_directory_preserve: str = "no"  # no, restart or yes
    wanted_by: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # what was taken without effect, and why
