"""The agent as a process that manages a real program, as on a node without systemd: how its program is, and what is left of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.control_socket import call
from core.model import Application
from tests.agent.test_agent_end_to_end import Cloud, agent, eventually, get, refused
from tests.agent.worlds import deployable_of, permit


class Node:
    """`port` is where the program answers its users."""

    def __init__(self, cloud: Cloud, application: Application, folder: Path, port: int) -> None:
        self.cloud, self.folder, self.port, self.name = cloud, folder, port, application.name
        self.deployable = deployable_of(application)

    def status(self) -> dict[str, Any]:
        http = self.deployable.assembly("counter").http_port
        status: dict[str, Any] = json.loads(get(http, "/v1/status")[1])["applications"][self.name]
        return status

    def well(self, *, restarts: int) -> int:
        """Wait until it is healthy after so many restarts; its leader's pid."""

        def look() -> int | None:
            status = self.status()
            return status["pid"] if status["verdict"] == "healthy" and status["restarts"] == restarts else None

        pid: int = eventually(f"{self.name} healthy after {restarts} restarts", look)
        return pid

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> int:
        """Its leader; healthy again, its new one's pid."""
        status = self.status()
        os.kill(status["pid"], signal.SIGKILL)
        after = self.well(restarts=status["restarts"] + 1)
        assert after != status["pid"]
        return after

    def hang(self, members: Callable[[], list[int]]) -> int:
        """All of it; healthy again, its new leader's pid: not one of those that hung is left."""
        restarts, hung = self.status()["restarts"], members()
        assert hung
        for pid in hung:
            os.kill(pid, signal.SIGSTOP)
        after = self.well(restarts=restarts + 1)
        left = {pid for pid in hung if is_alive(pid)}
        assert not left, "the whole group went before the next was started"
        return after

    def take_offline(self) -> None:
        """As the script `offline` asks for it: afterwards the port is free."""
        answer = call(str(self.folder / "run" / "agent.sock"), {"do": "offline", "application": self.name, "timeout_s": 25.0}, 30.0)
        assert answer.get("ok") is True, answer
        assert refused(self.port)


@contextlib.contextmanager
def node(cloud: Cloud, application: Application, folder: Path, *, port: int) -> Iterator[Node]:
    """Permitted to run; its program is well when this begins."""
    cloud.write_permit(permit())
    made = Node(cloud, application, folder, port)
    try:
        with agent(cloud, made.deployable, folder):
            eventually(f"{application.name} healthy", lambda: made.status()["verdict"] == "healthy")
            yield made
    finally:
        for pid in with_word(str(folder)):  # of a test that failed
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpgid(pid), signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def with_word(word: str) -> list[int]:
    """Who has it in its command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if word.encode() in path.read_bytes() and is_alive(int(path.parent.name)):
                found.append(int(path.parent.name))
    return found


def needed(program: str, package: str) -> str:
    """Its path; skips where it is not installed."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed (Debian package {package})")
    return found


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """One that programs of other users may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="understudy-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def nginx_settings(folder: Path, port: int) -> Path:
    """A configuration with two workers and nothing outside the folder."""
    places = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(f"""\
{user}worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
{places}  server {{
    listen 127.0.0.1:{port};
    location / {{ return 200 "well\\n"; }}
    location /status {{ stub_status on; }}
  }}
}}
""")
    return path
