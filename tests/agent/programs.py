"""Small real programs for the tests of runs, and ways to wait for what they do."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from agent.runs import RunState, start
from agent.runs.proc import read_process
from core.application import Application, Run

PATIENCE_S = 30.0  # a machine under load is slow; what is asserted is behaviour, not speed
READY = "import sys, os; open(sys.argv[1] + '.new', 'w').write(str(os.getpid())); os.rename(sys.argv[1] + '.new', sys.argv[1]); "
SLEEP = READY + "__import__('time').sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
PARENT = (
    "import os, subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]], start_new_session={own})\n"
    "while {stays} or not os.path.exists(sys.argv[1]): time.sleep(0.01)"
)

Found = TypeVar("Found")


async def eventually(look: Callable[[], Found], what: str = "") -> Found:
    """Wait until it is true; what it was then. Raises TimeoutError after PATIENCE_S."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := look()):
                await asyncio.sleep(0.01)
            return found
    except TimeoutError as error:
        raise TimeoutError(f"not within {PATIENCE_S:g} s: {what or look}") from error


def new_mark(application: str = "web", run: int = 1) -> str:
    return f"i-test-{os.getpid()}-{secrets.token_hex(4)}/{application}/{run}"


def program(folder: Path, code: str, *arguments: str) -> Application:
    """Of Python; its first argument is where it writes its pid."""
    return Application(name="web", run=Run(exec=(sys.executable, "-c", code, str(folder / "pid"), *arguments)))


def started(
    application: Application,
    *,
    mark: str = "",
    environment: Mapping[str, str] = os.environ,
    changed: Callable[[], None] = lambda: None,
    **changes: object,
) -> RunState:
    told = {"PATH": environment["PATH"]} if environment is os.environ else environment
    return start(replace(application, **changes), environment=told, mark=mark or new_mark(), changed=changed)  # type: ignore[arg-type]


def is_running(pid: int) -> bool:
    process = read_process(pid)
    return process is not None and not process.is_dead


def written_pid(folder: Path) -> int:
    try:
        return int((folder / "pid").read_text())
    except FileNotFoundError:
        return 0
