"""A deployable's whole estimate: what notices, what else we add, what is yours."""

from __future__ import annotations

from core.costs import Estimate, Rates
from core.costs_database import of_database
from core.costs_detection import detection
from core.costs_egress import egress
from core.costs_ours import ours
from core.costs_yours import yours
from core.model import Deployable

NOT_COUNTED = (
    "data that leaves AWS or crosses zones, AWS's free tier (nothing is taken off), taxes, support, discounts, and calls that AWS "
    "does not charge for (EventBridge's schedule and AWS's own events, stream reads by Lambda, describing EC2, Auto Scaling and alarms)"
)


def estimate(deployable: Deployable, rates: Rates) -> Estimate:
    needed = (*yours(deployable, rates), *of_database(deployable, rates), *egress(deployable, rates))
    lines = (*detection(deployable, rates), *ours(deployable, rates), *needed)
    return Estimate(lines, len(deployable.assemblies))
