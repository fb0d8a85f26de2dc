"""The node's HA port under what a broken or hostile client does to it, as a process of its own."""

from __future__ import annotations

import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IDLE = 5000
DESCRIPTORS = IDLE + 1000
GROWTH_KIB_MAX = 16 * 1024  # 1,100 connections take 5 MiB; 5,000 kept would take 25
SLOW = 500
SLOW_KIB_MAX = 32 * 1024  # so many with a full buffer of agent.connection.WRITE_BUFFER_BYTES and one answer over it
HALF_OPEN = 1500  # more than there is room for
ANSWER_S_MAX = 2.0  # a probe's own timeout where the settings say nothing else: later is no answer
SERVER = """
import asyncio
from agent.ha_port import ha_server
from core.node.ha_port import Told, View
from core.model import Verdict

async def main():
    view = View(subject=Told(Verdict.HEALTHY), applications={}, status={"long": "x" * 2000})
    server = ha_server(lambda: view, "test")
    await server.open(["127.0.0.1"], 0)
    print(server.port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough of them here and in the server, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < DESCRIPTORS:
        pytest.skip(f"a process may have {hard} descriptors here, {DESCRIPTORS} are needed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, DESCRIPTORS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def server(descriptors: None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def port_of(server: subprocess.Popen[str]) -> int:
    assert server.stdout is not None
    return int(server.stdout.readline())


def memory_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def ping(connection: socket.socket) -> bytes:
    """Raises TimeoutError: not within ANSWER_S_MAX."""
    connection.settimeout(ANSWER_S_MAX)
    connection.sendall(b"ping\r\n")
    return connection.recv(100)


def ask_for_more_than_is_read(connection: socket.socket) -> None:
    """Until nothing more goes out: the server has stopped to read, for its answers are not taken."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # what waits on this side is not the server's
    connection.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            connection.send(b"status\r\n" * 1000)


def say_half_and_be_gone(connection: socket.socket) -> None:
    """Its last word is half a line, and no end is ever told, as when a cable is pulled: the descriptor stays open."""
    connection.sendall(b"pin")


def test_five_thousand_idle_connections_neither_silence_ping_nor_take_the_memory(server: subprocess.Popen[str]) -> None:
    port = port_of(server)
    before_kib = memory_kib(server.pid)
    with ExitStack() as held:
        for number in range(IDLE):
            held.enter_context(connect(port))
            if number % 500 == 0:
                with connect(port) as newcomer:
                    assert ping(newcomer) == b"OK\r\n"
        with connect(port) as prober:
            for _ in range(100):
                assert ping(prober) == b"OK\r\n"
        assert memory_kib(server.pid) - before_kib < GROWTH_KIB_MAX


def test_readers_who_take_nothing_neither_silence_ping_nor_take_the_memory(server: subprocess.Popen[str]) -> None:
    port = port_of(server)
    before_kib = memory_kib(server.pid)
    with ExitStack() as held, connect(port) as prober:
        for number in range(SLOW):
            ask_for_more_than_is_read(held.enter_context(connect(port)))
            if number % 10 == 0:
                assert ping(prober) == b"OK\r\n"
                assert memory_kib(server.pid) - before_kib < SLOW_KIB_MAX


def test_half_open_connections_neither_silence_ping_nor_take_the_memory(server: subprocess.Popen[str]) -> None:
    port = port_of(server)
    before_kib = memory_kib(server.pid)
    with ExitStack() as held:
        for number in range(HALF_OPEN):
            say_half_and_be_gone(held.enter_context(connect(port)))
            if number % 100 == 0:
                with connect(port) as newcomer:
                    assert ping(newcomer) == b"OK\r\n"
        assert memory_kib(server.pid) - before_kib < GROWTH_KIB_MAX


def test_a_thousand_who_stay_are_all_served_and_none_is_turned_out(server: subprocess.Popen[str]) -> None:
    port = port_of(server)
    with ExitStack() as held:
        staying = {connection.fileno(): connection for connection in (held.enter_context(connect(port)) for _ in range(1000))}
        with select.epoll() as events:
            for descriptor, connection in staying.items():
                events.register(descriptor, select.EPOLLIN)
                connection.sendall(b"ping\r\n")
            answered = 0
            while answered < 3 * len(staying):
                ready = events.poll(10)
                assert ready, f"nobody is answered any more, after {answered} answers"
                for descriptor, _ in ready:
                    assert staying[descriptor].recv(100) == b"OK\r\n"
                    answered += 1
                    staying[descriptor].sendall(b"ping\r\n")
