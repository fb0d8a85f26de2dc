"""How long clients will wait, by kind of failure: our share as it was measured or as the file's settings make it, AWS's by its delays.

The application's own stop and start come on top; only its owner knows them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.application import Application, Probe
from core.capacity import DAY_S
from core.images import NAMED
from core.model import Assembly, Deployable, FrontKind
from core.state import Persist


@dataclass(frozen=True, slots=True)
class Delay:
    """How long AWS itself takes for one thing, in seconds. source: the page or measurement it is from, or that it is assumed."""

    name: str
    seconds: float
    source: str


@dataclass(frozen=True, slots=True)
class Share:
    """Our part of a recovery, in seconds, AWS's waits taken out. how: where the numbers are from."""

    typical_s: float
    worst_s: float
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One kind of failure of one assembly. ours: None when nobody would notice. aws: the delays that are waited for."""

    assembly: str
    failure: str
    ours: Share | None
    aws: tuple[Delay, ...]
    remark: str = ""

    @property
    def aws_s(self) -> float:
        return sum(delay.seconds for delay in self.aws)


# From docs/measurements.md: two busy cores, so that a quiet account is faster. A row's drill is named.
AT_ONCE = Share(0.01, 0.1, "measured: kill-application")
MACHINE_GONE = Share(3.1, 5.3, "measured: kill-instance")
MACHINE_HUNG = Share(43.0, 44.3, "measured: freeze-instance")
PAST_TOLERANCE = Share(10.1, 15.0, "measured: flap; the worst is assumed")
EVENTS_LOST = Share(26.7, 65.3, "measured: lost-events; at worst a whole minute, then as with them")
RETIRED = Share(3.1, 5.3, "assumed: as when the machine is gone; the old one stops in order while the new one is launched")
NOBODY_WAITS = Share(0.0, 0.1, "measured: kill-agent")

# What a new machine waits for; the old one ends meanwhile, in less time.
_NEW_MACHINE = ("group_launch", "pending", "boot")
_FRONT = {
    FrontKind.NONE: (),
    FrontKind.ELASTIC_IP: ("address_move",),
    FrontKind.DNS: ("record_change",),
    FrontKind.NETWORK_INTERFACE: ("interface_move",),
    FrontKind.ALB: ("alb_target",),
    FrontKind.NLB: ("nlb_target",),
}


def expected(deployable: Deployable, delays: Mapping[str, Delay]) -> Iterator[Expected]:
    """Raises KeyError naming a delay that is needed and not there."""
    for assembly in deployable.assemblies:
        yield from _in_place(assembly)
        yield from _replaced(assembly, delays)


def _in_place(assembly: Assembly) -> Iterator[Expected]:
    """What the agent heals on the machine: AWS is not waited for."""
    yield Expected(assembly=assembly.name, failure="an application dies", ours=AT_ONCE, aws=(), remark=_restart(assembly))
    for application in assembly.applications:
        share = hang_noticed(application)
        remark = _stop_and_start(application) if share else "it has no probe: nobody would notice"
        yield Expected(assembly=assembly.name, failure=f"{application.name} hangs", ours=share, aws=(), remark=remark)
    yield Expected(assembly=assembly.name, failure="the agent dies", ours=NOBODY_WAITS, aws=(), remark="clients notice nothing")


def _replaced(assembly: Assembly, delays: Mapping[str, Delay]) -> Iterator[Expected]:
    """What costs the machine: another one is launched."""
    waits = (*_NEW_MACHINE, *(("volume_move",) if assembly.state.on_volume else ()), *_FRONT[assembly.front.kind])

    def row(failure: str, ours: Share, *first: str) -> Expected:
        aws = tuple(delays[name] for name in (*first, *waits))
        return Expected(
            assembly=assembly.name,
            failure=failure,
            ours=ours,
            aws=aws,
            remark=_restart(assembly) + _kept_state(assembly) + _kept_answer(assembly) + _new_target(assembly) + _installed(assembly),
        )

    yield row("an application fails past its tolerance", PAST_TOLERANCE, "stream_poll", "cold_start")
    yield row("the machine is gone", MACHINE_GONE, "event", "cold_start")
    yield row("the machine hangs or is cut off", MACHINE_HUNG, "log_to_metric", "alarm_evaluation", "cold_start")
    if assembly.capacity.spot:
        yield row("EC2 takes the spot machine back", RETIRED, "event", "cold_start")
    if assembly.capacity.lifetime_s is not None:
        yield row(f"the machine has served for {assembly.capacity.lifetime_s / DAY_S:g} days", RETIRED)
    # The group finds out by itself then, by its own checks.
    yield row("the machine is gone, and every event is lost", EVENTS_LOST, "group_detection", "cold_start")


def hang_noticed(application: Application) -> Share | None:
    """Until the quickest of its probes has failed often enough; None when it has none."""
    shares = [_noticed(probe) for probe in application.probes]
    return min(shares, key=lambda share: share.worst_s, default=None)


def _noticed(probe: Probe) -> Share:
    """It hangs somewhere between two questions: at worst right after an answer."""
    worst_s = probe.fall * (probe.every_s + probe.jitter_s) + probe.timeout_s
    how = f"the file: {probe.fall} probe{'' if probe.fall == 1 else 's'} in a row, every {probe.every_s:g} s"
    return Share(worst_s - (probe.every_s + probe.jitter_s) / 2, worst_s, how)


def _stop_and_start(application: Application) -> str:
    return f"and its own stop (at most {application.stop_timeout_s:g} s) and start (at most {application.start_timeout_s:g} s)"


def _new_target(assembly: Assembly) -> str:
    if assembly.front.kind is not FrontKind.NLB:
        return ""
    return ", and the network load balancer, which serves a new target only after one to three minutes"


def _kept_answer(assembly: Assembly) -> str:
    """Who looked a name up just before it moved goes to the old address until the answer is too old."""
    record = assembly.front.record
    return f", and what clients keep of the name's old address (at most {record.ttl_s:g} s)" if record is not None else ""


def _installed(assembly: Assembly) -> str:
    """An image whose Python is too old waits for Amazon's repository first; no figure is published."""
    if assembly.capacity.warm_pool:
        return ", out of the warm pool: nothing is installed or fetched any more; how long its start takes AWS does not say"
    named = NAMED.get(assembly.image)
    return f", and before it some seconds to install {named.python_package}" if named is not None and named.python_package else ""


def _kept_state(assembly: Assembly) -> str:
    """It is fetched before anything starts; how long that takes is its owner's to know."""
    if not assembly.state.saved or assembly.state.persist is Persist.CLEAN:
        return ""
    return " after its state is fetched (0.2 s, and some 20 s for each GB)"


def _restart(assembly: Assembly) -> str:
    slowest_s = max((application.start_timeout_s for application in assembly.applications), default=0.0)
    return f"and its own start (each at most {slowest_s:g} s)"
