"""AutoScalingRollingUpdate: CloudFormation replaces a group's instances, batch by batch, and waits for each to be told of.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html. The events' words and their
order are AWS's: the old ones are terminated first, CloudFormation does not wait for their hooks, the group launches others in their
place (github.com/buildkite/elastic-ci-stack-for-aws/issues/130, github.com/awslabs/amazon-eks-ami/issues/66).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from lab.emulator.client import client
from lab.emulator.cloudformation.policies import ROLLS, Placed, only
from lab.emulator.cloudformation.provider import ResourceError
from lab.emulator.cloudformation.signals import await_signals, listening, seconds_of
from lab.groups.model import LIVE_STATES

TYPE = "AWS::AutoScaling::AutoScalingGroup"
# A change of the mixed instances policy's template rolls like one of the template alone (github.com/kubernetes-retired/kube-aws/pull/1531).
ROLLING = {"LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier"}
PAUSE_LONGEST_S = 3600.0
_KEYS = ("MaxBatchSize", "MinInstancesInService", "PauseTime", "SuspendProcesses", "WaitOnResourceSignals")


@dataclass(frozen=True, slots=True)
class Rolling:
    """An AutoScalingRollingUpdate. pause: as the template writes it; pause_s: AWS's seconds."""

    batch: int
    pause: str
    pause_s: float
    held: tuple[str, ...]

    def __call__(self, placed: Placed, name: str, changed: Set[str]) -> None:
        """Replace the instances that are not of the group's present version. Raises ResourceError.

        Those in service or on their way alone, not those in a warm pool (aws-resource-autoscaling-warmpool.html). Where there is none, as
        after an abandoned launch, nobody is waited for; no page tells what AWS does then.
        """
        if not changed & ROLLING:
            return
        api = client(placed.world.endpoint, "autoscaling")
        old = _obsolete(api, name, everybody="VPCZoneIdentifier" in changed)
        if not old:
            return
        placed.say(
            f"Rolling update initiated. Terminating {len(old)} obsolete instance(s) in batches of {self.batch}, while keeping at least 0 "
            f"instance(s) in service. Waiting on resource signals with a timeout of {self.pause} when new instances are added to the "
            "autoscaling group."
        )
        if self.held:
            api.suspend_processes(AutoScalingGroupName=name, ScalingProcesses=self.held)
        try:
            for begin in range(0, len(old), self.batch):
                self._replace(placed, api, old[begin : begin + self.batch])
        finally:
            if self.held:
                api.resume_processes(AutoScalingGroupName=name, ScalingProcesses=self.held)

    def _replace(self, placed: Placed, api: Any, batch: list[str]) -> None:
        with listening(placed.stack_id, placed.logical_id, placed.say) as box:
            placed.say(f"Terminating instance(s) [{','.join(batch)}]; replacing with {len(batch)} new instance(s).")
            for instance in batch:
                api.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=False)
            placed.say(
                f"New instance(s) added to autoscaling group - Waiting on {len(batch)} resource signal(s) with a timeout of {self.pause}."
            )
            await_signals(placed.world, box, count=len(batch), timeout_s=self.pause_s)


def rolling(policy: Mapping[str, Any]) -> Rolling:
    """Raises ResourceError for what the lab does not imitate."""
    only(policy, "UpdatePolicy", "AutoScalingRollingUpdate")
    given = policy.get("AutoScalingRollingUpdate", {})
    only(given, "AutoScalingRollingUpdate", *_KEYS)
    if int(given.get("MinInstancesInService", 0)) != 0:
        raise ResourceError("the lab rolls with MinInstancesInService 0 only: it does not raise a group's capacity for an update")
    if str(given.get("WaitOnResourceSignals", False)).lower() != "true":
        raise ResourceError("the lab rolls with WaitOnResourceSignals only")
    pause = str(given.get("PauseTime", "PT5M"))
    return Rolling(
        batch=int(given.get("MaxBatchSize", 1)),
        pause=pause,
        pause_s=seconds_of(pause, longest=PAUSE_LONGEST_S, what="PauseTime"),
        held=tuple(str(process) for process in given.get("SuspendProcesses", [])),
    )


def _obsolete(api: Any, name: str, *, everybody: bool) -> list[str]:
    """Instances that count towards the capacity and were launched from another version than the group launches now."""
    (group,) = api.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    wanted = (mixed or group["LaunchTemplate"])["Version"]
    return [
        member["InstanceId"]
        for member in group["Instances"]
        if member["LifecycleState"] in LIVE_STATES and (everybody or member.get("LaunchTemplate", {}).get("Version") != wanted)
    ]


ROLLS[TYPE] = rolling
