"""A machine with a systemd of its own: this one's /usr booted by systemd-nspawn(1), with its own /etc and /var in memory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AGENT_FOLDER = "/opt/understudy/current/agent"
BOOT_S, COMMAND_S = 90.0, 60.0
TARGET = "test.target"  # not the default one: this machine's own services have no business in the container
_NEEDED = {
    "systemd-nspawn": "systemd-container",
    "/lib/systemd/systemd": "systemd",
    "nsenter": "util-linux",
    "/usr/bin/python3": "python3",
}
_ACCOUNTS = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "machine-id": f"{os.urandom(16).hex()}\n",  # without it this would be a first boot, and every service there is enabled
}


class Machine:
    """A booted container that shares the network of the host. What it writes is gone with it, but for what is in its /out (`out` here)."""

    def __init__(self, folder: Path, vendor: Path) -> None:
        """folder: for its console and the files of its /etc; vendor: what the agent imports besides its own. Skips where it cannot be."""
        for program, package in _NEEDED.items():
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed (Debian package {package})")
        if os.geteuid() != 0:
            pytest.skip("booting a container needs root")
        binds = [(ROOT / "agent", f"{AGENT_FOLDER}/agent"), (ROOT / "core", f"{AGENT_FOLDER}/core"), (vendor, f"{AGENT_FOLDER}/vendor")]
        for name, text in {**_ACCOUNTS, TARGET: "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n"}.items():
            (folder / name).write_text(text)
            binds.append((folder / name, f"/etc/systemd/system/{name}" if name == TARGET else f"/etc/{name}"))
        if Path("/etc/alternatives").is_dir():
            binds.append((Path("/etc/alternatives"), "/etc/alternatives"))
        binds += [(conf, str(conf)) for conf in Path("/etc").glob("java-*")]
        self.out = folder / "out"
        self.out.mkdir()
        self.out.chmod(0o777)
        command = [
            "systemd-nspawn",
            "--boot",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--volatile=yes",
            "--console=pipe",
            "--directory=/",
        ]
        command += [f"--machine=understudy-{os.getpid()}", f"--bind={self.out}:/out"]
        command += [f"--bind-ro={here}:{there}" for here, there in binds]
        command += ["--", f"--unit={TARGET}", "systemd.firstboot=no", "systemd.mask=dbus.socket", "systemd.mask=dbus.service"]
        self._console = folder / "console"
        with self._console.open("wb") as console:
            environment = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
            self._nspawn = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        self.leader = 0

    def boot(self) -> None:
        """Wait until systemd says that it has come up; skips where containers cannot be booted."""
        until_s = time.monotonic() + BOOT_S
        while time.monotonic() < until_s:
            if self._nspawn.poll() is not None:
                pytest.skip(f"no container can be booted here: {self.console()[-500:]}")
            children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
            if children:
                self.leader = int(children[0])
                if self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded"):
                    return
            time.sleep(0.2)
        raise AssertionError(f"not booted within {BOOT_S:g} s: {self.console()[-2000:]}")

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command inside; what it says."""
        whole = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--pid", "--cgroup", *command]
        done = subprocess.run(whole, capture_output=True, text=True, timeout=COMMAND_S, check=False)
        assert done.returncode == 0 or not check, f"{command}: {done.returncode}: {done.stdout} {done.stderr}"
        return done.stdout

    def signal(self, pid: int, name: str) -> None:
        """To a process by its number inside. The shell's own kill: it needs no package."""
        self.run("sh", "-c", f"kill -{name} {pid}")

    def show(self, unit: str, *properties: str) -> dict[str, str]:
        said = self.run("systemctl", "show", "--property", ",".join(properties), "--", unit)
        return dict(line.split("=", 1) for line in said.splitlines())

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", "--unit", unit)

    def members(self, unit: str) -> list[int]:
        """The processes of its cgroup, by their numbers inside."""
        folder = self.show(unit, "ControlGroup")["ControlGroup"]
        for mount in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            said = self.run("cat", f"{mount}{folder}/cgroup.procs", check=False)
            if folder and said:
                return [int(pid) for pid in said.split()]
        return []

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Into its own file system."""
        there = Path(f"/proc/{self.leader}/root{path}")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(text)
        there.chmod(mode)

    def read(self, path: str) -> str:
        return Path(f"/proc/{self.leader}/root{path}").read_text()

    def console(self) -> str:
        return self._console.read_text(errors="replace")

    def wait(self, timeout_s: float) -> int:
        """Until it has powered off."""
        return self._nspawn.wait(timeout_s)

    def close(self) -> None:
        if self._nspawn.poll() is None:
            # systemd-nspawn ends with its first process, and with that every other.
            if self.leader:
                os.kill(self.leader, signal.SIGKILL)
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._nspawn.pid, signal.SIGKILL)
                self._nspawn.wait()
        for name in ("payload", "supervisor"):
            for parent, _, _ in os.walk(f"/sys/fs/cgroup/unified/{name}", topdown=False):
                try:
                    os.rmdir(parent)
                except OSError:
                    break  # another container's
