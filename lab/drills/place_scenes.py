"""The drills in which AWS has no machine of the kind, or in the place, that was to be had so far."""

from __future__ import annotations

import time
from typing import Any

from lab.drills.machine_scenes import replaced, terminate_holder
from lab.drills.model import Outcome, exactly
from lab.drills.sabotage import KEPT_SUBNETS
from lab.drills.stage import Situation, Stage


def no_capacity(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Of the first type there is none anywhere, of the others none in the first zone: the last place to be tried has one."""
    types, zones = _types(stage), _zones(stage)
    if len(types) < 2 or len(zones) < 2:
        raise LookupError("the assembly has one size or one zone only: play it with one that names two sizes in two zones")
    wanted = (types[1], zones[-1])
    taken = [types[0], *(f"{size}/{zone}" for size in types[1:] for zone in zones[:-1]), *(f"{size}/{zones[-1]}" for size in types[2:])]
    stage.cloud.control("short", places=taken)
    try:
        outcome, _ = replaced(stage, before, terminate_holder(stage, before), limit_s)
        place = place_of(stage, stage.situation().holder)
    finally:
        stage.cloud.control("short", places=[])
    stage.tell(f"the new machine is a {place[0]} in {place[1]}")
    promises = (exactly(f"the new machine is a {wanted[0]} in {wanted[1]}", int(place == wanted), 1),)
    return Outcome((*outcome.promises, *promises), outcome.incident, outcome.until)


def zone_loss(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """All that is in the node's zone is without power, and nothing can be launched there."""
    zones, (_, lost) = _zones(stage), place_of(stage, before.holder)
    if len(zones) < 2:
        raise LookupError("the deployable has one zone only: while that is lost, so is the service")
    at = time.time()
    stage.cloud.control("zone", zone=lost, lost=True)
    try:
        outcome, record = replaced(stage, before, at, limit_s)
        zone = place_of(stage, stage.situation().holder)[1]
    finally:
        stage.cloud.control("zone", zone=lost, lost=False)
    promises = (
        exactly("the new machine is in another zone", int(zone not in ("", lost)), 1),
        exactly("it was confirmed from inside and outside, for EC2 said nothing", int(record.get("cause") == "signals"), 1),
    )
    return Outcome((*outcome.promises, *promises), outcome.incident, outcome.until)


def group_of(stage: Stage) -> dict[str, Any]:
    found = stage.cloud.clients["autoscaling"].describe_auto_scaling_groups(AutoScalingGroupNames=[stage.slot.group])
    return dict(found["AutoScalingGroups"][0])


def _types(stage: Stage) -> list[str]:
    """The sizes that the group tries, in its order; empty when its template names the only one."""
    template = group_of(stage).get("MixedInstancesPolicy", {}).get("LaunchTemplate", {})
    return [str(override["InstanceType"]) for override in template.get("Overrides", [])]


def _zones(stage: Stage) -> list[str]:
    """The zones of the subnets that the template gave the group, in its order; also while a sabotage leaves it one of them."""
    group = group_of(stage)
    kept = next((str(tag["Value"]) for tag in group["Tags"] if tag["Key"] == KEPT_SUBNETS), "")
    subnets = (kept or str(group["VPCZoneIdentifier"])).split(",")
    rows = stage.cloud.clients["ec2"].describe_subnets(SubnetIds=subnets)["Subnets"]
    zone_of = {row["SubnetId"]: str(row["AvailabilityZone"]) for row in rows}
    return [zone_of[subnet] for subnet in subnets]


def place_of(stage: Stage, instance: str) -> tuple[str, str]:
    """(size, zone) of a machine; empty ones while there is none."""
    if not instance:
        return "", ""
    [row] = stage.cloud.clients["ec2"].describe_instances(InstanceIds=[instance])["Reservations"]
    return str(row["Instances"][0]["InstanceType"]), str(row["Instances"][0]["Placement"]["AvailabilityZone"])
