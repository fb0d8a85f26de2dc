"""A real HAProxy asks the HA port by its agent-check, and follows what it is told."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.ha_port import HaServer, ha_server
from core.model import Verdict
from core.node.ha_port import Told, View
from tests.agent.worlds import free_port

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed: Debian package haproxy")

WELL = View(subject=Told(Verdict.HEALTHY), applications={}, status={})
CONFIGURATION = """
global
    stats socket {folder}/stats.sock mode 600 level admin
    log stderr local0 emerg
defaults
    mode tcp
    timeout connect 1s
    timeout client 5s
    timeout server 5s
backend ledger
    default-server check inter 50ms agent-check agent-addr 127.0.0.1 agent-port {ha} agent-inter 50ms agent-send "haproxy\\n"
    server only 127.0.0.1:{served} weight 100
frontend clients
    bind 127.0.0.1:{front}
    default_backend ledger
"""


class Balancer:
    """The real program, asked over its stats socket; port: our HA port, which it asks."""

    def __init__(self, path: Path, port: HaServer) -> None:
        self._path, self._port = path, port

    async def is_asked_again(self) -> None:
        """Wait for one more whole agent-check."""
        before = self._port.lines
        while self._port.lines < before + 2:
            await asyncio.sleep(0.01)

    async def ask(self, command: str) -> str:
        reader, writer = await asyncio.open_unix_connection(str(self._path))
        writer.write(command.encode() + b"\n")
        said = (await reader.read()).decode()
        writer.close()
        return said

    async def server(self) -> dict[str, str]:
        names, *rows = (await self.ask("show stat ledger 4 -1")).lstrip("# ").splitlines()
        return dict(zip(names.split(","), rows[0].split(","), strict=False))

    async def sees(self, status: str, weight: int | None = None, word: str = "") -> None:
        """Wait until it does; the test's time limit bounds it."""
        while True:
            row = await self.server()
            fits = row["status"].startswith(status) and (weight is None or int(row["weight"]) == weight)
            if fits and word in row["last_agt"]:
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def balancing(folder: Path, port: HaServer) -> AsyncIterator[tuple[Balancer, int]]:
    """HAProxy in front of a server that answers `served`; and the port its clients use."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"served")
        writer.close()

    served = await asyncio.start_server(serve, "127.0.0.1", 0)
    front, path = free_port(), folder / "haproxy.cfg"
    path.write_text(CONFIGURATION.format(folder=folder, ha=port.port, served=served.sockets[0].getsockname()[1], front=front))
    assert HAPROXY is not None
    process = await asyncio.create_subprocess_exec(HAPROXY, "-db", "-f", str(path), stderr=asyncio.subprocess.DEVNULL)
    try:
        while not (folder / "stats.sock").exists():
            assert process.returncode is None, "haproxy does not start"
            await asyncio.sleep(0.01)
        yield Balancer(folder / "stats.sock", port), front
    finally:
        process.kill()
        await process.wait()
        served.close()


def with_haproxy(folder: Path, story: Callable[[Balancer, int, Callable[[View], None]], Awaitable[None]]) -> None:
    views = [WELL]

    async def run() -> None:
        port = ha_server(lambda: views[0], "test")
        await port.open(["127.0.0.1"], 0)
        try:
            async with asyncio.timeout(30), balancing(folder, port) as (balancer, front):
                await story(balancer, front, lambda view: views.__setitem__(0, view))
            assert port.errors == 0
        finally:
            await port.close()

    asyncio.run(run())


def client(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        try:
            return connection.recv(100)
        except ConnectionResetError:
            return b""


def test_up_busy_down_and_up_again(tmp_path: Path) -> None:
    async def story(balancer: Balancer, front: int, tell: Callable[[View], None]) -> None:
        await balancer.sees("UP", weight=100)
        assert await asyncio.to_thread(client, front) == b"served"
        tell(replace(WELL, subject=Told(Verdict.BUSY, "queue full")))
        await balancer.sees("UP", weight=50)
        assert await asyncio.to_thread(client, front) == b"served"
        tell(replace(WELL, subject=Told(Verdict.FAILING, "web: exited with status 1")))
        await balancer.sees("DOWN", word="exited with status 1")
        assert await asyncio.to_thread(client, front) == b""
        tell(WELL)
        await balancer.sees("UP", weight=100)
        assert await asyncio.to_thread(client, front) == b"served"

    with_haproxy(tmp_path, story)


def test_a_node_that_waits_is_stopped_and_gets_no_client(tmp_path: Path) -> None:
    async def story(balancer: Balancer, front: int, tell: Callable[[View], None]) -> None:
        tell(replace(WELL, serves=False))
        await balancer.sees("DOWN")
        assert await asyncio.to_thread(client, front) == b""

    with_haproxy(tmp_path, story)


@pytest.mark.parametrize("before", [Told(Verdict.HEALTHY), Told(Verdict.FAILING, "died")])
def test_what_we_cannot_tell_changes_nothing(tmp_path: Path, before: Told) -> None:
    status = "UP" if before.verdict is Verdict.HEALTHY else "DOWN"

    async def story(balancer: Balancer, front: int, tell: Callable[[View], None]) -> None:
        tell(replace(WELL, subject=before))
        await balancer.sees(status)
        tell(replace(WELL, subject=Told(Verdict.UNKNOWN, "adopted a moment ago")))
        for _ in range(5):
            await balancer.is_asked_again()
            assert (await balancer.server())["status"].startswith(status)

    with_haproxy(tmp_path, story)


def test_what_a_person_set_at_the_balancer_stays(tmp_path: Path) -> None:
    async def story(balancer: Balancer, front: int, tell: Callable[[View], None]) -> None:
        await balancer.sees("UP")
        await balancer.ask("set server ledger/only state maint")
        await balancer.sees("MAINT")
        tell(replace(WELL, subject=Told(Verdict.BUSY)))
        for _ in range(5):
            await balancer.is_asked_again()
            assert (await balancer.server())["status"] == "MAINT"

    with_haproxy(tmp_path, story)
