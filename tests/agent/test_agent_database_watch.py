"""The question that a node puts to its database: asked in doubt alone, of real sockets, and bounded."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agent import database_watch
from agent.cycle import Cycle
from agent.database import DatabaseFiles
from agent.database_watch import SSL_REQUEST, NoReply, Question, watch_database
from agent.log import Log
from core.database import Engine, Whereabouts
from core.node.database_outage import Heard
from tests.agent.worlds import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def database(serve: Serve) -> AsyncIterator[Whereabouts]:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    try:
        yield Whereabouts(host="localhost", port=server.sockets[0].getsockname()[1])
    finally:
        server.close()


def test_postgresql_is_asked_for_its_first_byte_before_anybody_logs_in() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readexactly(len(SSL_REQUEST)))
        writer.write(b"S")
        await writer.drain()

    async def play() -> None:
        async with database(serve) as at:
            await Question(Engine.POSTGRES, at).ask()

    asyncio.run(play())
    assert heard == [SSL_REQUEST]


def test_mysql_is_heard_out_and_told_nothing() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x4a\x00\x00\x00\x0a8.4.0\x00")
        await writer.drain()

    async def play() -> None:
        async with database(serve) as at:
            await Question(Engine.MYSQL, at).ask()

    asyncio.run(play())


def test_a_server_that_hangs_behind_an_open_port_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_watch, "ANSWER_S", 0.1)

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()  # until the asker has gone

    async def play() -> None:
        async with database(serve) as at:
            with pytest.raises(NoReply, match=r"no answer within 0\.1 s"):
                await Question(Engine.POSTGRES, at).ask()

    asyncio.run(play())


def test_a_closed_port_a_closed_connection_and_an_unknown_name_say_which() -> None:
    async def serve(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        return

    async def play() -> None:
        with pytest.raises(NoReply, match=r"Connect call failed|refused"):
            await Question(Engine.POSTGRES, Whereabouts(host="localhost", port=free_port())).ask()
        async with database(serve) as at:
            with pytest.raises(NoReply, match=r"closes the connection without an answer|reset"):
                await Question(Engine.POSTGRES, at).ask()
        with pytest.raises(NoReply, match="its name is not found"):
            await Question(Engine.POSTGRES, Whereabouts(host="no-such-name.invalid", port=5432)).ask()

    asyncio.run(play())


class Doubting:
    """What the watch needs of a cycle."""

    def __init__(self) -> None:
        self.doubted = asyncio.Event()
        self.knowledge = SimpleNamespace(database=None)
        self.memory = SimpleNamespace(doubts={})
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    def doubt(self, on: bool) -> None:
        self.memory.doubts = {"ledger": asyncio.get_running_loop().time()} if on else {}
        (self.doubted.set if on else self.doubted.clear)()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.002)


def watched(story: Callable[[Doubting, list[str | None]], Awaitable[None]], engine: Engine = Engine.POSTGRES) -> str:
    """Play with answers that the story sets (None: it answers); what was logged."""
    said = io.StringIO()
    log = Log(said)

    async def play() -> None:
        cycle, answers = Doubting(), cast(list[str | None], [None])

        async def ask() -> None:
            if answers[-1] is not None:
                raise NoReply(answers[-1])

        database = cast(DatabaseFiles, SimpleNamespace(engine=engine, at=Whereabouts(host="db.example", port=5432)))
        watching = asyncio.create_task(watch_database(cast(Cycle, cycle), database, log, ask=ask, every_s=0.002))
        try:
            await story(cycle, answers)
        finally:
            watching.cancel()

    asyncio.run(play())
    assert log.flush(10)  # a thread of its own writes
    return said.getvalue()


def test_nobody_asks_while_nobody_doubts() -> None:
    async def story(cycle: Doubting, _: list[str | None]) -> None:
        await asyncio.sleep(0.03)
        assert cycle.knowledge.database == Heard()
        cycle.doubt(True)
        await until(lambda: cycle.woken >= 3)
        cycle.doubt(False)
        await asyncio.sleep(0.01)
        before = cycle.woken
        await asyncio.sleep(0.03)
        assert cycle.woken <= before

    assert watched(story) == ""


def test_a_silence_and_its_end_are_told_to_the_cycle_and_said_once_each() -> None:
    async def story(cycle: Doubting, answers: list[str | None]) -> None:
        answers.append("timed out")
        cycle.doubt(True)
        await until(lambda: cycle.woken >= 3)
        assert cycle.knowledge.database.silent_since_s is not None
        answers.append(None)
        await until(lambda: cycle.knowledge.database.back_s is not None)
        assert cycle.knowledge.database.silent_since_s is None

    said = watched(story)
    assert said.count("database-silent") == said.count("database-answers") == 1


def test_a_server_that_counts_its_greetings_is_asked_again_only_for_a_new_doubt() -> None:
    async def story(cycle: Doubting, _: list[Any]) -> None:
        cycle.doubt(True)
        await until(lambda: cycle.woken == 1)
        await asyncio.sleep(0.05)
        assert cycle.woken == 1
        cycle.doubt(True)
        await until(lambda: cycle.woken == 2)

    watched(story, Engine.MYSQL)
