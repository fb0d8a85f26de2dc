"""A deployable's whole estimate: what notices, what else we add, what is yours."""

from __future__ import annotations

from core.estimate.database import of_database, shared_way
from core.estimate.detection import detection
from core.estimate.egress import egress, gateways
from core.estimate.lines import Estimate, Paid, Rates
from core.estimate.ours import ours
from core.estimate.yours import yours
from core.model import Deployable, SharedFoundation

NOT_COUNTED = (
    "data that leaves AWS or crosses zones, AWS's free tier (nothing is taken off), taxes, support, discounts, and calls that AWS "
    "does not charge for (EventBridge's schedule and AWS's own events, stream reads by Lambda, describing EC2, Auto Scaling and alarms)"
)


def estimate(deployable: Deployable, rates: Rates) -> Estimate:
    """Of one on a shared foundation without what that costs by itself: `estimate_foundation` tells it."""
    needed = (*yours(deployable, rates), *of_database(deployable, rates), *egress(deployable, rates))
    lines = (*detection(deployable, rates), *ours(deployable, rates), *needed)
    shared = deployable.foundation is not None
    return Estimate(tuple(line for line in lines if not (shared and line.paid is Paid.FOUNDATION)), len(deployable.assemblies))


def estimate_foundation(foundation: SharedFoundation, rates: Rates) -> Estimate:
    """What a shared foundation costs with nobody on it; each deployable adds its own."""
    given = foundation
    nobody = Deployable(name=given.name, assemblies=(), network=given.network, notify=given.notify, dashboard=given.dashboard)
    lines = (*detection(nobody, rates), *ours(nobody, rates), *shared_way(foundation, rates), *gateways(foundation.network, rates))
    return Estimate(tuple(line for line in lines if line.paid is Paid.FOUNDATION), 0)
