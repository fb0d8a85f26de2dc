"""All that the agent listens on: the node's ports, each application's HA port, the local socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agent.control_server import ControlServer
from agent.ha_log import HaLog
from agent.ha_port import APPLICATION_CONNECTIONS_MAX, HaServer, ha_server
from agent.http.server import HttpServer
from agent.log import Log, Once
from agent.ports import Holder
from agent.serving import PortInUse, Server
from core.model import Assembly

OPEN_AGAIN_S = 10.0


@asynccontextmanager
async def listening(holder: Holder, assembly: Assembly, *, address: str, control: Path, log: Log) -> AsyncIterator[None]:
    """The node's ports on its private address and on localhost; an application's HA port where its settings say.

    Raises PortInUse; BadSettings for a certificate that cannot be used.
    """
    ports: dict[str, Server] = {}
    http = HttpServer(holder, assembly.http, ports=ports.items, trouble=lambda text: log.say("http-trouble", reason=text))
    ports["ha"], ports["http"] = ha_server(holder.view, "HA port of the node"), http
    wanted: list[tuple[Server, list[str], int]] = [
        (ports["ha"], [address, "127.0.0.1"], assembly.ha_port),
        (http, [address, "127.0.0.1"], assembly.http_port),
    ]
    by_port: dict[int, str | None] = {assembly.ha_port: None}
    logs: list[HaLog] = []
    for application in assembly.applications:
        if application.ha is not None:
            own = _ha_server_of(holder, application.name)
            ports[f"ha of {application.name}"] = own
            wanted.append((own, [application.ha.host], application.ha.port))
            by_port[application.ha.port] = application.name
            if application.ha.log_folder is not None:
                logs.append(HaLog(application.ha.log_folder, application.name, own))
    local = ControlServer(holder, by_port)
    beside: list[asyncio.Task[None]] = []
    try:
        for server, hosts, port in wanted:
            await server.open(hosts, port)
        await _open_local(local, control, log)
        beside += [asyncio.create_task(each.run(), name="HA log") for each in logs]
        if not local.is_open:
            beside.append(asyncio.create_task(_open_local_later(local, control, log), name="control socket"))
        yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        for server in (local, *ports.values()):
            await server.close()


async def _open_local(local: ControlServer, path: Path, log: Log) -> None:
    """Without its local socket the agent can still keep its applications alive, so it says so and goes on."""
    try:
        await local.open_at(path)
    except PortInUse as error:
        log.say("control-trouble", reason=str(error))


async def _open_local_later(local: ControlServer, path: Path, log: Log) -> None:
    trouble = Once(log, "control")
    while not local.is_open:
        await asyncio.sleep(OPEN_AGAIN_S)
        try:
            await local.open_at(path)
        except PortInUse as error:
            trouble.trouble(error)
    trouble.well()


def _ha_server_of(holder: Holder, name: str) -> HaServer:
    return ha_server(lambda: holder.view(name), f"HA port of {name}", APPLICATION_CONNECTIONS_MAX)
