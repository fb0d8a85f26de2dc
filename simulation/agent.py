"""A node's agent: the shipped cycle, watchers and reporter, over a table, a disk and an application that do what the history says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from agent.cycle import Cycle
from agent.database_watch import NoReply, watch_database
from agent.keeping.on_volume import VolumeKeeper
from agent.log import Log
from agent.notebook import Notebook
from agent.notes import Notes
from agent.ports import Identity
from agent.reporter import Reporter
from agent.succession import take_over
from agent.supervised import Supervised
from agent.systemd import Notifier
from agent.volume import NoDevice
from agent.watchers import watch_permit, watch_target_state
from core.database import Whereabouts
from core.model import Assembly, Verdict
from core.node import ha_port
from core.node.database_outage import ANSWER_S
from core.node.decision import Concluded, Memory
from core.records import Phase, Report
from core.recovery.outlook import OK, SAYS
from core.settings import NodeSettings
from simulation.agent_world import Disk, Found, Journal, Pulse, Reached
from simulation.application import Application
from simulation.loop import CALL_S, Loop, sleep

if TYPE_CHECKING:
    from simulation.machines import Machine
    from simulation.world import World


RESTART_S = (1.3, 2.5)  # agent/understudy-agent.service: RestartSec, and what a start takes
WATCHDOG_S = 10.0  # its WatchdogSec
_WELL = (Verdict.HEALTHY, Verdict.BUSY)


class Agent:
    """A machine's guest (simulation.machines). given_up and notes are its disk; a machine that was off has forgotten all else."""

    def __init__(self, world: World, machine: Machine, assembly: Assembly) -> None:
        self.world, self.machine, self.assembly = world, machine, assembly
        self.table_cuts = self.probes_cuts = 0  # partitions that it is behind
        self.given_up = 0
        self.notes: Notes | None = None
        self.boots = self.lives = 0  # of the machine; of the agent's process
        self.wedged = False  # its process is there, and does nothing
        self.mounted = False  # its volume
        self.target: str | None = None  # Auto Scaling's wish, in the metadata service
        self.application = Application(self, world.chance.uniform(0.5, 6.0))
        self.reported_ms = 0
        self.said: Report | None = None  # the last report that landed
        self.cycle: Cycle | None = None
        self._loop: Loop | None = None
        self._noticed: Concluded | None = None
        self._off: Callable[[], None] | None = None  # its machine, or its service manager, waits for it to leave
        self._offset_s = 0.0  # what its machine's monotonic clock shows more than the world's

    @property
    def up(self) -> bool:
        return self.cycle is not None

    @property
    def concluded(self) -> Concluded | None:
        return self.cycle.concluded if self.cycle is not None else None

    @property
    def runs(self) -> int:
        """The epoch under which its application lives; 0 while it does not."""
        return self.application.epoch if self.machine.powered else 0

    @property
    def serves(self) -> bool:
        told = self.concluded
        return self.machine.thinks and not self.wedged and told is not None and told.phase is Phase.RUNNING and told.verdict in _WELL

    @property
    def reaches_table(self) -> bool:
        return self.machine.thinks and self.up and not self.wedged and not self.table_cuts and not self.world.table_down

    @property
    def now_s(self) -> float:
        return self.world.schedule.now_ms / 1000 + self._offset_s

    # --- what happens to it ----------------------------------------------------------------------------------------------

    def booted(self) -> None:
        if self.application.health.never_boots:
            return
        self.boots += 1
        self._offset_s = self.world.chance.uniform(0, 100)
        self._live()

    def shut_down(self, off: Callable[[], None]) -> None:
        """The service manager's SIGTERM (agent.daemon._stop_soon); `off` is called once the agent has left."""
        if self.cycle is None:
            off()
            return
        self.cycle.knowledge.powering_off |= not self.cycle.knowledge.stop_asked
        self._asked_to_leave(off)

    def killed(self) -> None:
        """Its process alone is gone, whatever from: its service manager starts another one, unless the machine goes down."""
        off = self._off
        self._die()
        self.world.say(self.machine.id, "its agent is gone")
        self.world.watch.notice(self)
        (off or self._again)()

    def restarted(self) -> None:
        """`systemctl restart`, as an upgrade does it: it leaves its applications running."""
        if self.cycle is not None and not self.cycle.knowledge.stop_asked:
            self._asked_to_leave(self._again)

    def hangs(self) -> None:
        """One part of it holds all others up; its service manager's watchdog ends that."""
        self.wedged, lives = True, self.lives

        def bitten() -> None:
            if self.lives != lives or not self.wedged:
                return
            if self.machine.frozen:
                self.world.schedule.later(1.0, bitten)
            else:
                self.killed()

        self.world.schedule.later(WATCHDOG_S, bitten)

    def _asked_to_leave(self, then: Callable[[], None]) -> None:
        assert self.cycle is not None, "nobody is there to be asked"
        self.cycle.knowledge.stop_asked = True
        self._off = then
        self.changed()

    def _again(self) -> None:
        self._die()
        boots = self.boots

        def starts() -> None:
            if boots == self.boots and self.machine.powered and self._loop is None and self.machine.state in ("pending", "running"):
                self._live()

        self.world.schedule.later(self.world.chance.uniform(*RESTART_S), starts)

    def lost_power(self) -> None:
        self.application.lost()
        self.mounted = False
        self._die()

    def woke(self) -> None:
        if self._loop is not None:
            self._loop.thawed()

    def target_terminated(self) -> None:
        self.target = "Terminated"

    def changed(self) -> None:
        """Something of its application is not as it was."""
        if self.cycle is not None:
            self.cycle.wake()

    # --- its life, as agent.daemon has it ----------------------------------------------------------------------------------

    def _live(self) -> None:
        machine = self.machine
        self.lives += 1
        self._loop = loop = Loop(self.world.schedule, lambda: machine.thinks and not self.wedged, self._offset_s)
        loop.enter(lambda: loop.begin(self._begin(loop)))

    async def _begin(self, loop: Loop) -> None:
        machine, place = self.machine, self.machine.place
        log, table = cast("Log", Journal(self)), Reached(self)
        memory = Memory(instance=machine.id, given_up=self.given_up)
        settings = NodeSettings(deployable=place[0], assembly=self.assembly)
        disk, pulse = cast("Notebook", Disk(self, loop)), cast("Notifier", Pulse(self))
        boot, nonce, wall = f"boot {self.boots}", f"b{self.lives}", lambda: self.world.schedule.now_ms / 1000
        cycle = Cycle(settings, memory, notebook=disk, boot=boot, log=log, notifier=pulse, clock=loop.time)
        cycle.applications[self.assembly.applications[0].name] = cast("Supervised", self.application)
        await take_over(cycle, self.notes, lost=False, boot=boot, log=log)
        self.cycle = cycle
        identity = Identity(instance=machine.id, region="r", address=machine.address)
        reporter = Reporter(cycle, identity, table=table, bucket=table, log=log, boot=nonce, agent="1", wall=wall)
        cycle.step()
        if self.assembly.state.on_volume:
            volume = f"vol-{place[1]}"
            cycle.keeper = keeper = VolumeKeeper(
                volume, "/var/lib/app", user=None, log=log, clock=loop.time, changed=cycle.wake, opening=self._mount, closing=self._unmount
            )
            loop.begin(keeper.run())
        if self.assembly.database is not None:
            found = Found(self.assembly.database.engine, Whereabouts(host="database", port=5432))
            loop.begin(watch_database(cycle, found, log, ask=self._ask_database))
        loop.begin(watch_permit(cycle, table, log))
        loop.begin(watch_target_state(cycle, table, log))
        loop.begin(reporter.run())
        loop.begin(cycle.run(), lambda: loop.begin(reporter.last_words(), self._leave))

    # --- its volume and its database -----------------------------------------------------------------------------------------

    def _mount(self, volume: str, path: str, *, user: str | None, say: Callable[[str], None]) -> str:
        held = self.world.has.attachments.volumes[volume]
        if held.holder is not self.machine or held.state not in ("attached", "busy"):
            raise NoDevice(f"{volume} is not attached to this machine yet")
        self.mounted = True
        return "its file system is whole"

    def _unmount(self, path: str) -> None:
        if self.mounted:
            self.mounted = False
            self.world.has.attachments.unmounted(self.machine)

    async def _ask_database(self) -> None:
        await sleep(CALL_S)
        if self.world.has.databases.silent(self.machine.place[0]):
            await sleep(ANSWER_S)
            raise NoReply(f"no answer within {ANSWER_S:g} s")

    def _leave(self) -> None:
        off, self._off = self._off, None
        if off is not None:
            off()

    def _die(self) -> None:
        if self._loop is not None:
            self._loop.close()
        self._loop = self.cycle = self._noticed = self._off = None
        self.wedged = False

    def stepped(self) -> None:
        """A cycle is complete."""
        if self.cycle is not None and self.cycle.concluded is not self._noticed:
            self._noticed = self.cycle.concluded
            self.world.watch.notice(self)

    # --- looked at from outside --------------------------------------------------------------------------------------------

    def answers(self) -> tuple[str, str] | None:
        """What its HA port and its HTTP say, as core.recovery.outlook words them; None when nobody is there to say anything."""
        told = self.concluded
        if told is None or not self.machine.thinks or self.wedged or self.probes_cuts:
            return None
        line = ha_port.answer(
            "ping", ha_port.View(subject=ha_port.Told(told.verdict, told.reason), applications={}, status={})
        ).text.strip()
        return (OK if line == "OK" else f"{SAYS}{line[:80]}"), (OK if told.verdict in _WELL else "status 503")
