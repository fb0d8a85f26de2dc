"""How many files may be open: many for the agent, what is usual for whatever it starts.

A program that waits by select(2) breaks when it is given a descriptor above 1,023, and one that closes all it might have takes its
time over many: so the soft limit is raised by whoever wants more for itself, and never handed on (systemd.exec(5), LimitNOFILE=).
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Mapping
from contextlib import suppress

_LAUNCHER = "prlimit"  # of util-linux
_CANNOT = (126, 127)  # its exit status when it could not become the program
OWN = 16384  # ports, probes, pipes and pidfds
_usual = resource.getrlimit(resource.RLIMIT_NOFILE)[0]  # what the agent was started with


def take_own() -> None:
    """Raise the agent's own soft limit as far as it goes up to OWN."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OWN if hard == resource.RLIM_INFINITY else min(OWN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def for_children() -> str:
    """`soft:hard` for a program that asks for nothing; `-`: what it inherits is right."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return "-" if soft == _usual else f"{_usual}:{hard}"


def launcher(
    program: str, *, directory: str, environment: Mapping[str, str], open_files: int | None = None, processes: int | None = None
) -> list[str]:
    """prlimit(1) of util-linux before a program that has limits, or that would inherit the agent's own.

    They must hold from its first instruction, for many programs read them once at start: setting them from outside afterwards comes
    too late. Lowering the agent's own for a moment would starve its threads, and a function between fork and exec may
    lock up in a process with threads. One more exec costs a millisecond: paid where limits are asked for, or the agent has raised its own.

    Raises OSError: limits are asked for and there is no prlimit, the agent may not give so much, or as the program's own start would
    (not there, not executable).
    """
    asked = []
    if open_files is not None:
        _raise_own_ceiling(resource.RLIMIT_NOFILE, open_files)
        asked.append(f"--nofile={open_files}:{open_files}")
    if processes is not None:
        asked.append(f"--nproc={processes}:{processes}")
    usual = for_children() if open_files is None else "-"
    if not asked and usual == "-":
        return []
    found = shutil.which(_LAUNCHER)  # by its whole path: what it runs has a PATH of its own
    if found is None:
        if asked:
            raise OSError(errno.ENOENT, "limits need prlimit of util-linux, which is not on the agent's PATH", _LAUNCHER)
        return []
    check_program(program, directory=directory, environment=environment)
    return [found, *asked, *([] if usual == "-" else [f"--nofile={usual}"]), "--"]


def _raise_own_ceiling(kind: int, wanted: int) -> None:
    """A program cannot be given more than the agent may have; its own soft limit stays. Raises OSError when not permitted."""
    soft, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(kind, (soft, wanted))
        except ValueError as error:
            raise PermissionError(errno.EPERM, f"this agent may not raise a limit from {hard} to {wanted}") from error


def check_program(program: str, *, directory: str, environment: Mapping[str, str]) -> None:
    """Raises OSError: the launcher would say it only once it runs."""
    at = os.path.join(directory, program) if "/" in program else program
    if shutil.which(at, path=environment.get("PATH")) is None:
        code = errno.EACCES if "/" in program and os.path.exists(at) else errno.ENOENT
        raise OSError(code, os.strerror(code), program)


def name_of(pid: int) -> str:
    """What a process runs, also one that has ended and is not collected yet (proc(5), comm)."""
    with suppress(OSError), open(f"/proc/{pid}/comm") as file:
        return file.read().rstrip("\n")
    return ""


def in_vain(name: str, status: int | None) -> bool:
    """Whether what has ended under this name was still the launcher: it could not become the program, which tells nothing of that one."""
    return name == _LAUNCHER and status in _CANNOT
