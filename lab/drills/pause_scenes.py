"""The drill of an operator's pause: Auto Scaling's own checks would replace a node, and must not until the pause is over."""

from __future__ import annotations

import time

from lab.drills import measure, operator
from lab.drills.cloud import wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.stage import Situation, Stage

_HELD = {"AZRebalance", "HealthCheck", "ReplaceUnhealthy"}  # by which a group replaces what seems to serve badly
_WATCH_S = 45.0  # a group that is not held begins with a replacement within seconds
_GAP_S = 1.0
_SWEEP_S = 75.0  # a minute's sweep, and what it wakes


def pause_holds_auto_scaling(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """The node is marked unhealthy while paused, as any health check of the group's might do."""
    at = time.time()
    operator.say(stage, "pause", stage.slot.assembly, "--for", "30m", "--reason", "somebody works on it")
    wait_for(lambda: suspended(stage) >= _HELD, timeout_s=2 * limit_s, every_s=0.5)
    held_s = time.time() - at if suspended(stage) >= _HELD else None
    marked_at = time.time()
    stage.tell(f"{before.holder} is marked unhealthy")
    health = {"HealthStatus": "Unhealthy", "ShouldRespectGracePeriod": False}
    stage.cloud.clients["autoscaling"].set_instance_health(InstanceId=before.holder, **health)
    time.sleep(_WATCH_S)
    paused = stage.situation()
    gap = measure.longest_gap(stage.samples(marked_at), since=marked_at)
    operator.say(stage, "resume", stage.slot.assembly, "--reason", "done")
    over_at = time.time()
    wait_for(lambda: stage.recovered(before, over_at), timeout_s=stage.patience_s, every_s=0.5)
    served = stage.client.good_since(over_at, count=10)
    wait_for(lambda: not suspended(stage), timeout_s=_SWEEP_S, every_s=0.5)
    after = stage.situation()
    promises = (
        at_most("until Auto Scaling is held", held_s, limit_s, "s"),
        exactly("machines launched while paused", len(paused.launched - before.launched), 0),
        exactly("changes of the permit while paused", int((paused.holder, paused.epoch) != (before.holder, before.epoch)), 0),
        at_most("the client's gap while paused", gap.seconds if gap else None, _GAP_S, "s"),
        exactly("machines launched once the pause is over", len(after.launched - paused.launched), 1),
        exactly("clients are served again by it", int(served and after.epoch == before.epoch + 1), 1),
        exactly("processes of the group that stay suspended", len(suspended(stage)), 0),
    )
    return Outcome(promises, None, time.time())


def suspended(stage: Stage) -> set[str]:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html"""
    found = stage.cloud.clients["autoscaling"].describe_auto_scaling_groups(AutoScalingGroupNames=[stage.slot.group])
    [group] = found["AutoScalingGroups"]
    return {str(process["ProcessName"]) for process in group["SuspendedProcesses"]}
