"""The drills of a group with a warm pool: what lies there takes a lost machine's place, unless it is of a former version."""

from __future__ import annotations

from lab.drills.cloud import wait_for
from lab.drills.machine_scenes import replaced, terminate_holder
from lab.drills.model import Outcome, Promise, exactly
from lab.drills.release_scenes import crash_loop_release, update
from lab.drills.stage import Situation, Stage

_LAUNCHED = "machines launched"  # told by those who count the pool's machines, too


def pool_kill(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    spare = _ready(stage)
    at = terminate_holder(stage, before)
    outcome, _ = replaced(stage, before, at, limit_s)
    after = stage.situation()
    promises = (
        *_without_launches(outcome),
        exactly("the machine that lay in the pool has the permit", int(after.holder == spare), 1),
        *_refilled(stage, spare),
        exactly("machines launched: one for the pool", len(stage.situation().launched - before.launched), 1),
    )
    return Outcome(promises, outcome.incident, outcome.until)


def pool_update(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """CloudFormation replaces what serves and leaves the pool alone: the machine that its group takes from there is refused."""
    spare = _ready(stage)
    outcome = update(stage, before, limit_s)
    promises = (
        *_without_launches(outcome),
        *_refilled(stage, spare),
        *_of_one_version(stage),
        exactly("machines launched: one to serve and one for the pool", len(stage.situation().launched - before.launched), 2),
    )
    return Outcome(promises, outcome.incident, outcome.until)


def pool_release(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    spare = _ready(stage)
    outcome = crash_loop_release(stage, before, limit_s)
    promises = (*_without_launches(outcome), *_refilled(stage, spare), *_of_one_version(stage))
    return Outcome(promises, outcome.incident, outcome.until)


def _ready(stage: Stage) -> str:
    """The machine that lies stopped in the pool. Raises LookupError."""
    found = [instance for instance, state in stage.cloud.pool(stage.slot).items() if state == "Warmed:Stopped"]
    if len(found) != 1:
        raise LookupError(f"the warm pool holds {len(found)} stopped machines: play it with a deployable whose assembly has a warm pool")
    return found[0]


def _without_launches(outcome: Outcome) -> tuple[Promise, ...]:
    return tuple(promise for promise in outcome.promises if not promise.name.startswith(_LAUNCHED))


def _refilled(stage: Stage, spare: str) -> tuple[Promise, ...]:
    """Another one lies in the pool than before, and nothing else is missing."""

    def done() -> bool:
        lie = stage.cloud.pool(stage.slot)
        return list(lie.values()) == ["Warmed:Stopped"] and spare not in lie and not stage.why_not_steady()

    wait_for(done, timeout_s=stage.patience_s, every_s=0.5)
    lie = stage.cloud.pool(stage.slot)
    stage.tell(f"in the warm pool: {lie}")
    return (exactly("another machine lies in the pool, stopped", int(list(lie.values()) == ["Warmed:Stopped"] and spare not in lie), 1),)


def _of_one_version(stage: Stage) -> tuple[Promise, ...]:
    """What serves and what lies in the pool are of the version that the group launches."""
    [group] = stage.cloud.clients["autoscaling"].describe_auto_scaling_groups(AutoScalingGroupNames=[stage.slot.group])["AutoScalingGroups"]
    rows = [*group["Instances"], *stage.cloud.pooled(stage.slot)]
    versions = {str(row["LaunchTemplate"]["Version"]) for row in rows}
    wanted = str(group["LaunchTemplate"]["Version"])
    return (exactly("versions beside the one that the group launches, in service and in the pool", len(versions - {wanted}), 0),)
