"""A node: the shipped decisions (core.node.decision) over an application that does what the history says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core import names
from core.items import parse_permit, report_item, request_item
from core.model import Assembly, Verdict
from core.node import ha_port
from core.node.decision import AskReplacement, Concluded, GiveUp, Memory, Snapshot, Start, Stop, decide, next_deadline_s
from core.records import ApplicationReport, Permit, Phase, Report, Request
from core.recovery.outlook import OK, SAYS
from lambdas.adapters.table import _stored, plain_item
from simulation.application import Application

if TYPE_CHECKING:
    from simulation.machines import Machine
    from simulation.world import World

EVERY_S, RETRY_S = 5.0, 1.0  # agent.reporter
PERMIT_WAITING_S, PERMIT_RUNNING_S, TARGET_STATE_S = 0.5, 30.0, 15.0  # agent.watchers
_WELL = (Verdict.HEALTHY, Verdict.BUSY)


class Agent:
    """A machine's guest (simulation.machines). given_up is its disk; a machine that was off has forgotten all else."""

    def __init__(self, world: World, machine: Machine, assembly: Assembly) -> None:
        self.world, self.machine, self.assembly = world, machine, assembly
        self.name = assembly.applications[0].name
        self.table_cuts = self.probes_cuts = 0  # partitions that it is behind
        self.given_up = 0
        self.boots = 0
        self.application = Application(self, world.chance.uniform(0.5, 6.0))
        self.reported_ms = 0
        self.said: Report | None = None  # the last report that landed
        self._reset()

    def _reset(self) -> None:
        self.up = False
        self.memory = Memory(instance=self.machine.id, given_up=self.given_up)
        self.concluded: Concluded | None = None
        self.permit: Permit | None = None
        self.terminating = self.stop_asked = False
        self.permit_due = False
        self.seq = 0
        self.wanted: dict[str, str] = {}
        self._off: Callable[[], None] | None = None
        self._wire: dict[str, dict[str, str]] | None = None
        self._deadline_ms = 0

    @property
    def runs(self) -> int:
        """The epoch under which its application lives; 0 while it does not."""
        return self.application.epoch if self.machine.powered else 0

    @property
    def serves(self) -> bool:
        told = self.concluded
        return self.up and self.machine.thinks and told is not None and told.phase is Phase.RUNNING and told.verdict in _WELL

    # --- what happens to it ----------------------------------------------------------------------------------------------

    def booted(self) -> None:
        if self.application.health.never_boots:
            return
        self._reset()
        self.boots += 1
        self.up = True
        self.step()
        self._beat(self.boots)
        self._read_permit_soon(0.1)

    def shut_down(self, off: Callable[[], None]) -> None:
        if not self.up:
            off()
            return
        self.stop_asked, self._off = True, off
        self.step()

    def lost_power(self) -> None:
        self.application.lost()
        self._reset()

    def woke(self) -> None:
        self._read_permit_soon(self.world.chance.uniform(0, PERMIT_RUNNING_S))
        self.step()

    def permit_changed(self) -> None:
        waits = self.concluded is None or self.concluded.phase is Phase.WAITING or not self.memory.confirmed
        self._read_permit_soon(self.world.chance.uniform(0.02, PERMIT_WAITING_S if waits else PERMIT_RUNNING_S))

    def healed(self) -> None:
        """It reaches the table again."""
        if self.up:
            self._read_permit_soon(self.world.chance.uniform(0.1, PERMIT_RUNNING_S if self.memory.confirmed else 1.0))

    def target_terminated(self) -> None:
        """Auto Scaling's wish, in the metadata service."""
        self.world.schedule.later(self.world.chance.uniform(0.2, TARGET_STATE_S), self._sees_target)

    # --- its table ---------------------------------------------------------------------------------------------------------

    @property
    def reaches_table(self) -> bool:
        return self.machine.thinks and self.up and not self.table_cuts and not self.world.table_down

    def _read_permit_soon(self, after_s: float) -> None:
        self.permit_due = True
        boots = self.boots
        self.world.schedule.later(after_s, lambda: self._read_permit(boots))

    def _read_permit(self, boots: int) -> None:
        if boots != self.boots or not self.up or not self.permit_due:
            return
        if not self.reaches_table:
            if not self.machine.frozen:
                self._read_permit_soon(5.0)  # as long as it is cut off; a frozen one does so when it wakes
            return
        self.permit_due = False
        pk = names.permit_pk(*self.machine.place)
        item = self.world.table.items.get(pk, {}).get(names.CURRENT)
        if item is not None:
            self.permit = parse_permit(plain_item(item))
            self.step()

    def _beat(self, boots: int) -> None:
        if boots != self.boots or not self.up:
            return
        landed = self._report()
        self.world.watch.notice(self)
        self.world.schedule.later(EVERY_S if landed else RETRY_S * 2, lambda: self._beat(boots))

    def _report(self) -> bool:
        if not self.reaches_table or self.concluded is None:
            return False
        now_ms = self.world.schedule.now_ms
        self.seq += 1
        if self._wire is None:
            self.said = self._compose(self.concluded)
            self._wire = _stored(report_item(self.said))
        else:
            self._wire = {**self._wire, "seq": {"N": str(self.seq)}, names.TTL: {"N": str(now_ms // 1000 + 600)}}
        self.reported_ms = now_ms
        self.world.table.put(self._wire)
        for name, reason in list(self.wanted.items()):
            self.world.table.put(_stored(request_item(self._request(name, reason))))
            del self.wanted[name]
        return True

    def _compose(self, told: Concluded) -> Report:
        now_ms = self.world.schedule.now_ms
        assembly = self.assembly
        restarts = max(0, self.application.seen.run - 1)
        each = told.applications.items()
        applications = tuple((n, ApplicationReport(verdict=v, restarts=restarts, reason=r)) for n, (v, r) in each)
        return Report(
            deployable=self.machine.place[0], assembly=self.machine.place[1], instance=self.machine.id, boot=f"b{self.boots}", seq=self.seq,
            epoch=told.epoch, at_ms=now_ms, phase=told.phase, verdict=told.verdict, applications=applications, address=self.machine.address,
            ha_port=assembly.ha_port, http_port=assembly.http_port, agent="1", expires_at=now_ms // 1000 + 600,
        )  # fmt: skip

    def _request(self, name: str, reason: str) -> Request:
        now_ms, epoch = self.world.schedule.now_ms, self.concluded.epoch if self.concluded else 0
        self.world.watch.asked(self, epoch)
        return Request(
            deployable=self.machine.place[0], assembly=self.machine.place[1], instance=self.machine.id, epoch=epoch, at_ms=now_ms,
            application=name, reason=reason, expires_at=now_ms // 1000 + 3600,
        )  # fmt: skip

    # --- its cycle ---------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Observe, decide, perform, until nothing is left to do at this moment."""
        for _ in range(20):
            if not self.up or not self.machine.thinks:
                return
            now_s = self.world.schedule.now_ms / 1000
            snapshot = Snapshot(
                now_s=now_s, permit=self.permit, terminating=self.terminating, stop_asked=self.stop_asked,
                powering_off=self.stop_asked, applications={self.name: self.application.seen},
            )  # fmt: skip
            decision = decide(self.memory, snapshot, self.assembly)
            self.memory = decision.memory
            for action in decision.actions:
                self._perform(action)
            if decision.concluded != self.concluded:
                self.concluded, self._wire = decision.concluded, None
                self._report()
                self.world.watch.notice(self)
            if decision.finished and self._off is not None:
                off, self._off = self._off, None
                off()
                return
            if not decision.actions:
                self._wake_at(next_deadline_s(self.memory, snapshot, self.assembly))
                return
        raise AssertionError(f"{self.machine.id}'s agent spins")

    def _wake_at(self, at_s: float | None) -> None:
        at_ms = int(at_s * 1000) + 1 if at_s is not None else 0
        if at_ms and at_ms != self._deadline_ms:
            self._deadline_ms = at_ms
            self.world.schedule.at(at_ms, self.step)

    def _perform(self, action: object) -> None:
        match action:
            case Start(_, epoch):
                self.application.start(epoch)
            case Stop(_, grace_s):
                self.application.stop(grace_s)
            case AskReplacement(name, reason):
                self.wanted[name] = reason
                self._report()
            case GiveUp(epoch):
                self.given_up = max(self.given_up, epoch)

    def _sees_target(self) -> None:
        if self.up and self.machine.thinks:
            self.terminating = True
            self.step()
        elif self.up and self.machine.frozen:
            self.world.schedule.later(TARGET_STATE_S, self._sees_target)

    # --- looked at from outside --------------------------------------------------------------------------------------------

    def answers(self) -> tuple[str, str] | None:
        """What its HA port and its HTTP say, as core.recovery.outlook words them; None when nobody is there to say anything."""
        if not self.up or not self.machine.thinks or self.probes_cuts or self.concluded is None:
            return None
        told = ha_port.Told(self.concluded.verdict, self.concluded.reason)
        line = ha_port.answer("ping", ha_port.View(subject=told, applications={}, status={})).text.strip()
        well = self.concluded.verdict in _WELL
        return (OK if line == "OK" else f"{SAYS}{line[:80]}"), (OK if well else "status 503")
