"""A program started as its application asks: whom it runs as, where, with what, and how much of it."""

from __future__ import annotations

import errno
import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from typing import TypedDict

from agent.runs import files
from agent.runs.cgroups import MEMORY, PROCESSES
from agent.runs.state import MARK
from core.application import Application

UMASK = 0o022  # systemd's default, whatever the agent's own is
OWN_SCORE = "/proc/self/oom_score_adj"


def spawn(application: Application, *, environment: Mapping[str, str], mark: str, output: int | None) -> subprocess.Popen[bytes]:
    """In a session of its own. Raises OSError: no such program, user or directory, or not permitted."""
    program = application.run.exec
    assert program is not None, f"{application.name} runs by {application.run.kind}"
    who = account(application.user)
    told = {**home_of(who), **environment, MARK: mark}
    argv = [*launcher(application, told), *program]
    popen = subprocess.Popen(
        argv,
        env=told,
        cwd=application.directory or "/",
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        umask=UMASK,
        **identity_of(who),
    )
    # The kernel goes on with us first, on the processor that it has given to the program; what we do next can wait, the program cannot.
    os.sched_yield()
    return popen


def account(user: str | None) -> pwd.struct_passwd | None:
    """Whom to become; None: nobody else than the agent itself. Raises OSError when there is no such user."""
    if user is None:
        return None
    try:
        found = pwd.getpwnam(user)
    except KeyError as error:
        raise OSError(errno.ENOENT, "there is no such user", user) from error
    return None if found.pw_uid == os.geteuid() and found.pw_gid == os.getegid() else found


class Identity(TypedDict, total=False):
    """Of subprocess.Popen's arguments, those that say whom a program runs as."""

    user: int
    group: int
    extra_groups: list[int]


def identity_of(who: pwd.struct_passwd | None) -> Identity:
    """None: the agent's own, supplementary groups included."""
    return {} if who is None else {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": os.getgrouplist(who.pw_name, who.pw_gid)}


def home_of(who: pwd.struct_passwd | None) -> dict[str, str]:
    """What login(1) would tell a program of its user."""
    return {} if who is None else {"HOME": who.pw_dir, "USER": who.pw_name, "LOGNAME": who.pw_name, "SHELL": who.pw_shell or "/bin/sh"}


def launcher(application: Application, environment: Mapping[str, str]) -> list[str]:
    """What sets its limits, before the program. Raises OSError as files.launcher does."""
    assert application.run.exec is not None
    limits = application.limits
    return files.launcher(
        application.run.exec[0],
        directory=application.directory or "/",
        environment=environment,
        open_files=limits.open_files,
        processes=limits.processes if application.user is not None else None,  # of root there is no such limit (setrlimit(2))
    )


def unenforced(application: Application, refused: Sequence[str]) -> tuple[str, ...]:
    """What of its limits does not hold; `refused`: files of its cgroup that could not be written, all of them without one."""
    limits = application.limits
    said = []
    if limits.memory_bytes is not None and MEMORY in refused:
        said.append("limits.memory is not enforced here: the application has no cgroup with a memory controller")
    if limits.processes is not None and PROCESSES in refused:
        if application.user is None:
            said.append("limits.processes is not enforced here: it needs a cgroup with a pids controller, or a user of its own")
        else:
            said.append(f"limits.processes counts all that user {application.user} runs: there is no cgroup with a pids controller")
    return tuple(said)


def protected_from_oom() -> bool:
    """Whether the agent is less likely than others to be killed when memory runs out; its applications must not inherit that."""
    try:
        with open(OWN_SCORE) as file:
            return int(file.read()) < 0
    except (OSError, ValueError):
        return False


def unprotect(pid: int) -> None:
    """Raises OSError: gone, or not permitted."""
    with open(f"/proc/{pid}/oom_score_adj", "w") as file:
        file.write("0")
