"""One life of the agent on one page: start, the parts, stop."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from agent import control_socket, state_file
from agent.cycle import Cycle
from agent.listening import listening
from agent.log import Log, Once
from agent.ports import Bucket, Identity, Metadata, Table, Unreachable
from agent.processes import adopt_orphans, kill_members
from agent.reporter import Reporter
from agent.supervised import Supervised
from agent.systemd import Notifier, is_powering_off
from agent.watchers import watch_permit, watch_target_state
from core import names
from core.node import Memory
from core.settings import NodeSettings

ABANDON_S = 5.0  # for killing what still runs when the agent itself fails


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the agent touches, found or made at start."""

    identity: Identity
    metadata: Metadata
    table: Table
    bucket: Bucket
    state_folder: Path
    log: Log
    notifier: Notifier


async def identify(metadata: Metadata, log: Log) -> Identity:
    """Ask until the metadata service answers; systemd's TimeoutStartSec bounds it."""
    trouble = Once(log, "metadata")
    while True:
        try:
            return await asyncio.to_thread(metadata.identity)
        except Unreachable as error:
            trouble.trouble(error)
            await asyncio.sleep(0.5)


async def live(settings: NodeSettings, world: World) -> None:
    """Live until SIGTERM, or until one part fails; then leave nothing running.

    Raises PortInUse, BadState; whatever a failing part raised, once its applications are dead.
    """
    loop = asyncio.get_running_loop()
    boot = secrets.token_hex(4)
    memory = Memory(instance=world.identity.instance, given_up=state_file.read_given_up(world.state_folder, world.identity.instance))
    cycle = Cycle(settings, memory, state_folder=world.state_folder, log=world.log, notifier=world.notifier, clock=loop.time)
    _clear_the_way(world)
    _hold_applications(cycle, world, boot)
    reporter = Reporter(
        cycle, world.identity, table=world.table, bucket=world.bucket, log=world.log, boot=boot, agent=version(), wall=time.time
    )
    control = Path(control_socket.socket_path())
    async with listening(cycle, settings.assembly, address=world.identity.address, control=control, log=world.log):  # type: ignore[arg-type]  # local commands come with adoption
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop_soon, cycle, world)
        world.notifier.say("READY=1")
        world.log.say("ready", boot=boot, agent=version(), address=world.identity.address)
        try:
            await _parts(cycle, reporter, world)
        finally:
            await _abandon(cycle)
        await reporter.last_words()
        world.log.say("bye", phase=cycle.concluded.phase)


async def _parts(cycle: Cycle, reporter: Reporter, world: World) -> None:
    """Everything at once; the cycle alone may end, and ends the others."""
    async with asyncio.TaskGroup() as parts:
        others = [
            parts.create_task(watch_permit(cycle, world.table, world.log), name="permit"),
            parts.create_task(watch_target_state(cycle, world.metadata, world.log), name="target state"),
            parts.create_task(reporter.run(), name="reports"),
        ]
        await parts.create_task(cycle.run(), name="cycle")
        for part in others:
            part.cancel()


def _clear_the_way(world: World) -> None:
    """A former life of this agent may have been killed: whatever it left is killed before anything is started."""
    adopt_orphans()
    left = kill_members(f"{world.identity.instance}/")
    if left:
        world.log.say("killed-left-over", processes=left)


def _hold_applications(cycle: Cycle, world: World, boot: str) -> None:
    environment = {
        "UNDERSTUDY_DEPLOYABLE": cycle.settings.deployable,
        "UNDERSTUDY_ASSEMBLY": cycle.settings.assembly.name,
        "UNDERSTUDY_INSTANCE": world.identity.instance,
    }
    for application in cycle.settings.assembly.applications:
        cycle.applications[application.name] = Supervised(
            application, environment=environment, mark=f"{world.identity.instance}/{boot}/", changed=cycle.wake
        )


_stopping: set[asyncio.Task[None]] = set()


def _stop_soon(cycle: Cycle, world: World) -> None:
    """SIGTERM: find out whether the machine goes down for good, then let the cycle stop everything in order."""

    async def stop() -> None:
        cycle.knowledge.powering_off = await asyncio.to_thread(is_powering_off)
        cycle.knowledge.stop_asked = True
        cycle.wake()

    if not cycle.knowledge.stop_asked:
        world.notifier.say("STOPPING=1", "STATUS=stopping the applications")
        world.log.say("told-to-stop")
        task = asyncio.get_running_loop().create_task(stop(), name="stop")
        _stopping.add(task)
        task.add_done_callback(_stopping.discard)


async def _abandon(cycle: Cycle) -> None:
    """Kill whatever still runs: nothing does unless a part failed."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + ABANDON_S
    while any(application.pid is not None for application in cycle.applications.values()) and loop.time() < until_s:
        for application in cycle.applications.values():
            application.stop(0.0)
        await asyncio.sleep(0.02)


def version() -> str:
    """The bundle's hash, by the folder it was unpacked to; `source` when run from a checkout."""
    here = Path(__file__).resolve()
    return here.parents[2].name[:16] if here.is_relative_to(names.NODE_HOME) else "source"
