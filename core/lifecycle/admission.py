"""What admit_node does next about an instance that its group has launched and holds in the launch hook."""

from __future__ import annotations

from dataclasses import dataclass

from core.model import Verdict
from core.records import Permit, Phase, Report
from core.recovery.outlook import failing_for_s, not_serving
from core.recovery.snapshot import View

BOOT_S = 300.0  # from launch until the node's agent must have answered; it cannot know its own start grace before
DEAF_S = 30.0  # sweeps in a row that got no answer must span this, before a node that reports is given up: never on one look


@dataclass(frozen=True, slots=True)
class Wait:
    """heartbeat: the node itself is in time, so keep the hook alive when leaving."""

    reason: str
    heartbeat: bool = True


@dataclass(frozen=True, slots=True)
class TakeLook:
    instance: str


@dataclass(frozen=True, slots=True)
class WritePermit:
    """Write it only if the stored one is still `over` (None: there is none)."""

    permit: Permit
    over: Permit | None
    reason: str


@dataclass(frozen=True, slots=True)
class Complete:
    reason: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Not let in. keep_evidence: it ran and was not good enough, so keep why."""

    reason: str
    keep_evidence: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """Its hook is not waiting any more."""

    reason: str


Step = Wait | TakeLook | WritePermit | Complete | Abandon | Done


def next_step(view: View, instance: str) -> Step:
    """The predecessor is seen gone before anybody else is permitted: prefer none over two."""
    lifecycle = view.lifecycle_of(instance)
    machine = view.machines.get(instance)
    if not lifecycle or not lifecycle.startswith("Pending"):
        return Done(f"{instance} is {lifecycle or 'not in the group any more'}")
    if machine is None:
        # https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html
        return Wait(f"EC2 does not know {instance} yet", heartbeat=False)
    if view.is_woken(instance):
        return Wait(f"{instance} comes out of the warm pool and is {machine.state} still", heartbeat=False)
    if view.is_gone(instance):
        return Abandon(f"{instance} is {machine.state}")
    permit = view.permit
    if permit is not None and permit.instance == instance:
        return _after_permit(view, instance, permit)
    return _before_permit(view, instance, permit)


def _before_permit(view: View, instance: str, permit: Permit | None) -> Step:
    report = view.reports.get(instance)
    up_s = (view.now_ms - view.machines[instance].launched_ms) / 1000
    fresh = view.fresh.get(instance)
    if view.pool is not None and not view.members[instance].current:
        return Abandon(former(instance))
    if report is None or report.phase is Phase.PREPARED:
        if up_s > BOOT_S:
            return Abandon(f"{instance} has not reported within {BOOT_S:g} s of its launch", keep_evidence=True)
        # EC2 tells when it was *last* launched: of a machine out of the warm pool that is its start, and its report is from before.
        # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html (launchTime)
        return Wait(f"{instance} has not reported yet, {up_s:.0f} s after its launch", heartbeat=False)
    if report.phase is not Phase.WAITING:
        return Abandon(f"{instance} reports {report.phase.value} without a permit in its name", keep_evidence=True)
    if permit is not None:
        blocked = predecessor_blocks(view, permit)
        if blocked is not None:
            return Wait(blocked)
    running = _runs_beyond(view, instance, permit)
    if running is not None:
        return Wait(
            f"{running.instance} says it is {running.phase.value} under epoch {running.epoch}, which no permit that is stored explains"
        )
    if fresh is None:
        return TakeLook(instance)
    if not fresh.answered:
        looks = view.looks.get(instance)
        deaf_s = failing_for_s(looks) if looks else None
        if up_s > BOOT_S and deaf_s is not None and deaf_s >= DEAF_S:
            return Abandon(f"{instance} reports but does not answer from outside (HA port: {fresh.look.ha})", keep_evidence=True)
        return Wait(f"{instance} does not answer from outside yet (HA port: {fresh.look.ha})", heartbeat=False)
    if view.unmet:
        return Wait(f"{instance} is to start after others: {'; '.join(view.unmet)}")
    new = Permit(
        deployable=view.watched.deployable,
        assembly=view.watched.name,
        instance=instance,
        # Above every epoch that was ever heard of: it only grows, whatever became of the item.
        epoch=1 + max((permit.epoch if permit else 0, *(r.epoch for r in view.reports.values()))),
        at_ms=view.now_ms,
        predecessor=permit.instance if permit else None,
    )
    gone = "there was none before it" if permit is None else f"its predecessor {permit.instance} {_how_gone(view, permit)}"
    return WritePermit(new, permit, f"{instance} answers and {gone}")


def former(instance: str) -> str:
    """Why it goes. A rolling update leaves the warm pool alone, and what it launches next may come from there; so may what comes after a
    version was rolled back. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-warmpool.html
    """
    return f"{instance} was launched from a version of the launch template that its group launches no more"


def predecessor_blocks(view: View, permit: Permit) -> str | None:
    """Why the holder of the permit may still be running its applications; None once it cannot.

    Only EC2's `terminated` counts, or the holder's own word, under its own epoch, that it has
    released them for good. `stopped` does not count: it can be started again. Where the file says
    `fence_timeout`, so does that EC2 did not confirm its end in that time, though it was ended by force.
    """
    if view.is_dead(permit.instance) or _released(view, permit) or _proceeds(view, permit):
        return None
    return f"the permit is still {permit.instance}'s (epoch {permit.epoch}), which is {view.state_of(permit.instance)}"


def _proceeds(view: View, permit: Permit) -> bool:
    incident = view.incident
    if incident is None or incident.ended or not incident.proceeded_ms:
        return False
    return (incident.instance, incident.epoch) == (permit.instance, permit.epoch)


def _runs_beyond(view: View, instance: str, permit: Permit | None) -> Report | None:
    """Another node that runs under an epoch newer than the stored permit's: that item was lost, or restored from the past."""
    known = permit.epoch if permit else 0
    beyond = [
        r
        for r in view.reports.values()
        if r.instance != instance and r.epoch > known and r.phase is not Phase.RELEASED and not view.is_dead(r.instance)
    ]
    return max(beyond, key=lambda r: r.epoch, default=None)


def _released(view: View, permit: Permit) -> bool:
    report = view.reports.get(permit.instance)
    return report is not None and report.phase is Phase.RELEASED and report.epoch == permit.epoch


def _how_gone(view: View, permit: Permit) -> str:
    if view.is_dead(permit.instance):
        return f"is {view.state_of(permit.instance)}"
    if _proceeds(view, permit):
        return f"is not seen to have ended ({view.state_of(permit.instance)}), which the file lets pass"
    return f"has released epoch {permit.epoch}"


def _after_permit(view: View, instance: str, permit: Permit) -> Step:
    report = view.reports.get(instance)
    if not_serving(permit, view.reports) is None:
        return Complete(f"{instance} runs under epoch {permit.epoch} and is well")
    waited_s = (view.now_ms - permit.at_ms) / 1000
    stands = "no report" if report is None else f"{report.phase.value}, {Verdict(report.verdict).value}, epoch {report.epoch}"
    if waited_s > view.watched.start_grace_s:
        return Abandon(f"{instance} is not ready {waited_s:.0f} s after its permit ({stands})", keep_evidence=True)
    return Wait(f"{instance} has its permit (epoch {permit.epoch}) and starts ({stands})")
