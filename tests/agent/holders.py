"""A made-up holder of applications for the ports' tests, and ways to talk to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from agent.ports import Trouble
from agent.serving import Server
from core.model import Verdict
from core.node.ha_port import Told, View


class FakeHolder:
    """agent.ports.Holder: says what it was given, does what it is told, and notes it. gate: an action waits for it."""

    def __init__(self) -> None:
        self.stuck = False
        self.trouble: str | None = None
        self.done: list[tuple[str, str | None]] = []
        self.gate: asyncio.Event | None = None
        self.phase = "running"
        self.told = {"web": Told(Verdict.HEALTHY), "db": Told(Verdict.HEALTHY)}
        self.more: dict[str, dict[str, Any]] = {}
        self.agent: dict[str, Any] = {}

    def tell(self, verdict: Verdict, reason: str = "", name: str = "web", **more: Any) -> None:
        self.told[name] = Told(verdict, reason, **more)

    def view(self, application: str | None = None) -> View:
        serves = self.phase == "running"
        if application is not None:
            told = self.told[application]
            status = {"application": application, **self.status()["applications"][application]}
            return View(subject=told, applications={application: told}, status=status, serves=serves)
        return View(subject=self.told["web"], applications=self.told, status=self.status(), serves=serves)

    def status(self) -> dict[str, Any]:
        applications = {
            name: {
                "verdict": told.verdict.value,
                "reason": told.reason,
                "restarts": 2,
                "pid": 7,
                "in_a_row": told.in_a_row,
                "fall": told.fall,
            }
            | {"held": told.held}
            | self.more.get(name, {})
            for name, told in self.told.items()
        }
        node = {"deployable": "demo", "assembly": "counter", "instance": "i-1", "phase": self.phase, "epoch": 3, "agent": self.agent}
        return {**node, "verdict": self.told["web"].verdict.value, "reason": self.told["web"].reason, "applications": applications}

    def why(self, application: str) -> dict[str, Any]:
        return {"verdict": self.told[application].verdict.value}

    def is_stuck(self) -> bool:
        return self.stuck

    async def offline(self, application: str | None) -> str:
        return await self._do("offline", application)

    async def clean(self, application: str | None) -> str:
        return await self._do("clean", application)

    async def online(self, application: str | None) -> str:
        return await self._do("online", application)

    async def _do(self, verb: str, application: str | None) -> str:
        if self.gate is not None:
            await self.gate.wait()
        self.done.append((verb, application))
        if self.trouble is not None:
            raise Trouble(self.trouble)
        return f"{verb} done"


def with_server(make: Callable[[], Server], story: Callable[[int], Awaitable[None]]) -> None:
    """Run a story against a server on a port of its own."""

    async def run() -> None:
        server = make()
        await server.open(["127.0.0.1"], 0)
        try:
            async with asyncio.timeout(30):
                await story(server.port)
        finally:
            await server.close()

    asyncio.run(run())


async def converse(port: int, data: bytes) -> bytes:
    """Send, and read until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await reader.read()
    finally:
        writer.close()
