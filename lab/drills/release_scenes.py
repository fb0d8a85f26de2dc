"""The drills of releases, good and bad: deployed over what stands with the real CDK CLI, as anybody would."""

from __future__ import annotations

import time
from collections.abc import Callable

from lab.deploy import DeployFailed, deploy, synthesize
from lab.drills import measure
from lab.drills.cloud import wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.people import paged
from lab.drills.stage import Situation, Stage
from lab.drills.variants import Document, crashing, newer, rebuild, vary


def crash_loop_release(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Every application of the new version ends at once; AWS goes back to the former one as soon as it hears so."""
    at, said = _release(stage, "a release is deployed whose application crashes at every start", crashing)
    wait_for(lambda: stage.client.good_since(at, count=10) and stage.open_incident() is None, timeout_s=stage.patience_s)
    served = stage.client.good_since(at, count=10)
    status = _status(stage)
    after = stage.situation()
    gap = measure.longest_gap(stage.samples(at), since=at)
    promises = (
        exactly(
            "the deploy fails, and the stack is back at the former version", int(bool(said) and status == "UPDATE_ROLLBACK_COMPLETE"), 1
        ),
        exactly("clients are served again at the same address", int(served), 1),
        at_most("our share of the gap", stage.split(gap)[1] if gap and served else None, limit_s, "s"),
        exactly("machines launched: one of each version", len(after.launched - before.launched), 2),
        exactly("epochs passed", after.epoch - before.epoch, 2),
        exactly("people called beside whoever deployed", len(paged(stage, at)), 0),
    )
    return Outcome(promises, None, time.time())


def update(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Another artifact of each application; the machine is replaced by CloudFormation, through the same hooks."""
    former = _templates(stage)
    at, said = _release(stage, "another version is deployed", newer)
    wait_for(lambda: stage.client.good_since(at, count=10) and not stage.why_not_steady(), timeout_s=stage.patience_s)
    served = stage.client.good_since(at, count=10)
    status, after, new = _status(stage), stage.situation(), _templates(stage)
    gap = measure.longest_gap(stage.samples(at), since=at)
    promises = (
        exactly("the deploy succeeds", int(not said and status == "UPDATE_COMPLETE"), 1),
        exactly("clients are served again at the same address", int(served), 1),
        at_most("our share of the gap", stage.split(gap)[1] if gap and served else None, limit_s, "s"),
        exactly("the permit's holder is of the new version", int(after.holder in new and new[after.holder] not in former.values()), 1),
        exactly("machines launched", len(after.launched - before.launched), 1),
        exactly("epochs passed", after.epoch - before.epoch, 1),
        exactly("incidents closed as recovered: the former machine's end, as any other is recorded", _recovered(stage, before), 1),
        exactly("people called", len(paged(stage, at)), 0),
    )
    return Outcome(promises, None, time.time())


def _recovered(stage: Stage, before: Situation) -> int:
    return sum(item.get("state") == "recovered" for sk, item in stage.ended_incidents().items() if sk not in before.ended)


def _release(stage: Stage, what: str, change: Callable[[Document], None]) -> tuple[float, str]:
    """When it was begun, and what the CLI said if it failed."""
    if stage.deployable is None:
        raise LookupError("the drill does not know the deployable's file, of which it is to make another version")
    folder = stage.journal.parent / f"release-{change.__name__}"
    file, out = vary(stage.deployable, folder, change), stage.journal.parent / f"cdk.out.{change.__name__}"
    rebuild(file, f"{change.__name__} of {time.time():.0f}")
    synthesize(file, out)
    at = time.time()
    stage.tell(what)
    try:
        deploy(out, say=stage.tell)
    except DeployFailed as error:
        return at, str(error)
    return at, ""


def _status(stage: Stage) -> str:
    [stack] = stage.cloud.clients["cloudformation"].describe_stacks(StackName=stage.cloud.stack)["Stacks"]
    stage.tell(f"the stack is {stack['StackStatus']}")
    return str(stack["StackStatus"])


def _templates(stage: Stage) -> dict[str, str]:
    """The launch template's version that each machine of the group came from, by machine."""
    [group] = stage.cloud.clients["autoscaling"].describe_auto_scaling_groups(AutoScalingGroupNames=[stage.slot.group])["AutoScalingGroups"]
    return {one["InstanceId"]: str(one["LaunchTemplate"]["Version"]) for one in group["Instances"]}
