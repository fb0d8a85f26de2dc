"""A cgroup of its own for an application that the agent started: who is in it belongs to the run, whatever it does to its environment.

Only the second version is used (kernel documentation, cgroup-v2.rst). Membership, killing all at once and learning that all are
gone need no controller, so that a folder below the agent's own will do; limits need the memory and pids controllers to be handed down.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

from core.application import Limits

OURS = "understudy"  # the folder below the agent's own cgroup that holds the applications'
MEMBERS_MAX = 100_000
MEMORY, PROCESSES = "memory.max", "pids.max"


class Cgroup:
    """A folder that exists. Its methods raise OSError where they do not say otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._members = os.fspath(folder / "cgroup.procs")
        self._events: int | None = None

    def place(self, pid: int) -> None:
        """Takes some milliseconds: the kernel waits until nobody forks (threadgroup_rwsem). ProcessLookupError: it is gone."""
        _write(self.folder / "cgroup.procs", str(pid))

    def members(self) -> list[int]:
        """Those that are alive, in folders below too."""
        pids: list[int] = []
        for folder, _, _ in os.walk(self.folder):
            with suppress(FileNotFoundError):  # removed meanwhile
                pids += [int(pid) for pid in Path(folder, "cgroup.procs").read_bytes().split()]
            if len(pids) > MEMBERS_MAX:
                break
        return [pid for pid in pids if pid > 0]

    def is_there(self) -> bool:
        """Asked before each start, and so as cheaply as can be."""
        return os.path.exists(self._members)

    def is_empty(self) -> bool:
        """Asked between the end of a run and the start of the next: so the file stays open, one for each application."""
        try:
            if self._events is None:
                self._events = os.open(self.folder / "cgroup.events", os.O_RDONLY | os.O_CLOEXEC)
            return b"populated 0" in os.pread(self._events, 4096, 0)
        except OSError as error:
            if error.errno in (
                errno.ENOENT,
                errno.ENODEV,
            ):  # removed, as only an empty one can be; or version 1
                return not self.members()
            raise

    def close(self) -> None:
        if self._events is not None:
            os.close(self._events)
            self._events = None

    def kill(self) -> None:
        """Everybody at once, those being forked too (Linux 5.14). Without that the caller kills the members one by one."""
        with suppress(FileNotFoundError):
            _write(self.folder / "cgroup.kill", "1")

    def limit(self, limits: Limits) -> tuple[str, ...]:
        """Set what can be set, take away what is not asked for; the names of the files that could not be written."""
        refused = []
        for file, value in ((MEMORY, limits.memory_bytes), (PROCESSES, limits.processes)):
            try:
                _write(self.folder / file, "max" if value is None else str(value))
            except OSError:
                if value is not None:
                    refused.append(file)
        return tuple(refused)


def cgroup_for(mark: str, limits: Limits) -> tuple[Cgroup | None, tuple[str, ...]]:
    """The folder of the application that this mark names, <instance>/<application>/<run>, and what of its limits cannot be set.

    None: this agent can make none. Runs of an application follow one another, never overlap, and so share it; it is made once.
    """
    key = mark.rpartition("/")[0]
    made = _made.get(key)
    if made is not None and not made[0].is_there():
        forget(mark)  # another agent has removed it while it was empty
        made = None
    if made is None:
        cgroup = _make(key)
        if cgroup is None:
            return None, (MEMORY, PROCESSES)
        made = _made[key] = cgroup, cgroup.limit(limits)
    return made


def forget(mark: str) -> None:
    """Its folder is not there any more: the next run makes another."""
    cgroup, _ = _made.pop(mark.rpartition("/")[0], (None, ()))
    if cgroup is not None:
        cgroup.close()


_made: dict[str, tuple[Cgroup, tuple[str, ...]]] = {}


def _make(key: str) -> Cgroup | None:
    top = _top()
    folder = top / key if top is not None else None
    if top is None or folder is None or top not in folder.parents:
        return None
    cgroup = Cgroup(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _hand_down(top, folder.parent)
        cgroup.is_empty()  # opens what the end of a run is learnt from
    except OSError:
        return None
    return cgroup if os.access(folder / "cgroup.procs", os.W_OK) else None


def former_cgroup(mark: str, written: str) -> Cgroup | None:
    """The one that a former run had: as it was written down, else as its mark names it. None: there is none."""
    top = _top()
    candidates = [Path(written)] if written else []
    if top is not None:
        candidates.append(top / mark.rpartition("/")[0])
    # What is written may be wrong or old: only a folder of ours is ever killed.
    return next((Cgroup(folder) for folder in candidates if OURS in folder.parts and (folder / "cgroup.procs").exists()), None)


@cache
def _top() -> Path | None:
    """Empty folders that former agents left are removed on the way."""
    own = own_folder()
    if own is None:
        return None
    top = own / OURS
    for folder, _, _ in os.walk(top, topdown=False):
        with suppress(OSError):  # somebody is in it
            os.rmdir(folder)
    return top


def is_in_ours(pid: int) -> bool:
    """Whether it is, or was when it died, in a folder of ours. Never raises: what cannot be read is not."""
    top = _top()
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines() if top is not None else []
    except OSError:
        return False
    path = next((line[3:] for line in lines if line.startswith("0::")), "")
    return f"/{OURS}/" in path and str(top).endswith(path.partition(f"/{OURS}/")[0] + f"/{OURS}")


def own_folder() -> Path | None:
    """The agent's own cgroup in the second version's hierarchy; None where that is not mounted."""
    try:
        membership = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = [line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return None
    path = next((line[3:] for line in membership if line.startswith("0::")), None)
    # Fields 4 and 5 are the root within the file system and where it is mounted; the type follows a lone hyphen (proc(5)).
    mount = next((fields for fields in mounts if "-" in fields and fields[fields.index("-") + 1] == "cgroup2"), None)
    if path is None or mount is None or ".." in path:
        return None
    root = mount[3]
    inside = os.path.relpath(path, root) if path == root or path.startswith(root.rstrip("/") + "/") else None
    return None if inside is None else Path(os.path.normpath(os.path.join(mount[4], inside)))


def _hand_down(top: Path, last: Path) -> None:
    """Let the folders from `top` to `last` give memory and pids to those below, where they have them. None of these holds a process."""
    for folder in [*(parent for parent in reversed(last.parents) if parent == top or top in parent.parents), last]:
        for controller in ("memory", "pids"):
            with suppress(OSError):  # not there, or not ours to hand on
                _write(folder / "cgroup.subtree_control", f"+{controller}")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
