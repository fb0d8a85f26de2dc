"""Where a machine begins: process 1 in fresh namespaces builds its root, enters it and becomes the init."""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path

from lab.machines import init, rootfs

BOOT_BYTES_MAX = 131072


def main() -> None:
    """argv: the descriptor of the socket to the hypervisor, and an empty folder to mount the root on."""
    hypervisor = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(hypervisor.fileno(), False)
    hypervisor.send(b'{"hello": 1}')
    boot = json.loads(hypervisor.recv(BOOT_BYTES_MAX))
    new = Path(sys.argv[2])
    socket.sethostname(boot["hostname"])
    rootfs.build(new, boot)
    rootfs.enter(new)
    os.environ.clear()
    os.environ["PATH"] = rootfs.PATH
    init.Init(hypervisor, boot).run()
