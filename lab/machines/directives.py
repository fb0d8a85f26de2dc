"""Each directive that the stand-in for systemd honours, and how its value is read."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.machines.syntax import INFINITY, boolean, span, words
from lab.machines.unit import Command

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


@dataclass(slots=True)
class Draft:
    """A unit while it is read: the values so far, and what was taken without effect."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


Setter = Callable[[Draft, str], None]


def _one(key: str, convert: Callable[[str], Any]) -> Setter:
    def set_it(draft: Draft, text: str) -> None:
        draft.values[key] = convert(text)

    return set_it


def _many(key: str, convert: Callable[[str], list[Any]]) -> Setter:
    """A list that grows with each line; an empty line clears it."""

    def set_it(draft: Draft, text: str) -> None:
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


def _both_timeouts(draft: Draft, text: str) -> None:
    draft.values["start_timeout_s"] = draft.values["stop_timeout_s"] = _timeout(text)


def _timeout(text: str) -> float:
    return span(text) or INFINITY  # systemd.service(5): 0 stands for no timeout at all


def _open_files(text: str) -> tuple[float, float]:
    """systemd.exec(5), "Process Properties": one value for both limits, or soft:hard; a number or infinity."""
    parts = [INFINITY if part == "infinity" else _whole(1, 1 << 30)(part) for part in text.split(":")]
    if len(parts) > 2 or parts[0] > parts[-1]:
        raise ValueError("is neither a limit nor soft:hard with the soft one at most the hard one")
    return float(parts[0]), float(parts[-1])


def _below_run(text: str) -> list[str]:
    """systemd.exec(5), RuntimeDirectory=: relative paths without `..`."""
    for path in words(text):
        if path.startswith("/") or ".." in path.split("/") or ":" in path:
            raise ValueError(f"names {path}, which is no plain path below /run")
    return words(text)


def _directory(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("is no absolute path")
    return text


def _preserve(text: str) -> str:
    return "restart" if text == "restart" else "yes" if boolean(text) else "no"


_OUTPUT = _one("_output", _choice("journal", "inherit", "journal+console"))
_RESTARTS = ("no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog")
DIRECTIVES: dict[str, dict[str, Setter]] = {
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
        "WatchdogSignal": _one("watchdog_signal", _signal_number),
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
        "LimitNOFILE": _one("open_files", _open_files),
        "RuntimeDirectory": _many("runtime_directories", _below_run),
        "RuntimeDirectoryMode": _one("runtime_directory_mode", lambda text: int(text, 8)),
        "RuntimeDirectoryPreserve": _one("runtime_directory_preserve", _preserve),
        "NoNewPrivileges": _one("no_new_privileges", boolean),
        "StandardOutput": _OUTPUT,
        "StandardError": _OUTPUT,
    },
    "Install": {"WantedBy": _many("wanted_by", _multi_user)},
}
