"""One life of the agent on one page: start, the parts, stop."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent import hosts, state_file
from agent.address_watch import watch_addresses
from agent.adoption import boot
from agent.cycle import Cycle
from agent.database import DatabaseFiles
from agent.database_watch import watch_database
from agent.file_system import open_file_system
from agent.front_interface import keep_front_interface
from agent.holder import NodeHolder
from agent.keeping import Keeper, StateKeeper
from agent.keeping.mark import SAVED_FILE
from agent.keeping.on_volume import VolumeKeeper
from agent.keeping.opening import Place
from agent.keeping.store import Store
from agent.listening import listening
from agent.log import Log, Once
from agent.notebook import Notebook
from agent.ports import Attached, Bucket, Identity, Metadata, Table, Unreachable
from agent.reporter import Reporter
from agent.runs import adopt_orphans
from agent.succession import take_over
from agent.supervised import Supervised
from agent.systemd import GoingDown, Notifier, going_down
from agent.volume import open_volume
from agent.watchers import watch_permit, watch_target_state
from core import names
from core.model import Assembly, FrontKind
from core.node.decision import Memory
from core.settings import NodeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All that the agent touches, found or made at start.

    control: the path of its local socket; its folder is in memory (tmpfs). front: the address that clients use, if any;
    neighbours: those of other assemblies, by name. interface_of: one of this node's network interfaces, by its hardware address.
    database: what its applications are told of it, when they may talk to it.
    store: where the assembly's state is saved, when it is; volume: the one that it is kept on instead, when it is.
    """

    identity: Identity
    metadata: Metadata
    table: Table
    bucket: Bucket
    state_folder: Path
    control: Path
    log: Log
    notifier: Notifier
    front: str | None = None
    neighbours: Mapping[str, str] = field(default_factory=dict)
    hosts_file: Path = hosts.PATH
    interface_of: Callable[[str], Attached | None] = lambda mac: None
    database: DatabaseFiles | None = None
    store: Store | None = None
    volume: str = ""


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
    """Live until SIGTERM, or until one part fails. Applications go on either way, for the next life to adopt; unless the
    machine goes down or is taken away: then they are stopped first.

    Raises PortInUse, BadState; whatever a failing part raised.
    """
    loop, log, instance = asyncio.get_running_loop(), world.log, world.identity.instance
    memory = Memory(instance=instance, given_up=state_file.read_given_up(world.state_folder, instance))
    notebook = Notebook(world.state_folder, _in_memory(world), log=log)
    notes, lost = notebook.read(instance)
    adopt_orphans()
    cycle = Cycle(settings, memory, notebook=notebook, boot=boot(), log=log, notifier=world.notifier, clock=loop.time)
    environment = _told_to_all(cycle, world)
    _hold_applications(cycle, world, environment)
    cycle.keeper = _keeper(cycle, world, environment)
    await take_over(cycle, notes, lost=lost, boot=boot(), log=log)
    nonce = secrets.token_hex(4)
    reporter = Reporter(cycle, world.identity, table=world.table, bucket=world.bucket, log=log, boot=nonce, agent=version(), wall=time.time)
    try:
        cycle.step()
        async with listening(NodeHolder(cycle), settings.assembly, address=world.identity.address, control=world.control, log=log):
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, _stop_soon, cycle, world)
            world.notifier.say("READY=1")
            log.say("ready", boot=nonce, agent=version(), address=world.identity.address)
            await _parts(cycle, reporter, world)
            await reporter.last_words()
            log.say("bye", phase=cycle.concluded.phase, running=[name for name, one in cycle.applications.items() if one.alive])
    finally:
        for application in cycle.applications.values():
            application.let_go()
        notebook.close()
        log.flush()


async def _parts(cycle: Cycle, reporter: Reporter, world: World) -> None:
    """Everything at once; the cycle alone may end, and ends the others."""
    async with asyncio.TaskGroup() as parts:
        others = [
            parts.create_task(_look_for_permit(cycle, world), name="permit"),
            parts.create_task(watch_target_state(cycle, world.metadata, world.log), name="target state"),
            parts.create_task(reporter.run(), name="reports"),
        ]
        if cycle.keeper is not None:
            others.append(parts.create_task(cycle.keeper.run(), name="state"))
        assembly, log = cycle.settings.assembly, world.log
        if assembly.host_names:
            names_kept = hosts.keep_host_names(
                assembly.host_names,
                own=world.identity.address,
                front=world.front,
                neighbours=world.neighbours,
                log=log,
                path=world.hosts_file,
            )
            others.append(parts.create_task(names_kept, name="host names"))
        if assembly.depends_on:
            watched = watch_addresses(assembly.depends_on, assembly.on_address_change, log=log)
            others.append(parts.create_task(watched, name="addresses"))
        if assembly.front.kind is FrontKind.NETWORK_INTERFACE and world.front:
            kept = keep_front_interface(world.front, interface_of=world.interface_of, log=log)
            others.append(parts.create_task(kept, name="front interface"))
        if world.database is not None:
            others.append(parts.create_task(world.database.keep(), name="database"))
            others.append(parts.create_task(watch_database(cycle, world.database, world.log), name="database asked"))
        await parts.create_task(cycle.run(), name="cycle")
        for part in others:
            part.cancel()


async def _look_for_permit(cycle: Cycle, world: World) -> None:
    """Without its settings of the database no application would work: none is started, and none counts as failed."""
    if world.database is not None:
        await world.database.ready.wait()
    await watch_permit(cycle, world.table, world.log)


def _in_memory(world: World) -> Path | None:
    """The folder of the local socket, where it can be had; without it notes go to the disk alone."""
    folder = world.control.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    except OSError as error:
        world.log.say("runtime-trouble", reason=str(error))
        return None
    return folder


def _told_to_all(cycle: Cycle, world: World) -> dict[str, str]:
    environment = {
        "UNDERSTUDY_DEPLOYABLE": cycle.settings.deployable,
        "UNDERSTUDY_ASSEMBLY": cycle.settings.assembly.name,
        "UNDERSTUDY_INSTANCE": world.identity.instance,
    }
    if cycle.settings.assembly.state.saved:
        environment[names.ENV_SAVED] = str(world.control.parent / SAVED_FILE)
    return environment


def _keeper(cycle: Cycle, world: World, environment: Mapping[str, str]) -> StateKeeper | None:
    settings, state = cycle.settings, cycle.settings.assembly.state
    if state.mounted:
        return _mounted(cycle, world)
    if not state.saved or world.store is None:
        return None
    return Keeper(
        Place(state=state, mark_folder=world.state_folder, user=_whose(settings.assembly)),
        world.store,
        deployable=settings.deployable,
        assembly=settings.assembly.name,
        instance=world.identity.instance,
        saved_file=world.control.parent / SAVED_FILE,
        environment=environment,
        log=world.log,
        clock=cycle.clock,
        changed=cycle.wake,
    )


def _whose(assembly: Assembly) -> str | None:
    """The user whose the kept state is: the first that an application names; None: root."""
    return next((application.user for application in assembly.applications if application.user is not None), None)


def _mounted(cycle: Cycle, world: World) -> StateKeeper:
    assembly = cycle.settings.assembly
    assert assembly.state.path is not None
    return VolumeKeeper(
        world.volume,
        assembly.state.path,
        user=_whose(assembly),
        log=world.log,
        clock=cycle.clock,
        changed=cycle.wake,
        opening=open_volume if assembly.state.on_volume else open_file_system,
    )


def _hold_applications(cycle: Cycle, world: World, environment: Mapping[str, str]) -> None:
    for application in cycle.settings.assembly.applications:
        cycle.applications[application.name] = Supervised(
            application,
            environment=environment if world.database is None else {**environment, **world.database.environment(application)},
            instance=world.identity.instance,
            sockets=world.control.parent / "counters",
            changed=cycle.wake,
        )


_stopping: set[asyncio.Task[None]] = set()


def _stop_soon(cycle: Cycle, world: World) -> None:
    """SIGTERM: find out what becomes of the machine; the cycle then stops everything in order, or leaves it running."""

    async def stop() -> None:
        machine = await asyncio.to_thread(going_down)
        world.log.say("told-to-stop", machine_goes_down=machine.value)
        cycle.knowledge.powering_off = machine is GoingDown.FOR_GOOD
        cycle.knowledge.rebooting = machine is GoingDown.COMES_BACK
        cycle.knowledge.stop_asked = True
        cycle.wake()

    if not _stopping and not cycle.knowledge.stop_asked:
        world.notifier.say("STOPPING=1", "STATUS=stopping")
        task = asyncio.get_running_loop().create_task(stop(), name="stop")
        _stopping.add(task)
        task.add_done_callback(_stopping.discard)


def version() -> str:
    """The bundle's hash, by the folder it was unpacked to; `source` when run from a checkout."""
    here = Path(__file__).resolve()
    return here.parents[2].name[:16] if here.is_relative_to(names.NODE_HOME) else "source"
