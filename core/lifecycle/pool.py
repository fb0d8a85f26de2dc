"""What is done about the instances of a group's warm pool: prepared, stopped, and ended when the group launches another version.

None of them is a member of its group, so that none is ever permitted, counted or taken for a replacement. Those that come out of the
pool are members, and let in as any other (core.lifecycle.admission). docs/decisions/warm-pool.md
https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
"""

from __future__ import annotations

from dataclasses import dataclass

from core.lifecycle import retirement
from core.lifecycle.admission import BOOT_S, Abandon, Done, Wait, former
from core.records import Phase
from core.recovery.snapshot import View

STOPPED, PREPARING, ENDING = "Warmed:Stopped", "Warmed:Pending:Wait", "Warmed:Terminating:Wait"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Its hook is answered, and AWS stops it."""

    reason: str


def is_in(view: View, instance: str) -> bool:
    return view.pool is not None and instance in view.pool


def entering(view: View, instance: str) -> Wait | Prepared | Abandon | Done:
    """Of an instance that its group prepares for the pool, and that waits in the launch hook for the first time.

    It is stopped when all of its user data has run, as its agent tells: AWS "does not wait for user data to finish running", and runs it
    once. One that does not get so far in the time of a boot is ended: it would come up without an agent when it is needed.
    """
    assert view.pool is not None, "whoever asks has found it there"
    member, machine, report = view.pool[instance], view.machines.get(instance), view.reports.get(instance)
    if member.lifecycle != PREPARING:
        return Done(f"{instance} is {member.lifecycle}")
    if machine is None:
        return Wait(f"EC2 does not know {instance} yet", heartbeat=False)
    if view.is_gone(instance):
        return Abandon(f"{instance} is {machine.state}")
    if not member.current:
        return Abandon(former(instance))
    if report is not None and report.phase is Phase.PREPARED:
        return Prepared(f"{instance} is laid out for the warm pool")
    up_s = (view.now_ms - machine.launched_ms) / 1000
    if up_s <= BOOT_S:
        stands = "has not reported yet" if report is None else f"reports {report.phase.value}"
        return Wait(f"{instance} {stands}, {up_s:.0f} s after its launch into the warm pool", heartbeat=False)
    if report is not None and report.phase is Phase.WAITING:
        return Prepared(f"{instance} is laid out, and its metadata does not tell it of the warm pool")
    return Abandon(f"{instance} is not laid out within {BOOT_S:g} s of its launch into the warm pool", keep_evidence=True)


def leaving(view: View, instance: str) -> retirement.Complete | retirement.Done:
    """Of an instance that ends in the pool: it never ran anything, so that nothing is waited for."""
    assert view.pool is not None, "whoever asks has found it there"
    lifecycle = view.pool[instance].lifecycle
    if lifecycle != ENDING:
        return retirement.Done(f"{instance} is {lifecycle}")
    return retirement.Complete(f"{instance} was in the warm pool and never ran anything")


def outdated(view: View) -> tuple[str, ...]:
    """Those that lie stopped in the pool and were launched from another version than the group launches now.

    Not while recovery is paused or in shadow mode, nor while an incident is open, which goes first: whoever comes out of the pool is
    looked at again.
    """
    held = view.intents.paused is not None or view.intents.shadow is not None
    if not view.pool or held or (view.incident is not None and not view.incident.ended):
        return ()
    return tuple(sorted(name for name, member in view.pool.items() if member.lifecycle == STOPPED and not member.current))
