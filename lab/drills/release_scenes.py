"""The drill in which a release is no good: deployed over what stands with the real CDK CLI, as anybody would."""

from __future__ import annotations

import time

from lab.deploy import DeployFailed, deploy, synthesize
from lab.drills import measure
from lab.drills.cloud import wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.people import paged
from lab.drills.stage import Situation, Stage
from lab.drills.variants import crashing, vary


def crash_loop_release(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Every application of the new version ends at once; AWS goes back to the former one as soon as it hears so."""
    if stage.deployable is None:
        raise LookupError("the drill does not know the deployable's file, of which it is to make another version")
    file = vary(stage.deployable, stage.journal.parent / "release", crashing)
    out = stage.journal.parent / "cdk.out.release"
    synthesize(file, out)
    at = time.time()
    stage.tell("a release is deployed whose application crashes at every start")
    said = ""
    try:
        deploy(out, say=stage.tell)
    except DeployFailed as error:
        said = str(error)
    wait_for(lambda: stage.client.good_since(at, count=10) and stage.open_incident() is None, timeout_s=stage.patience_s)
    served = stage.client.good_since(at, count=10)
    [stack] = stage.cloud.clients["cloudformation"].describe_stacks(StackName=stage.cloud.stack)["Stacks"]
    stage.tell(f"the stack is {stack['StackStatus']}")
    after = stage.situation()
    gap = measure.longest_gap(stage.samples(at), since=at)
    promises = (
        exactly("the deploy fails, and the stack is back at the former version", int(_went_back(said, stack["StackStatus"])), 1),
        exactly("clients are served again at the same address", int(served), 1),
        at_most("our share of the gap", stage.split(gap)[1] if gap and served else None, limit_s, "s"),
        exactly("machines launched: one of each version", len(after.launched - before.launched), 2),
        exactly("epochs passed", after.epoch - before.epoch, 2),
        exactly("people called beside whoever deployed", len(paged(stage, at)), 0),
    )
    return Outcome(promises, None, time.time())


def _went_back(said: str, status: str) -> bool:
    return bool(said) and status == "UPDATE_ROLLBACK_COMPLETE"
