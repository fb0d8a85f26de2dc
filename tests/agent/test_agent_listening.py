"""What the agent listens on: the node's ports, an application's where its settings say, and nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.control_socket import call
from agent.listening import listening
from agent.log import Log
from agent.serving import PortInUse
from core.application import Application, HaPort, Run
from core.model import Assembly, Verdict
from tests.agent.holders import FakeHolder, converse
from tests.agent.worlds import deployable_of, free_port

ADDRESS = "127.0.0.2"  # the node's private one, in these tests


def assembly(**ha: HaPort | None) -> Assembly:
    """Of the holder's two applications; ha: by name."""
    return deployable_of(*(Application(name=name, run=Run(exec=(f"/bin/{name}",)), ha=ha.get(name)) for name in ("web", "db"))).assembly(
        "counter"
    )


def with_ports(one: Assembly, control: Path, story: Callable[[FakeHolder], Awaitable[None]], log: Log | None = None) -> None:
    async def run() -> None:
        holder = FakeHolder()
        async with asyncio.timeout(30), listening(holder, one, address=ADDRESS, control=control, log=log or Log()):
            await story(holder)

    asyncio.run(run())


async def ping(host: str, port: int) -> str:
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"ping\nquit\n")
    try:
        return (await reader.read()).decode().strip()
    finally:
        writer.close()


async def is_refused(host: str, port: int) -> bool:
    try:
        await ping(host, port)
    except ConnectionRefusedError:
        return True
    return False


def test_the_nodes_ports_are_on_its_address_and_on_localhost_and_nowhere_else(tmp_path: Path) -> None:
    one = assembly()

    async def story(holder: FakeHolder) -> None:
        for host in (ADDRESS, "127.0.0.1"):
            assert await ping(host, one.ha_port) == "OK"
        assert (await converse(one.http_port, b"GET /livez HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        for port in (one.ha_port, one.http_port):
            assert await is_refused("127.0.0.3", port)

    with_ports(one, tmp_path / "agent.sock", story)


def test_an_application_has_a_port_of_its_own_only_where_its_settings_name_one(tmp_path: Path) -> None:
    own = HaPort(port=free_port(), host="127.0.0.4")

    async def story(holder: FakeHolder) -> None:
        holder.tell(Verdict.FAILING, "died", "web")
        assert await ping("127.0.0.4", own.port) == "FAILED died"
        for host in (ADDRESS, "127.0.0.1"):
            assert await is_refused(host, own.port)

    with_ports(assembly(web=own), tmp_path / "agent.sock", story)

    async def off(holder: FakeHolder) -> None:
        assert await is_refused("127.0.0.4", own.port)
        assert await is_refused("127.0.0.1", own.port)

    with_ports(assembly(), tmp_path / "agent.sock", off)


def test_an_applications_port_tells_of_that_one_alone(tmp_path: Path) -> None:
    ports = {"web": HaPort(port=free_port()), "db": HaPort(port=free_port())}

    async def story(holder: FakeHolder) -> None:
        holder.tell(Verdict.FAILING, "died", "db")
        assert await ping("127.0.0.1", ports["web"].port) == "OK"
        assert await ping("127.0.0.1", ports["db"].port) == "FAILED died"
        assert (await converse(ports["web"].port, b"ping db\nquit\n")).startswith(b"ERROR no such application; there are: web")

    with_ports(assembly(**ports), tmp_path / "agent.sock", story)


def test_at_the_local_socket_each_ha_port_stands_for_its_application_and_the_nodes_for_all(tmp_path: Path) -> None:
    own, control = HaPort(port=free_port()), tmp_path / "agent.sock"
    one = assembly(db=own)

    async def story(holder: FakeHolder) -> None:
        for port, name in ((own.port, "db"), (one.ha_port, None)):
            answer = await asyncio.to_thread(call, str(control), {"do": "offline", "port": port}, 5.0)
            assert answer == {"ok": True, "done": "offline done"}
            assert holder.done[-1] == ("offline", name)

    with_ports(one, control, story)


def test_a_local_socket_that_cannot_be_had_is_said_and_everything_else_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one, log = assembly(), Log()

    async def story(holder: FakeHolder) -> None:
        assert await ping("127.0.0.1", one.ha_port) == "OK"

    with_ports(one, tmp_path / "file" / "agent.sock", story, log)
    assert b"control-trouble" in log.tail()


def test_a_port_in_use_is_named_and_what_was_opened_before_is_closed_again(tmp_path: Path) -> None:
    one = assembly()

    async def story(holder: FakeHolder) -> None:
        raise AssertionError("it must not come so far")

    with socket.create_server((ADDRESS, one.http_port)):
        with pytest.raises(PortInUse, match=f"HTTP: cannot listen on {ADDRESS} port {one.http_port}: "):
            with_ports(one, tmp_path / "agent.sock", story)
        assert asyncio.run(is_refused("127.0.0.1", one.ha_port))
    assert not (tmp_path / "agent.sock").exists()
