"""Holds Auto Scaling still, or lets it go on, as core.lifecycle.holding says: for a pause, and after what would only repeat itself."""

from __future__ import annotations

from core.lifecycle.holding import Hold, Release, change, told
from core.policy import Policy
from core.recovery.snapshot import View
from core.watching.fleet import Watched
from lambdas.adapters import groups, log, table

ME = "recover_assembly"


def settle(watched: Watched, view: View, policy: Policy) -> bool:
    """One step towards what is to be; False when the group is as it should be. Raises Lost, Unknown, WorldFailed.

    Recorded before it is suspended and until it is resumed: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
    says nothing of who suspended what, so that only the record does.
    """
    order = change(view, policy)
    if order is None or view.group is None:
        return False
    log.say(ME, told(order, view.group), assembly=watched.name)
    match order:
        case Hold(record, processes):
            table.put_held(record, watched.deployable, watched.name)
            groups.suspend(view.group, processes)
        case Release(processes, record):
            groups.resume(view.group, processes)
            table.put_held(record, watched.deployable, watched.name)
    return True
