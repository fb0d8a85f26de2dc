"""Unit files as the lab's stand-in for systemd reads them: what it honours, what it takes without effect, and nothing else.

Follows systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.syntax(7) and systemd.time(7).
A directive that is not known here makes the unit unloadable: real systemd would ignore or honour it, we cannot tell.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from lab.machines.syntax import INFINITY, boolean, lines, span, specifiers, words

UNIT_BYTES_MAX = 65536
_NO_CGROUPS = "a machine of the lab has no control groups of its own"
UNENFORCED = {  # directive: why it has no effect here
    **dict.fromkeys(("MemoryMin", "MemoryLow", "MemoryHigh", "MemoryMax", "MemorySwapMax"), _NO_CGROUPS),
    **dict.fromkeys(("CPUWeight", "CPUQuota", "IOWeight", "TasksMax", "Delegate", "OOMPolicy", "Slice"), _NO_CGROUPS),
    "Documentation": "it is for people",
    "SyslogIdentifier": "journals are one file per unit",
}
# What the lab's machines have reached before they start any unit.
REACHED = frozenset(
    f"{name}.target"
    for name in (
        "network",
        "network-online",
        "network-pre",
        "basic",
        "sysinit",
        "local-fs",
        "remote-fs",
        "time-sync",
        "nss-lookup",
        "paths",
    )
)


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
    remain_after_exit: bool = False
    success: frozenset[int] = frozenset()
    environment: tuple[tuple[str, str], ...] = ()
    environment_files: tuple[tuple[str, bool], ...] = ()  # path, and whether it may be absent
    working_directory: str = "/"
    user: str = ""
    umask: int = 0o022
    nice: int = 0
    oom_score_adjust: int | None = None
    open_files: int | None = None
    no_new_privileges: bool = False
    wanted_by: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  # what was taken without effect, and why


@dataclass(slots=True)
class _Draft:
    name: str
    values: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


_Setter = Callable[[_Draft, str], None]


def _one(key: str, convert: Callable[[str], Any]) -> _Setter:
    def set_it(draft: _Draft, text: str) -> None:
        draft.values[key] = convert(text)

    return set_it


def _many(key: str, convert: Callable[[str], list[Any]]) -> _Setter:
    """A list that grows with each line; an empty line clears it."""

    def set_it(draft: _Draft, text: str) -> None:
        draft.values[key] = (*draft.values.get(key, ()), *convert(text)) if text else ()

    return set_it


def _choice(*allowed: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"is not one of {', '.join(allowed)}, which is what the lab honours")
        return text

    return convert


def _command(text: str) -> list[Command]:
    prefix = re.match(r"[-:@+!|]*", text)
    assert prefix is not None
    if set(prefix[0]) - {"-", ":"}:
        raise ValueError(f"has the prefix {prefix[0]}: the lab honours - and : only")
    argv = words(text[prefix.end() :])
    if not argv or not argv[0].startswith("/"):
        raise ValueError("does not begin with an absolute path")
    if ";" in argv:
        raise ValueError("holds several commands: the lab takes one to a line")
    return [Command(tuple(argv), "-" in prefix[0], ":" in prefix[0])]


def _assignments(text: str) -> list[tuple[str, str]]:
    pairs = [word.partition("=") for word in words(text)]
    for key, separator, _ in pairs:
        if not separator or not re.fullmatch(r"[A-Za-z_]\w*", key):
            raise ValueError(f"holds {key!r}, which is not KEY=VALUE")
    return [(key, value) for key, _, value in pairs]


def _environment_path(text: str) -> list[tuple[str, bool]]:
    path = text.removeprefix("-")
    if not path.startswith("/"):
        raise ValueError("is no absolute path")
    return [(path, text.startswith("-"))]


def _root(text: str) -> str:
    if text not in ("root", "0"):
        raise ValueError("is not root, the one user that the lab's machines have")
    return "root"


def _targets(text: str) -> list[str]:
    for name in words(text):
        if name not in REACHED:
            raise ValueError(f"names {name}: the lab orders nothing but services after {', '.join(sorted(REACHED))}")
    return []


def _multi_user(text: str) -> list[str]:
    for name in words(text):
        if name != "multi-user.target":
            raise ValueError(f"names {name}: the lab's machines reach multi-user.target only")
    return words(text)


def _signal_number(text: str) -> int:
    name = text if text.startswith("SIG") else f"SIG{text}"
    try:
        return int(text) if text.isdigit() else int(signal.Signals[name])
    except KeyError:
        raise ValueError("is no signal") from None


def _statuses(text: str) -> list[int]:
    return [int(word) if word.isdigit() else -_signal_number(word) for word in words(text)]


def _whole(low: int, high: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not re.fullmatch(r"-?\d+", text) or not low <= int(text) <= high:
            raise ValueError(f"is no whole number from {low} to {high}")
        return int(text)

    return convert


def _both_timeouts(draft: _Draft, text: str) -> None:
    draft.values["start_timeout_s"] = draft.values["stop_timeout_s"] = _timeout(text)


def _timeout(text: str) -> float:
    return span(text) or INFINITY  # systemd.service(5): 0 stands for no timeout at all


def _directory(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("is no absolute path")
    return text


_OUTPUT = _one("_output", _choice("journal", "inherit", "journal+console"))
_RESTARTS = ("no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog")
DIRECTIVES: dict[str, dict[str, _Setter]] = {
    "Unit": {
        "Description": _one("description", str),
        "After": _many("_after", _targets),
        "Wants": _many("_wants", _targets),
        "Requires": _many("_requires", _targets),
        "StartLimitIntervalSec": _one("start_limit_interval_s", span),
        "StartLimitBurst": _one("start_limit_burst", _whole(0, 10000)),
    },
    "Service": {
        "Type": _one("type", _choice("simple", "exec", "notify", "oneshot")),
        "ExecStartPre": _many("exec_start_pre", _command),
        "ExecStart": _many("exec_start", _command),
        "Restart": _one("restart", _choice(*_RESTARTS)),
        "RestartSec": _one("restart_s", span),
        "WatchdogSec": _one("watchdog_s", _timeout),
        "TimeoutStartSec": _one("start_timeout_s", _timeout),
        "TimeoutStopSec": _one("stop_timeout_s", _timeout),
        "TimeoutSec": _both_timeouts,
        "NotifyAccess": _one("notify_access", _choice("none", "main", "all")),
        "KillMode": _one("kill_mode", _choice("control-group", "mixed", "process")),
        "KillSignal": _one("kill_signal", _signal_number),
        "RemainAfterExit": _one("remain_after_exit", boolean),
        "SuccessExitStatus": _many("success", _statuses),
        "Environment": _many("environment", _assignments),
        "EnvironmentFile": _many("environment_files", _environment_path),
        "WorkingDirectory": _one("working_directory", _directory),
        "User": _one("user", _root),
        "Group": _one("_group", _root),
        "UMask": _one("umask", lambda text: int(text, 8)),
        "Nice": _one("nice", _whole(0, 19)),
        "OOMScoreAdjust": _one("oom_score_adjust", _whole(-1000, 1000)),
        "LimitNOFILE": _one("open_files", _whole(1, 1 << 20)),
        "NoNewPrivileges": _one("no_new_privileges", boolean),
        "StandardOutput": _OUTPUT,
        "StandardError": _OUTPUT,
    },
    "Install": {"WantedBy": _many("wanted_by", _multi_user)},
}


def parse(name: str, text: str) -> Unit:
    """The unit a file describes. Raises UnitError with every reason at once."""
    draft = _Draft(name)
    wrong: list[str] = []
    for number, section, key, value in lines(text, wrong):
        if key in UNENFORCED and section in DIRECTIVES:
            draft.remarks.append(f"{name}:{number}: {key}= has no effect here: {UNENFORCED[key]}")
            continue
        setter = DIRECTIVES.get(section, {}).get(key)
        if setter is None:
            wrong.append(f"{name}:{number}: {key}= in [{section}] is not understood by the lab's stand-in for systemd")
            continue
        try:
            setter(draft, specifiers(value, name))
        except ValueError as error:
            wrong.append(f"{name}:{number}: {key}={value} {error}")
    values = {key: value for key, value in draft.values.items() if not key.startswith("_")}
    values["success"] = frozenset(values.get("success", ()))
    unit = Unit(name=name, remarks=tuple(draft.remarks), **values)
    return _checked(unit, wrong, notify_access_given="notify_access" in values, timeout_given="start_timeout_s" in values)


def _checked(unit: Unit, wrong: list[str], *, notify_access_given: bool, timeout_given: bool) -> Unit:
    """Rules that concern several directives (systemd.service(5), Type= and NotifyAccess=)."""
    if not unit.exec_start:
        wrong.append(f"{unit.name}: has no ExecStart=")
    if unit.type != "oneshot" and len(unit.exec_start) > 1:
        wrong.append(f"{unit.name}: several ExecStart= are for Type=oneshot only")
    if unit.type == "oneshot" and unit.restart in ("always", "on-success"):
        wrong.append(f"{unit.name}: Restart={unit.restart} is not for Type=oneshot")
    if wrong:
        raise UnitError(wrong)
    if (unit.type == "notify" or unit.watchdog_s < INFINITY) and (not notify_access_given or unit.notify_access == "none"):
        unit = replace(unit, notify_access="main")
    if unit.type == "oneshot" and not timeout_given:
        unit = replace(unit, start_timeout_s=INFINITY)
    return unit
