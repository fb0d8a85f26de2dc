"""One running machine seen from the hypervisor: its process, its console, its metadata service, its switch."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from lab.certificates import CA_FILE, CA_VARIABLE, certificate_of
from lab.machines import imds, processes
from lab.machines.disk import disk_of
from lab.machines.journals import JournalFile
from lab.world import AWS_ADDRESS, PORT, MachineSpec

CONSOLE_BYTES_MAX = 65536  # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
_USER_DATA_BYTES_MAX = 16384  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
_REPOSITORY = Path(__file__).resolve().parent.parent.parent
_CODE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from lab.machines.guest import main; main()"
_UNSHARE = ("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--")
_HELLO_S = 10.0
_DEATH_S = 10.0
_MESSAGE_BYTES = 4096
_CREDENTIALS = struct.Struct("iII")
_OLDEST_PYTHON = (3, 11)


class Machine:
    """Powered on when made; `on_off` is called once, from a thread of its own, when it is off."""

    def __init__(self, spec: MachineSpec, folder: Path, prefix: list[str], server: imds.Server, on_off: Callable[[Machine], None]) -> None:
        self.spec, self.server = spec, server
        self._lab_dir = folder.parent.parent
        self.metadata = server.metadata
        self.frozen, self.link_up = False, True
        self.off = threading.Event()
        self.user_data_code: int | None = None
        self._on_off = on_off
        self._console = bytearray()
        self._log = JournalFile(folder / "console.log")
        self._keepers: dict[int, str] = {}  # inner pid to unit
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        disk = disk_of(spec.instance_id)
        argv = [*prefix, *_UNSHARE, interpreter(), "-I", "-S", "-c", _CODE, str(_REPOSITORY), str(theirs.fileno()), str(disk)]
        with theirs:
            self._process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        threading.Thread(target=self._follow_console, name=f"console-{spec.instance_id}", daemon=True).start()
        self.init = self._hello(folder)
        server.serve()
        threading.Thread(target=self._listen, name=f"guest-{spec.instance_id}", daemon=True).start()

    def console(self) -> str:
        with self._lock:
            return bytes(self._console).decode(errors="replace")

    def shut_down(self, timeout_s: float) -> bool:
        """Press the power button and wait; whether it went off in time."""
        with contextlib.suppress(OSError):
            self._socket.send(b'{"do": "shutdown"}')
        return self.off.wait(timeout_s)

    def cut_power(self) -> None:
        """Every process dies now; returns when they are dead and the machine is off."""
        with contextlib.suppress(ProcessLookupError):
            if self.init is not None and not self.off.is_set():
                os.kill(self.init, signal.SIGKILL)
        self._process.kill()
        if not self.off.wait(_DEATH_S):
            raise TimeoutError(f"{self.spec.instance_id} is still not off {_DEATH_S:g} s after its power was cut")

    def freeze(self) -> None:
        """Raises TimeoutError when some process could not be stopped."""
        self.frozen = True
        if self.init is not None and not processes.freeze(self.init):
            raise TimeoutError(f"{self.spec.instance_id}: not every process stopped")

    def thaw(self) -> None:
        self.frozen = False
        if self.init is not None:
            processes.thaw(self.init)

    def processes(self) -> list[dict[str, Any]]:
        """The guest's programs; its init and the keepers of units are the lab's own and are left out."""
        if self.init is None:
            return []
        found = processes.of_machine(self.init)
        by_pid = {process.pid: process for process in found}
        with self._lock:
            keepers = dict(self._keepers)
        return [
            {"pid": p.pid, "argv": list(p.argv), "unit": processes.unit_of(p, by_pid, keepers)}
            for p in found
            if p.inner != 1 and p.inner not in keepers and p.state not in "ZX"
        ]

    def _hello(self, folder: Path) -> int | None:
        """The guest's first message tells us its process id here; ours tells it who it is. None: it died at once."""
        self._socket.settimeout(_HELLO_S)
        try:
            data, ancillary, _, _ = self._socket.recvmsg(_MESSAGE_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size))
            if not data:
                return None
            self._socket.send(json.dumps(self._boot(folder)).encode())
        except OSError:
            self._process.kill()
            return None
        finally:
            self._socket.settimeout(None)
        pids = [_CREDENTIALS.unpack(value)[0] for _, kind, value in ancillary if kind == socket.SCM_CREDENTIALS]
        return int(pids[0])

    def _boot(self, folder: Path) -> dict[str, Any]:
        spec = self.spec
        user_data = spec.user_data if len(spec.user_data) <= _USER_DATA_BYTES_MAX else b"(more than 16 KB)"
        prefix = Path(sys.base_prefix)
        source = (Path(__file__).parent / "systemctl.py").read_text()
        ca = certificate_of(self._lab_dir)
        return {
            "hostname": f"ip-{spec.private_ip.replace('.', '-')}",
            "address": spec.private_ip,
            # Each VPC's resolver: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
            "resolver": str(ipaddress.IPv4Network(spec.vpc_cidr)[2]),
            "logs": str(folder.resolve()),
            "disks": str(_disks(folder)),
            "files": str(_files(self._lab_dir)),
            "mount_efs": f"#!{interpreter()} -IS\n{(Path(__file__).parent / 'mount_efs.py').read_text()}",
            "disk_tools": (Path(__file__).parent / "disks.sh").read_text(),
            "environment": {"AWS_ENDPOINT_URL": f"http://{AWS_ADDRESS}:{PORT}", **({CA_VARIABLE: f"/etc/{CA_FILE}"} if ca else {})},
            "etc": {CA_FILE: ca} if ca else {},
            "user_data": user_data.hex(),
            "systemctl": f"#!{interpreter()} -IS\n{source}",
            "python3": None if host_python_will_do() else f'#!/bin/sh\nexec {interpreter()} "$@"\n',
            "also": [] if prefix.is_relative_to("/usr") else [str(prefix)],
        }

    def _follow_console(self) -> None:
        """Keep the console's tail until every writer is gone, then tell that the machine is off."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        while data := os.read(descriptor, CONSOLE_BYTES_MAX):
            with self._lock:
                self._console += data
                del self._console[:-CONSOLE_BYTES_MAX]
            self._log.write(data)
        self._process.wait()
        self._process.stdout.close()
        self._socket.close()
        try:
            self._on_off(self)
        finally:
            self.off.set()

    def _listen(self) -> None:
        """Hear from the init which processes are keepers of units, and how the user data ended."""
        while True:
            try:
                data = self._socket.recv(_MESSAGE_BYTES)
            except OSError:
                return
            if not data:
                return
            message = json.loads(data)
            if "keeper" in message:
                with self._lock:
                    self._keepers[int(message["pid"])] = str(message["keeper"])
            elif "user_data" in message:
                self.user_data_code = int(message["user_data"])


def interpreter() -> str:
    """The Python below the virtual environment: machines see that one, not our packages."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _disks(folder: Path) -> Path:
    """Of its volumes (lab.ec2.volumes.disks_of), beside its folder of logs."""
    disks = folder.resolve().parent.parent / "disks" / folder.name
    disks.mkdir(parents=True, exist_ok=True)
    return disks


def _files(lab_dir: Path) -> Path:
    """Of EFS's access points (lab.efs.targets.folder_of), which every machine can mount that is let in."""
    files = lab_dir.resolve() / "efs"
    files.mkdir(exist_ok=True)
    return files


@cache
def host_python_will_do() -> bool:
    """Whether the host's /usr/bin/python3 is new enough to be the machines' python3."""
    code = f"import sys; sys.exit(sys.version_info < {_OLDEST_PYTHON})"
    try:
        return subprocess.run(["/usr/bin/python3", "-I", "-S", "-c", code], timeout=20, capture_output=True).returncode == 0
    except OSError:
        return False
