"""What a former life of the agent left running is found again: by what was written down, and by what carries our mark."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from agent.notes import Note
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


@dataclass(frozen=True, slots=True)
class Former:
    """The last run that was begun. note: what is known of one that may live, None: nothing was begun that could; mark: what finds it."""

    run: int
    note: Note | None = None
    mark: str = ""


def former_run(note: Note | None, living: set[int], *, instance: str, application: str, same_boot: bool, lost: bool) -> Former:
    """What a former life left of one application.

    note: what it wrote down, None: nothing was. living: the runs whose mark was found. lost: notes were there and cannot be
    read. The mark is the truth where it says more than the note, for a note may not have been written (a full disk). Where
    neither says anything nothing was begun: then there is nothing to find.
    """
    run = max({note.run if note is not None else 0, *living})
    if note is not None and note.run == run > 0 and same_boot:
        return Former(run, note, note.identity.mark if note.identity is not None else mark_of(instance, application, run))
    if living:
        return Former(run, Note(run=run), mark_of(instance, application, run))
    if lost:
        return Former(max(1, run), Note(run=max(1, run)), f"{instance}/{application}/")
    return Former(run)


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
