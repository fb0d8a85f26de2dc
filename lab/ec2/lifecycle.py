"""Every instance from pending to terminated: AWS's delays, the machine's power, and the events EC2 sends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.ec2.states import CODES, GUEST_SHUTDOWN_S, TERMINATED_VISIBLE_S, may_follow
from lab.world import ACCOUNT, REGION, MachineSpec, World

_SWEEP_S = 1.0  # how often silence is looked for, and the long terminated are forgotten


@dataclass(slots=True)
class Life:
    """One instance's life. moto: moto's own Instance, whose state we move. at: real seconds since the epoch."""

    moto: Any
    state: str = ""
    changed_at: float = 0.0
    running_at: float | None = None
    silent_since: float | None = None
    powered: bool = False  # a machine was booted and not yet seen off
    cycle: int = 0  # counts starts, so that a timer of an earlier one does nothing
    skip_os_shutdown: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def id(self) -> str:
        return str(self.moto.id)


class Instances:
    """Owns the state of all instances; moto keeps the rest of what the API tells about them."""

    def __init__(
        self, world: World, spec_of: Callable[[Any], MachineSpec], bury: Callable[[Any], None], forget: Callable[[str], None]
    ) -> None:
        """spec_of: what a machine boots from. bury: moto's clean-up at termination. forget: drop from DescribeInstances."""
        self._world, self._spec_of, self._bury, self._forget = world, spec_of, bury, forget
        self._lives: dict[str, Life] = {}
        self.on_boot: list[Callable[[str], None]] = []
        self.on_gone: list[Callable[[str], None]] = []
        self.on_start: list[Callable[[Any], None]] = []  # given moto's instance: of a stopped one that is started
        self.on_stop: list[Callable[[str], None]] = []

    def find(self, instance_id: str) -> Life | None:
        return self._lives.get(instance_id)

    def in_zone(self, zone: str) -> list[Life]:
        """Those that EC2 has there and that are not terminated."""
        return [life for life in list(self._lives.values()) if life.state != "terminated" and life.moto.availability_zone == zone]

    def launched(self, instance: Any) -> None:
        """RunInstances made it: pending now, running and then booting after AWS's delays."""
        life = Life(instance)
        self._lives[life.id] = life
        with life.lock:
            self._power_up(life)

    def start(self, life: Life) -> None:
        """StartInstances; nothing when it is pending or running already.

        Its launch time is the last one: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html (launchTime).
        """
        with life.lock:
            if life.state == "stopped":
                life.moto.launch_time = datetime.fromtimestamp(self._world.clock.now(), UTC)
                self._power_up(life)
                for act in self.on_start:
                    act(life.moto)

    def stop(self, life: Life, *, skip_os_shutdown: bool, force: bool) -> None:
        """StopInstances; nothing when it is stopping or stopped already."""
        with life.lock:
            if life.state in ("stopping", "stopped"):
                self._hurry(life, skip_os_shutdown=skip_os_shutdown, force=force)
                return
            self._power_down(life, "stopping", "stopped", skip_os_shutdown)

    def terminate(self, life: Life, *, skip_os_shutdown: bool, force: bool) -> None:
        """TerminateInstances, idempotent: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-terminate-methods.html.

        Force attempts the graceful shutdown first and is for an instance stuck in shutting-down: there it cuts the power.
        """
        with life.lock:
            if life.state in ("shutting-down", "terminated"):
                self._hurry(life, skip_os_shutdown=skip_os_shutdown, force=force)
                return
            self._power_down(life, "shutting-down", "terminated", skip_os_shutdown)

    def sweep(self) -> None:
        """Note who stopped answering, and forget who has been terminated for an hour."""
        now = self._world.clock.now()
        for life in list(self._lives.values()):
            if life.state == "terminated" and now - life.changed_at > self._world.clock.real(TERMINATED_VISIBLE_S):
                del self._lives[life.id]
                self._forget(life.id)
            elif life.state == "running" and life.powered:
                if self._answers(life.id):
                    life.silent_since = None
                elif life.silent_since is None:
                    life.silent_since = now

    def run(self, stop: threading.Event) -> None:
        """Sweep until told to stop."""
        while not stop.wait(_SWEEP_S):
            self.sweep()

    def _answers(self, instance_id: str) -> bool:
        """Whether EC2's own reachability check would get an answer; without machines it does."""
        machines = self._world.machines
        return machines is None or machines.answers(instance_id)

    def _enter(self, life: Life, state: str) -> None:
        assert may_follow(life.state, state), f"{life.id}: {life.state} -> {state}"
        life.state, life.changed_at = state, self._world.clock.now()
        life.moto._state.name, life.moto._state.code = state, CODES[state]
        self._world.journal.say("ec2", f"{life.id} is {state}", instance=life.id, state=state)
        if self._world.events is not None:
            # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-state-change-event.html
            arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{life.id}"
            self._world.events.emit("aws.ec2", "EC2 Instance State-change Notification", {"instance-id": life.id, "state": state}, [arn])

    def _after(self, name: str, life: Life, act: Callable[[], None]) -> None:
        """Do it after one of AWS's own delays, which goes to the journal's column of AWS."""
        delay = self._world.delays[name]
        start = self._world.clock.now()
        self._world.journal.delay(name, life.id, start=start, end=start + self._world.clock.real(delay.seconds), source=delay.source)
        self._world.clock.later(delay.seconds, act)

    def _power_up(self, life: Life) -> None:
        life.cycle += 1
        life.skip_os_shutdown, life.running_at, life.silent_since = False, None, None
        cycle = life.cycle
        self._enter(life, "pending")
        self._after("pending", life, lambda: self._run(life, cycle))

    def _run(self, life: Life, cycle: int) -> None:
        with life.lock:
            if life.state != "pending" or life.cycle != cycle:
                return
            self._enter(life, "running")
            life.running_at = life.changed_at
            self._after("boot", life, lambda: self._boot(life, cycle))

    def _boot(self, life: Life, cycle: int) -> None:
        with life.lock:
            if life.state != "running" or life.cycle != cycle or self._world.machines is None:
                return
            life.powered = True
            self._world.machines.boot(self._spec_of(life.moto))
            self._world.journal.say("ec2", f"{life.id} boots", instance=life.id)
        for act in self.on_boot:
            act(life.id)

    def _power_down(self, life: Life, via: str, end: str, skip_os_shutdown: bool) -> None:
        self._enter(life, via)
        life.skip_os_shutdown = skip_os_shutdown
        threading.Thread(target=self._shut_down, args=(life, via, end), name=f"ec2-{via}-{life.id}", daemon=True).start()

    def _hurry(self, life: Life, *, skip_os_shutdown: bool, force: bool) -> None:
        """A later call cuts the power of a guest that is still being waited for."""
        if (skip_os_shutdown or force) and life.state in ("shutting-down", "stopping"):
            life.skip_os_shutdown = True
            if self._held(life):
                return
            if life.powered and self._world.machines is not None:
                self._world.machines.power_off(life.id)

    def _held(self, life: Life) -> bool:
        """Stuck in shutting-down, its power on, as the page on terminating has it, and for longer than that page says.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/TroubleshootingInstancesShuttingDown.html
        """
        return self._world.hold_terminations and life.state == "shutting-down"

    def _shut_down(self, life: Life, via: str, end: str) -> None:
        """Wait for the guest as long as AWS does, cut the power, and conclude after AWS's own delay."""
        machines, clock = self._world.machines, self._world.clock
        while self._held(life):
            time.sleep(_SWEEP_S / 4)
        if life.powered and machines is not None:
            asked = not life.skip_os_shutdown and machines.is_on(life.id)
            if asked and not machines.shut_down(life.id, timeout_s=clock.real(GUEST_SHUTDOWN_S)):
                self._world.journal.say("ec2", f"{life.id} hung while shutting down: power cut", instance=life.id)
            machines.power_off(life.id)
            life.powered = False
        delay = self._world.delays["shutdown"]
        start = clock.now()
        self._world.journal.delay("shutdown", life.id, start=start, end=start + clock.real(delay.seconds), source=delay.source)
        clock.wait(delay.seconds)
        with life.lock:
            if life.state != via:  # a stopping instance was terminated meanwhile: that thread concludes
                return
            if end == "terminated":
                for act in self.on_gone:
                    act(life.id)
                self._bury(life.moto)
            self._enter(life, end)
            if end == "stopped":
                for act in self.on_stop:
                    act(life.id)
        if end == "terminated" and machines is not None:
            machines.discard(life.id)
