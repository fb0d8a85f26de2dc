"""When EC2 wants a machine back and says so beforehand: whether its group replaces it now, while it can still stop in order."""

from __future__ import annotations

from core.recovery.snapshot import View


def left_alone(view: View, instance: str) -> str | None:
    """Why nothing is done before EC2 acts; None: the group ends it now, by its hooks, and launches another meanwhile.

    The warning comes two minutes ahead, best effort (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html):
    whoever misses it finds the machine gone, as ever.
    """
    if view.permit is None or view.permit.instance != instance:
        return f"{instance} holds no permit: it runs nothing that must stop in order"
    if view.paused is not None:
        return view.paused
    state = view.lifecycle_of(instance)
    return None if state == "InService" else f"{instance} is {state or 'not in its group'}: it is on its way already"
