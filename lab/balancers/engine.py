"""The load balancers that moto's stores know, each with an address, a proxy that runs, and targets that take AWS's time.

One address for each balancer, where AWS has one in each zone; made at once, where AWS takes minutes.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Any

from moto.backends import get_backend
from moto.ec2.exceptions import InvalidInstanceIdError

from lab.balancers.outer import Running, launch
from lab.balancers.targets import CHECKING, INITIAL
from lab.world import ACCOUNT, REGION, World

TICK_S = 0.25
REGISTERING = "Elb.RegistrationInProgress"
_LEAVE = "nlb_target_leaves"
log = logging.getLogger("lab.balancers")


@dataclass(slots=True)
class Entry:
    """A target as its group has it. known_at: when the balancer has come to know it; gone_at: when it forgets it again, real seconds."""

    known_at: float
    gone_at: float | None = None
    state: str = INITIAL
    reason: str = REGISTERING


@dataclass(slots=True)
class Balancers:
    """Safe to call from any thread. world.network: None where there is none; then nothing is forwarded and no target becomes known."""

    world: World
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _entries: dict[tuple[str, str], Entry] = field(default_factory=dict)
    _running: dict[str, Running] = field(default_factory=dict)
    _made: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    # --- what the stores tell ---------------------------------------------------------------------------

    def registered(self, group: Any, targets: list[str]) -> None:
        """Known to the balancer, and asked for the first time, only after AWS's delay; again and again is once."""
        name = "nlb_target" if group.protocol in ("TCP", "TLS") else "alb_target"
        delay, clock = self.world.delays[name], self.world.clock
        with self._lock:
            for target in targets:
                entry = self._entries.get((group.arn, target))
                if entry is not None and entry.gone_at is None:
                    continue
                start = clock.now()
                known_at = start + clock.real(delay.seconds)
                self._entries[group.arn, target] = Entry(known_at)
                self.world.journal.delay(name, target, start=start, end=known_at, source=delay.source)
                self.world.journal.say("balancer", f"{target} registered in {group.name}", target=target)

    def deregistered(self, group: Any, targets: list[str], *, dead: bool = False) -> None:
        """An NLB goes on with one for a while that is taken out; nobody does with one that is terminated."""
        slow = group.protocol in ("TCP", "TLS") and not dead
        wait_s = self.world.clock.real(self.world.delays[_LEAVE].seconds) if slow else 0.0
        with self._lock:
            for target in targets:
                entry = self._entries.get((group.arn, target))
                if entry is not None and entry.gone_at is None:
                    entry.gone_at = self.world.clock.now() + wait_s
                    self.world.journal.say("balancer", f"{target} {'terminated: out of' if dead else 'taken out of'} {group.name}")

    def gone(self, instance: str) -> None:
        """A terminated instance is no target any more (API_TargetHealth.html: Target.InvalidState)."""
        for group in list(_stores().target_groups.values()):
            if instance in group.targets:
                group.deregister_terminated_instances([instance])
                self.deregistered(group, [instance], dead=True)

    def state_of(self, group_arn: str, target: str) -> tuple[str, str] | None:
        """(state, reason) as DescribeTargetHealth tells them; None for one that was never registered or has left."""
        with self._lock:
            entry = self._entries.get((group_arn, target))
            return None if entry is None or entry.gone_at is not None else (entry.state, entry.reason)

    # --- the proxies -------------------------------------------------------------------------------------

    def start(self) -> None:
        threading.Thread(target=self._run, name="balancers", daemon=True).start()

    def stop(self) -> None:
        self._over.set()
        with self._lock:
            for running in self._running.values():
                running.end()

    def _run(self) -> None:
        if self.world.network is None:
            return
        while not self._over.wait(TICK_S):
            try:
                self._keep_up()
            except (OSError, LookupError, ValueError):
                log.exception("the balancers could not be kept in step")

    def _keep_up(self) -> None:
        """Make each proxy what the stores say by now."""
        found = dict(_stores().load_balancers)
        for arn in set(self._running) - set(found):
            self._take_down(self._running.pop(arn))
        for arn, balancer in found.items():
            running = self._running.get(arn)
            if running is None:
                self._made += 1
                running = launch(self.world, balancer, self._made, self._heard)
            elif running.died:
                log.error("the proxy of %s died: another one takes its place", running.name)
                running = launch(self.world, balancer, running.number, self._heard)
            self._running[arn] = running
            running.become(self._wanted(balancer))

    def _take_down(self, running: Running) -> None:
        running.end()
        self.world.names.pop(running.name, None)

    def _wanted(self, balancer: Any) -> dict[str, Any]:
        listeners, groups = [], {}
        for listener in list(balancer.listeners.values()):
            action = listener.default_actions[0].data
            said: dict[str, Any] = {"port": int(listener.port), "protocol": listener.protocol}
            if listener.certificates:
                said["certificate"] = str(self._certificate(listener.certificates[0]))
            if action["Type"] == "redirect":
                to = action["RedirectConfig"]
                said["redirect"] = [int(to["StatusCode"].removeprefix("HTTP_")), to["Protocol"], to["Port"]]
            else:
                group = _stores().target_groups[action["TargetGroupArn"]]
                said["group"] = group.arn
                groups[group.arn] = {"check": self._check(group), "targets": self._known(group)}
            listeners.append(said)
        return {"listeners": listeners, "groups": groups}

    def _known(self, group: Any) -> list[dict[str, Any]]:
        """Those that the balancer knows by now, with their addresses."""
        now = self.world.clock.now()
        known = []
        with self._lock:
            for (arn, target), entry in list(self._entries.items()):
                if arn != group.arn:
                    continue
                if entry.gone_at is not None and entry.gone_at <= now:
                    del self._entries[arn, target]
                elif entry.known_at <= now:
                    if entry.reason == REGISTERING:
                        entry.reason = CHECKING
                    address = _address(target)
                    known += [{"id": target, "address": address, "port": int(group.port)}] if address else []
        return known

    def _check(self, group: Any) -> dict[str, Any]:
        real = self.world.clock.real
        port = group.health_check_port
        return {
            "protocol": group.health_check_protocol,
            "port": 0 if port in (None, "traffic-port") else int(port),
            "path": group.health_check_path or "/",
            "every_s": real(int(group.health_check_interval_seconds)),
            "timeout_s": real(int(group.health_check_timeout_seconds)),
            "healthy": int(group.healthy_threshold_count),
            "unhealthy": int(group.unhealthy_threshold_count),
            "codes": (getattr(group, "matcher", None) or {}).get("HttpCode", "200"),
        }

    def _certificate(self, arn: str) -> Any:
        """A file with the certificate and its key, for the proxy alone."""
        bundle = get_backend("acm")[ACCOUNT][REGION].get_certificate(arn)
        path = self.world.lab_dir / f"certificate-{arn.rsplit('/', 1)[-1]}.pem"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(bundle.cert + b"\n" + bundle.key)
        return path

    def _heard(self, said: dict[str, str]) -> None:
        """A proxy found a target's health changed."""
        with self._lock:
            entry = self._entries.get((said["group"], said["target"]))
            if entry is None or (entry.state, entry.reason) == (said["state"], said["reason"]):
                return
            entry.state, entry.reason = said["state"], said["reason"]
        why = f" ({said['reason']})" if said["reason"] else ""
        self.world.journal.say("balancer", f"finds {said['target']} {said['state']}{why}", target=said["target"])


def _stores() -> Any:
    return get_backend("elbv2")[ACCOUNT][REGION]


def _address(target: str) -> str:
    """Its private address; "" when EC2 does not know it any more."""
    try:
        return str(get_backend("ec2")[ACCOUNT][REGION].get_instance(target).private_ip or "")
    except InvalidInstanceIdError:
        return ""
