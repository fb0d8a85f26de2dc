"""What a former life of the agent left running is found again: by what was written down, and by what carries our mark."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from functools import cache

from agent.runs import MARK, proc

_NAME = r"([a-z][a-z0-9-]{0,31})/([0-9]{1,18})"  # core.model.NAME, and the number of a run


@cache
def boot() -> str:
    """Names this life of the machine, or of the container: within it pids, start times and the monotonic clock mean the same."""
    first = None
    with suppress(OSError):
        first = proc.read_process(1)
    return f"{proc.boot_id()}/{first.start_ticks if first is not None else 0}"


def mark_of(instance: str, application: str, run: int) -> str:
    return f"{instance}/{application}/{run}"


def living_runs(instance: str) -> dict[str, set[int]]:
    """By application, the numbers of the runs whose mark some process carries; also of applications that there are no more.

    What cannot be read is passed over: whether that matters is for agent.runs.adopt to say. Raises OSError: no /proc.
    """
    found: dict[str, set[int]] = defaultdict(set)
    wanted = re.compile(rb"(?:^|\0)" + re.escape(f"{MARK}={instance}/".encode()) + _NAME.encode() + rb"\0")
    for environment in _environments():
        match = wanted.search(environment)
        if match is not None:
            found[match[1].decode()].add(int(match[2]))
    return dict(found)


def epoch_of(pid: int | None) -> int:
    """The epoch that a program was started under, as it was told; 0 when it cannot be read."""
    environment = None
    if pid is not None:
        with suppress(OSError):
            environment = proc.read_environment(pid)
    match = re.search(rb"(?:^|\0)UNDERSTUDY_EPOCH=([0-9]{1,18})\0", environment or b"")
    return int(match[1]) if match is not None else 0


def _environments() -> Iterator[bytes]:
    for process in proc.every_process():
        with suppress(OSError):
            environment = proc.read_environment(process.pid)
            if environment is not None:
                yield environment
