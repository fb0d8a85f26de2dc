"""How a drill sees a front that is a load balancer: who its target is, and the port that clients reach on the node."""

from __future__ import annotations

from typing import Any

_LEAVING = ("draining", "unused")


def is_balancer(front: str) -> bool:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html: all their names end so."""
    return front.endswith(".elb.amazonaws.com")


def _groups(elb: Any, front: str) -> list[dict[str, Any]]:
    [found] = [balancer for balancer in elb.describe_load_balancers()["LoadBalancers"] if balancer["DNSName"].lower() == front.lower()]
    return list(elb.describe_target_groups(LoadBalancerArn=found["LoadBalancerArn"])["TargetGroups"])


def holder(elb: Any, front: str) -> str:
    """The one target that all its groups have; "" for nobody, and for more than one."""
    held = set()
    for group in _groups(elb, front):
        rows = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
        held.add(",".join(sorted(row["Target"]["Id"] for row in rows if row["TargetHealth"]["State"] not in _LEAVING)))
    return held.pop() if len(held) == 1 and "," not in next(iter(held)) else ""


def behind(elb: Any, front: str, port: int) -> tuple[int, bool]:
    """Where on the node a connection to the front's port ends, and whether clients speak TLS there."""
    [found] = [balancer for balancer in elb.describe_load_balancers()["LoadBalancers"] if balancer["DNSName"].lower() == front.lower()]
    ports = {group["TargetGroupArn"]: int(group["Port"]) for group in _groups(elb, front)}
    for listener in elb.describe_listeners(LoadBalancerArn=found["LoadBalancerArn"])["Listeners"]:
        if int(listener["Port"]) == port:
            return ports.get(listener["DefaultActions"][0].get("TargetGroupArn", ""), port), listener["Protocol"] == "HTTPS"
    return port, False
