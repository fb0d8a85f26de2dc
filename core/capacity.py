"""What a group's machines are bought as, and how long they may live."""

from __future__ import annotations

from dataclasses import dataclass

from core.application import check_bounds

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """spot: what EC2 has to spare, taken back with two minutes' notice. lifetime_s: after so long a machine is replaced; None: never.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-max-instance-lifetime.html: a day at least.
    warm_pool: one machine is kept that was launched before, laid out and stopped (docs/decisions/warm-pool.md).
    """

    spot: bool = False
    lifetime_s: float | None = None
    warm_pool: bool = False

    def __post_init__(self) -> None:
        if self.lifetime_s is not None:
            check_bounds(DAY_S, lifetime_s=self.lifetime_s)
        if self.spot and self.warm_pool:
            raise ValueError("a warm pool has no spot machines")


ON_DEMAND = Capacity()
NOTICE_S = 120.0  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
