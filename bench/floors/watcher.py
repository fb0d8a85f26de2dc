"""Floor: the least that restarts a program when it ends. A pidfd for each, one epoll, the same spawn call as the agent's.

python watcher.py COMMANDS.json   a list of argument lists, each kept running
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path


def main() -> None:
    commands: list[list[str]] = json.loads(Path(sys.argv[1]).read_text())
    events = select.epoll()
    running: dict[int, tuple[list[str], subprocess.Popen[bytes]]] = {}

    def start(command: list[str]) -> None:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        pidfd = os.pidfd_open(process.pid)
        running[pidfd] = command, process
        events.register(pidfd, select.EPOLLIN)

    for command in commands:
        start(command)
    while True:
        for pidfd, _ in events.poll():
            command, process = running.pop(pidfd)
            events.unregister(pidfd)
            os.close(pidfd)
            process.wait()
            start(command)


main()
