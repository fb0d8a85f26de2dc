"""Doing something inside a running machine as its root, from the lab's own space: one program, or one file."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

from lab.machines.rootfs import PATH

OUTPUT_BYTES_MAX = 262144
_START_S = 10.0
_ORDERS_MAX = 10
_ENVIRONMENT = {"PATH": PATH, "LANG": "C.UTF-8"}
_ALL = ("--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd=/")


def run(init: int, argv: list[str], *, timeout_s: float, typed: str = "") -> dict[str, Any]:
    """Run a program to its end in the machine whose init has this process id. Raises TimeoutError; the program is killed then.

    typed: what it finds on its standard input.
    {"code", "out"}: both streams together, the last OUTPUT_BYTES_MAX bytes. It belongs to no unit of the machine.
    """
    command = ["nsenter", f"--target={init}", *_ALL, "--", *argv]
    try:
        done = subprocess.run(
            command,
            env=_ENVIRONMENT,
            input=typed.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{argv[0]} did not end within {timeout_s:g} s") from error
    return {"code": done.returncode, "out": done.stdout[-OUTPUT_BYTES_MAX:].decode(errors="replace")}


def start(init: int, argv: list[str]) -> None:
    """Start a program that goes on by itself, a child of the machine's init, until it is killed or the machine goes down."""
    command = ["nsenter", f"--target={init}", *_ALL, "--", "setsid", "--fork", *argv]
    silent = subprocess.DEVNULL
    subprocess.run(command, env=_ENVIRONMENT, stdin=silent, stdout=silent, stderr=silent, timeout=_START_S, check=True)


def read(init: int, path: str) -> str:
    """A file's end, as the machine sees it; links are followed inside the machine. Raises LookupError."""
    if not path.startswith("/"):
        raise ValueError(f"{path} is no absolute path")
    done = run(init, ["tail", "-c", str(OUTPUT_BYTES_MAX), "--", path], timeout_s=10)
    if done["code"] != 0:
        raise LookupError(str(done["out"]).strip())
    return str(done["out"])


def write(init: int, path: str, text: str) -> None:
    """Write a file anew, as root. Raises ValueError with tee's words."""
    if not path.startswith("/"):
        raise ValueError(f"{path} is no absolute path")
    done = run(init, ["tee", "--", path], timeout_s=10, typed=text)
    if done["code"] != 0:
        raise ValueError(str(done["out"]).strip())


def be_last(pid: int) -> int:
    """Put a process last for the processor, and on one core alone; the core. It gets what all others leave (sched(7), SCHED_IDLE).

    Threads that it starts later are as it is. Where sessions are weighed against each other (sched(7), autogroup) its
    session is made the lightest too. The class stays with the process: only real root may take it back.
    """
    core = min(os.sched_getaffinity(pid))
    for task in sorted(int(name) for name in os.listdir(f"/proc/{pid}/task")):
        os.sched_setaffinity(task, {core})
        os.sched_setscheduler(task, os.SCHED_IDLE, os.sched_param(0))
    weigh_session(pid, 19)
    return core


def weigh_session(pid: int, nice: int) -> None:
    """Nothing where the kernel does not group by session. It takes one such order each tenth of a second (EAGAIN otherwise)."""
    group = Path(f"/proc/{pid}/autogroup")
    for attempts_left in range(_ORDERS_MAX - 1, -1, -1):
        if not group.exists():
            return
        try:
            group.write_text(str(nice))
            return
        except BlockingIOError:
            if not attempts_left:
                raise
            time.sleep(0.11)
