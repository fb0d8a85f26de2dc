"""The front's interface on a node: found by the metadata service's word, configured when it comes, and again when somebody undoes it."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress

from agent.front_interface import Found, NotConfigured, find, keep_front_interface
from agent.log import Log
from agent.ports import Attached, Unreachable
from tests.agent.programs import eventually

FRONT, OWN, ITS = "10.20.1.9", "02:00:00:00:00:01", "02:00:00:00:00:09"


def interface_of(mac: str) -> Attached | None:
    known = {OWN: Attached(addresses=("10.20.1.5",), subnet="10.20.1.0/24"), ITS: Attached(addresses=(FRONT,), subnet="10.20.1.0/24")}
    return known.get(mac)


def test_the_link_is_found_by_its_hardware_address() -> None:
    found = find(FRONT, interface_of, {OWN: "ens5", ITS: "ens6"})

    assert found is not None
    assert (found.link, str(found.subnet)) == ("ens6", "10.20.1.0/24")
    assert find(FRONT, interface_of, {OWN: "ens5"}) is None


class Node:
    """A node whose links and metadata service a test turns."""

    def __init__(self) -> None:
        self.links = {OWN: "ens5"}
        self.trouble: Exception | None = None
        self.configured: list[str] = []
        self.log = Log(io.StringIO())

    @property
    def said(self) -> str:
        return self.log.tail().decode()

    def interface_of(self, mac: str) -> Attached | None:
        if isinstance(self.trouble, Unreachable):
            raise self.trouble
        return interface_of(mac)

    def configure(self, address: str, found: Found) -> None:
        if isinstance(self.trouble, NotConfigured):
            raise self.trouble
        self.configured.append(found.link)

    async def keep(self) -> asyncio.Task[None]:
        kept = keep_front_interface(
            FRONT,
            interface_of=self.interface_of,
            log=self.log,
            links=lambda: dict(self.links),
            configure=self.configure,
            find_every_s=0.01,
            settle_s=0.01,
        )
        return asyncio.create_task(kept)


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_a_link_that_is_there_at_the_start_is_configured_and_said_once() -> None:
    async def play() -> None:
        node = Node()
        node.links[ITS] = "ens6"
        task = await node.keep()
        await eventually(lambda: len(node.configured) >= 2)  # once more when all is quiet: somebody may have undone it
        await ended(task)
        assert node.said.count('"front-interface"') == 1

    asyncio.run(play())


def test_what_cannot_be_asked_or_configured_is_tried_again() -> None:
    async def play() -> None:
        node = Node()
        node.links[ITS] = "ens6"
        node.trouble = Unreachable("metadata service: no answer")
        task = await node.keep()
        await eventually(lambda: "front-interface-trouble" in node.said)
        node.trouble = NotConfigured("ip: Operation not permitted")
        await asyncio.sleep(0.05)
        assert node.configured == []
        node.trouble = None
        await eventually(lambda: "front-interface-well-again" in node.said and bool(node.configured))
        await ended(task)

    asyncio.run(play())


def test_a_node_with_one_interface_asks_nobody() -> None:
    async def play() -> None:
        node = Node()
        node.trouble = Unreachable("asked")
        task = await node.keep()
        await asyncio.sleep(0.1)
        await ended(task)
        assert node.said == ""

    asyncio.run(play())
