"""Named network namespaces, by iproute2 and two system calls: make, enter from a thread, forget."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNET = 0x40000000  # linux/sched.h
_FOLDER = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)

Result = TypeVar("Result")


class NetworkError(Exception):
    """iproute2 refused; the text is what it said."""


def ip(lines: Sequence[str], *, namespace: str | None = None) -> None:
    """Run lines of `ip -batch`, in a named network namespace or in this one. Raises NetworkError."""
    where = ["-netns", namespace] if namespace else []
    argv = ["ip", *where, "-batch", "-"]
    done = subprocess.run(argv, input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=30)
    if done.returncode != 0:
        raise NetworkError(f"{done.stderr.strip()} (in {namespace or 'the lab'}: {'; '.join(lines)})")


def exists(name: str) -> bool:
    return (_FOLDER / name).exists()


def prefix(name: str) -> list[str]:
    """What to put before a command so that it runs in that network namespace."""
    return ["nsenter", f"--net={_FOLDER / name}", "--"]


def inside(name: str, act: Callable[[], Result]) -> Result:
    """Run `act` in a thread that has moved to a named network namespace (only that thread moves, and it ends)."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            descriptor = os.open(_FOLDER / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"cannot enter the network namespace {name}")
            finally:
                os.close(descriptor)
            results.append(act())
        except Exception as error:  # handed to the caller, in whose thread it belongs
            errors.append(error)

    thread = threading.Thread(target=run, name=f"in-{name}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def listener(name: str, address: str, port: int, *, hop_limit: int, backlog: int = 64) -> socket.socket:
    """A listening socket that belongs to a named network namespace; whoever holds it accepts there."""

    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit)
        made.bind((address, port))
        made.listen(backlog)
        return made

    return inside(name, make)
