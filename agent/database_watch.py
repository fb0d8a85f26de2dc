"""Adapter: asks the database whether it answers, while the cycle doubts it; logs nobody in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from agent.address_watch import Lookup, NoAddress, resolve
from agent.cycle import Cycle
from agent.log import Log
from core.database import Engine, Whereabouts
from core.node.database_outage import ANSWER_S, EVERY_S, Heard, after_question

# A server whose kernel completes handshakes may hang all the same, so that it is asked for its first byte.
# PostgreSQL: an SSLRequest, answered by one byte, S or N, before anybody logs in
# (https://www.postgresql.org/docs/current/protocol-flow.html, SSL Session Encryption).
SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")
# MariaDB and MySQL greet first (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html), and shut out a
# host after max_connect_errors greetings that were not replied to, 100 unless set otherwise
# (https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html#sysvar_max_connect_errors): while one answers it is asked seldom.
GREETED_EVERY_S = 30.0

Ask = Callable[[], Awaitable[None]]


class Reached(Protocol):
    """What is known of the database."""

    engine: Engine
    at: Whereabouts


class NoReply(Exception):
    """The database did not answer: why, in a few words that do not change from one question to the next."""


class Question:
    """One question at a time, bounded; the name is looked up anew for each, for a failover changes its address."""

    def __init__(self, engine: Engine, at: Whereabouts) -> None:
        self._engine, self._at = engine, at
        self._lookup = Lookup(at.host, resolve)

    async def ask(self) -> None:
        """Raises NoReply."""
        try:
            async with asyncio.timeout(ANSWER_S):
                addresses = await self._lookup.ask(ANSWER_S)
                if not addresses:
                    raise NoReply("its name has no address")
                await self._first_byte(addresses[0])
        except TimeoutError as error:
            raise NoReply(f"no answer within {ANSWER_S:g} s") from error
        except NoAddress as error:
            raise NoReply(f"its name is not found: {error}") from error
        except OSError as error:
            raise NoReply(error.strerror or type(error).__name__) from error

    async def _first_byte(self, address: str) -> None:
        reader, writer = await asyncio.open_connection(address, self._at.port)
        try:
            if self._engine is Engine.POSTGRES:
                writer.write(SSL_REQUEST)
            if not await reader.read(1):
                raise NoReply("it closes the connection without an answer")
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def watch_database(cycle: Cycle, database: Reached, log: Log, *, ask: Ask | None = None, every_s: float = EVERY_S) -> None:
    """Ask while there is a doubt, and tell the cycle. Never returns. ask: raises NoReply; for tests."""
    engine, at = database.engine, database.at
    ask = ask or Question(engine, at).ask
    loop = asyncio.get_running_loop()
    cycle.knowledge.database = heard = Heard()
    while True:
        await cycle.doubted.wait()
        asked_s, why = loop.time(), None
        try:
            await ask()
        except NoReply as error:
            why = str(error)
        before, heard = heard, after_question(heard, asked_s=asked_s, now_s=loop.time(), why=why)
        cycle.knowledge.database = heard
        if heard.silent_since_s is not None and before.silent_since_s is None:
            log.say("database-silent", host=at.host, reason=heard.why)
        elif heard.silent_since_s is None and before.silent_since_s is not None:
            log.say("database-answers", host=at.host)
        cycle.wake()
        await _rest(cycle, heard, engine, every_s)


async def _rest(cycle: Cycle, heard: Heard, engine: Engine, every_s: float) -> None:
    """Until the next question is due; where questions cost, sooner only for a doubt that the last answer came too early for."""
    await asyncio.sleep(every_s)
    if engine is Engine.POSTGRES or heard.silent_since_s is not None:
        return
    until_s = heard.asked_s + GREETED_EVERY_S
    while asyncio.get_running_loop().time() < until_s and all(since <= heard.asked_s for since in cycle.memory.doubts.values()):
        await asyncio.sleep(every_s)
