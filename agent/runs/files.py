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


def launcher(program: str, *, directory: str, environment: Mapping[str, str]) -> list[str]:
    """What stands before a program that asks for nothing. Raises OSError as the program's own start would: not there, not executable."""
    usual = for_children()
    found = shutil.which(_LAUNCHER) if usual != "-" else None
    if found is None:
        return []
    check_program(program, directory=directory, environment=environment)
    return [found, f"--nofile={usual}", "--"]


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
