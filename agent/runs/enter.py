"""A program of its own, run in front of an action that leaves a daemon behind: python enter.py FOLDER FILES PROGRAM ARGUMENT...

From its first instruction the action is in the application's cgroup (FOLDER, `-`: none), without the agent's protection from being
killed for memory, and with a limit of open files (FILES, soft:hard, `-`: the agent's). Put there from outside, once it runs, it may have
left a daemon already that nobody knows: one that leaves its session and writes over its environment, as nginx does.
"""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

CANNOT = 126  # as a shell's, for what is there and cannot be run
TRIES = 5
OURS = "understudy"  # agent.runs.cgroups.OURS: this program imports nothing of the agent
OWN_SCORE = "/proc/self/oom_score_adj"


def main(folder: str, files: str, *command: str) -> int:
    """What cannot be had is done without: an application that runs is better than none. Does not return when the program begins."""
    if folder != "-":
        for _ in range(TRIES):
            # Another agent that begins removes the folders that are empty, as this one is until now: it is made again.
            with suppress(OSError):
                if OURS in folder.split(os.sep):
                    os.makedirs(folder, exist_ok=True)
            if _write(os.path.join(folder, "cgroup.procs"), "0"):
                break
    if _read(OWN_SCORE).startswith("-"):
        _write(OWN_SCORE, "0")
    try:
        if files != "-":
            soft, hard = (int(number) for number in files.split(":"))
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        os.execv(command[0], command)  # noqa: S606  # what is meant: this very program, by no shell
    except (OSError, ValueError) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        return CANNOT


def _write(path: str, text: str) -> bool:
    """Whether it could be done. Not a word when not: what an action says is told to people as the reason for its end."""
    with suppress(OSError):
        with open(path, "w") as file:
            file.write(text)
        return True
    return False


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
