"""The HA port on real sockets: what it answers, and whom it does not let hurt anybody."""

from __future__ import annotations

import asyncio
import errno
import json
import resource
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent import ha_log, serving
from agent.ha_log import HaLog
from agent.ha_port import EVICTED, IDLE_S, HaServer, ha_server
from agent.serving import SOCKET_BYTES, PortInUse
from core.model import Verdict
from core.node.ha_port import ERRORS_MAX, Told, View
from tests.agent.holders import converse, with_server

VIEW = View(subject=Told(Verdict.HEALTHY), applications={"web": Told(Verdict.HEALTHY)}, status={"phase": "running"})
Talk = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def server(view: View = VIEW, connections_max: int = 1100) -> Callable[[], HaServer]:
    return lambda: ha_server(lambda: view, "test", connections_max)


async def talk(port: int, source: str = "127.0.0.1") -> Talk:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))


async def ping(connection: Talk) -> bytes:
    connection[1].write(b"ping\n")
    return await connection[0].readline()


def leave(*connections: Talk) -> None:
    for _, writer in connections:
        writer.close()


def test_a_terminal_gets_its_answers_and_quit_closes() -> None:
    async def story(port: int) -> None:
        assert await converse(port, b"\xff\xfb\x18PING\r\nping web\r\nquit\r\n") == b"OK\r\nOK\r\n"

    with_server(server(), story)


def test_what_the_view_says_now_is_answered_and_not_what_it_said_before() -> None:
    views = [VIEW]

    async def story(port: int) -> None:
        connection = await talk(port)
        assert await ping(connection) == b"OK\r\n"
        views[0] = View(subject=Told(Verdict.FAILING, "died"), applications={}, status={})
        assert await ping(connection) == b"FAILED died\r\n"
        leave(connection)

    with_server(lambda: ha_server(lambda: views[0], "test"), story)


def test_a_ping_in_two_pieces_is_one_ping() -> None:
    async def story(port: int) -> None:
        reader, writer = await talk(port)
        writer.write(b"web\nping ")
        assert await reader.readline() == b"ERROR not understood; try help\r\n"
        writer.write(b"web\r\nping\n")
        assert [await reader.readline(), await reader.readline()] == [b"OK\r\n", b"OK\r\n"]
        writer.close()

    with_server(server(), story)


def test_a_thousand_pings_at_once_get_a_thousand_answers() -> None:
    async def story(port: int) -> None:
        assert await converse(port, b"ping\n" * 1000 + b"quit\n") == b"OK\r\n" * 1000

    with_server(server(), story)


def test_garbage_is_refused_and_cut_off_and_the_next_client_is_served() -> None:
    async def story(port: int) -> None:
        assert (await converse(port, b"x" * 1000)).startswith(b"ERROR line longer than 256 bytes")
        assert (await converse(port, b"\x00\n" * ERRORS_MAX)).count(b"ERROR not understood") == ERRORS_MAX
        assert await converse(port, b"ping\nexit\n") == b"OK\r\n"

    with_server(server(), story)


def test_a_newcomer_is_let_in_and_the_longest_silent_makes_room() -> None:
    async def story(port: int) -> None:
        held = [await talk(port) for _ in range(4)]
        for connection in held:
            assert await ping(connection) == b"OK\r\n"
        assert await ping(held[0]) == b"OK\r\n"  # now the second has been silent longest
        newcomer = await talk(port)
        assert await ping(newcomer) == b"OK\r\n"
        assert await held[1][0].read() == EVICTED
        for connection in (held[0], held[2], held[3], newcomer):
            assert await ping(connection) == b"OK\r\n"
        leave(newcomer, *held)

    with_server(server(connections_max=4), story)


def test_whoever_parks_connections_crowds_out_his_own_and_not_another_address() -> None:
    async def story(port: int) -> None:
        prober = await talk(port, "127.0.0.2")
        assert await ping(prober) == b"OK\r\n"
        parked = []
        for _ in range(20):
            parked.append(await talk(port, "127.0.0.3"))
            assert await ping(parked[-1]) == b"OK\r\n"
        assert await ping(prober) == b"OK\r\n"
        leave(prober, *parked)

    with_server(server(connections_max=4), story)


def test_as_many_connections_as_wanted_may_be_parked_and_ping_goes_on() -> None:
    async def story(port: int) -> None:
        parked = [await talk(port) for _ in range(300)]
        assert await ping(await talk(port)) == b"OK\r\n"
        assert len([1 for reader, _ in parked if not reader.at_eof()]) <= 300
        leave(*parked)

    with_server(server(connections_max=50), story)


def test_an_idle_connection_is_closed_and_one_that_only_drips_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.ha_port.IDLE_S", 0.1)

    async def story(port: int) -> None:
        silent, dripping = await talk(port), await talk(port)
        while not dripping[0].at_eof() and dripping[0].exception() is None:  # a byte that crosses the close is answered by a reset
            dripping[1].write(b"p")
            await asyncio.sleep(0.01)
        assert await silent[0].read() == b""
        leave(silent, dripping)

    with_server(server(), story)


def test_a_person_at_a_terminal_may_think_for_a_minute_and_nobody_for_five() -> None:
    assert 60 <= IDLE_S <= 300


def test_a_reader_too_slow_is_dropped_and_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.connection.WRITE_TIMEOUT_S", 0.2)
    large = View(subject=Told(Verdict.HEALTHY), applications={}, status={"filler": "x" * 3_000_000})

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"status\n" * 500)
        assert await converse(port, b"ping\nexit\n") == b"OK\r\n"
        await asyncio.sleep(0.5)  # longer than it is waited for: it is dropped while it does not read
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1_500_000_000)
        writer.close()

    with_server(server(large), story)


def test_a_reader_who_takes_his_time_gets_every_answer_in_the_end() -> None:
    large = View(subject=Told(Verdict.HEALTHY), applications={}, status={"filler": "x" * 500_000})

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        writer.write(b"status\n" * 20 + b"ping\nquit\n")
        answers = []
        while line := await reader.readline():
            answers.append(line)
            await asyncio.sleep(0.005)
        assert len(answers) == 21
        assert answers[-1] == b"OK\r\n"
        writer.close()

    with_server(server(large), story)


def test_a_connection_reset_before_its_answer_hurts_nobody() -> None:
    async def story(port: int) -> None:
        for _ in range(50):
            raw = socket.create_connection(("127.0.0.1", port))
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            raw.send(b"status\nping\n")
            raw.close()
        assert await converse(port, b"ping\nexit\n") == b"OK\r\n"

    with_server(server(), story)


def test_who_left_amid_his_answers_is_answered_no_more() -> None:
    """asyncio warns at each write to a connection that is lost, in a text of its own: a flood of them would fill the journal."""

    class Lost(asyncio.Transport):
        writes = 0

        def write(self, data: bytes | bytearray | memoryview) -> None:
            self.writes += 1

        def is_closing(self) -> bool:
            return self.writes > 0

    async def run() -> None:
        lost, long = Lost(), replace(VIEW, status={"text": "x" * 4000})
        for asked in (b"status\n" * 500, b"status\n" * 500 + b"quit\n", b"nonsense\n" * 400):
            connection = server(long)()._kind(server(long)())
            connection.transport, lost.writes = lost, 0
            connection.received(asked)
            assert lost.writes == 1

    asyncio.run(run())


def test_a_connection_takes_no_more_of_the_kernels_memory_than_its_share() -> None:
    """Left to itself the kernel keeps megabytes for a reader who takes nothing, of what the whole machine has for TCP (tcp(7), tcp_mem)."""

    async def run() -> None:
        it = server()()
        await it.open(["127.0.0.1"], 0)
        connection = await talk(it.port)
        assert await ping(connection) == b"OK\r\n"
        (of_server,) = (one for connections in it._by_address.values() for one in connections)
        own = of_server.transport.get_extra_info("socket")
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            assert own.getsockopt(socket.SOL_SOCKET, buffer) <= 2 * SOCKET_BYTES, "the kernel doubles it for itself (socket(7))"
        leave(connection)
        await it.close()

    asyncio.run(run())


def test_without_a_free_descriptor_accept_pauses_and_the_newcomer_is_served_once_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STARVED_PAUSE_S", 0.05)
    tried: list[int] = []

    class Starved:
        """A listening socket whose accept fails three times as if no descriptor were left."""

        def __init__(self, real: socket.socket) -> None:
            self.real = real

        def accept(self) -> Any:
            tried.append(1)
            if len(tried) <= 3:
                raise OSError(errno.EMFILE, "Too many open files")
            return self.real.accept()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

    create = socket.create_server
    monkeypatch.setattr(socket, "create_server", lambda *a, **k: Starved(create(*a, **k)))

    async def story(port: int) -> None:
        assert await converse(port, b"ping\nexit\n") == b"OK\r\n"
        assert len(tried) < 10  # three pauses, not a spin

    with_server(server(), story)


def test_a_port_keeps_half_of_the_descriptors_for_everything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 4096))

    async def story() -> None:
        assert ha_server(lambda: VIEW, "test").connections_max == (1024 - serving.DESCRIPTORS_KEPT) // 2

    asyncio.run(story())


def test_a_port_in_use_is_named() -> None:
    async def story(port: int) -> None:
        with pytest.raises(PortInUse, match=f"second: cannot listen on 127.0.0.1 port {port}"):
            await ha_server(lambda: VIEW, "second").open(["127.0.0.1"], port)

    with_server(server(), story)


def test_after_close_nothing_is_left_open() -> None:
    async def story() -> None:
        it = ha_server(lambda: VIEW, "test")
        await it.open(["127.0.0.1"], 0)
        connections = [await talk(it.port) for _ in range(5)]
        while it.connections < 5:
            await asyncio.sleep(0)
        await it.close()
        assert it.connections == 0
        for reader, writer in connections:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()

    asyncio.run(story())


# --- its log -------------------------------------------------------------------------------------------------


def logged(tmp_path: Path, story: Callable[[int], Awaitable[None]], until: Callable[[str], bool], view: Callable[[], View]) -> str:
    async def run() -> str:
        it = ha_server(view, "test")
        await it.open(["127.0.0.1"], 0)
        writing = asyncio.create_task(HaLog(str(tmp_path / "logs"), "web", it).run())
        try:
            async with asyncio.timeout(30):
                await story(it.port)
                path = tmp_path / "logs" / "web.log"
                while not (path.exists() and until(path.read_text())):
                    await asyncio.sleep(0.02)
                return path.read_text()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await it.close()

    return asyncio.run(run())


def test_the_log_tells_verdicts_refusals_and_statistics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_log, "LOOK_S", 0.02)
    views = [VIEW]

    async def story(port: int) -> None:
        assert await converse(port, b"ping\npong\nquit\n") == b"OK\r\nERROR not understood; try help\r\n"
        views[0] = View(subject=Told(Verdict.FAILING, "memory 95% of 1 GiB"), applications={}, status={})

    text = logged(tmp_path, story, lambda text: "memory 95%" in text and "pong" in text, lambda: views[0])
    assert " threshold healthy\n" in text
    assert " threshold failing: memory 95% of 1 GiB\n" in text
    assert " debug refused: pong\n" in text
    numbers = next(line.split(" statistics ")[1] for line in text.splitlines() if " statistics " in line)
    assert json.loads(numbers)["status"] == {"phase": "running"}


def test_the_log_is_bounded_in_bytes_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_log, "FILE_BYTES_MAX", 500)

    async def write() -> None:
        log = HaLog(str(tmp_path), "web", ha_server(lambda: VIEW, "test"))
        for n in range(200):
            assert log._write([f"{n:050d}\n"], 0)

    asyncio.run(write())
    files = sorted(tmp_path.iterdir())
    assert len(files) <= 1 + ha_log.FILES_KEPT
    assert all(path.stat().st_size <= 600 for path in files)
    assert any(f"{198:050d}\n" in path.read_text() for path in files)


def test_a_folder_that_cannot_be_written_costs_lines_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_log, "LOOK_S", 0.02)
    (tmp_path / "logs").write_text("a file stands in the way")
    write, in_vain = ha_log.HaLog._write, []

    def watched(log: ha_log.HaLog, lines: list[str], lost: int) -> bool:
        written = write(log, lines, lost)
        if not written:
            in_vain.append(len(lines))
        return written

    monkeypatch.setattr(ha_log.HaLog, "_write", watched)

    async def story(port: int) -> None:
        assert (await converse(port, b"pong\nping\nquit\n")).endswith(b"OK\r\n")
        while not in_vain:
            await asyncio.sleep(0.01)
        (tmp_path / "logs").unlink()
        # What was lost is told with the next line that can be written.
        assert (await converse(port, b"pong\nping\nquit\n")).endswith(b"OK\r\n")

    assert "lines lost" in logged(tmp_path, story, lambda text: "lines lost" in text, lambda: VIEW)
