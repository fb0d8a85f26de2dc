"""AWS's own delays: non-zero settings, each with its source, printed as their own column."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delay:
    """seconds: how long AWS takes. source: the page or measurement it was taken from."""

    name: str
    seconds: float
    source: str


# Where nobody publishes a figure, the source says "assumed" and names the page that describes the mechanism.
_BOOT = "the sample measurement of https://www.daemonology.net/blog/2021-08-12-EC2-boot-time-benchmarking.html"
_AWS = "assumed; no figure is published, see https://docs.aws.amazon.com/"
_DELAYS = (
    Delay("pending", 5.0, _BOOT),  # RunInstances to `running`
    Delay("boot", 17.0, _BOOT),  # `running` to the first sign of life on the network; the user data is taken to begin then
    Delay("shutdown", 4.0, _AWS + "AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html"),  # guest off to `terminated`
    Delay("group_detection", 8.0, _AWS + "autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html"),
    Delay("group_launch", 2.0, _AWS + "autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html"),
    Delay(
        "event",
        0.5,
        "assumed, generous; measurements in "
        "https://medium.com/postnl-engineering/improved-eventbridge-latency-opens-up-new-use-cases-at-postnl-910fdf6b5dde",
    ),
    Delay("log_to_metric", 2.0, _AWS + "AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Alarms.html"),
    Delay("alarm_evaluation", 3.0, _AWS + "AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"),
    Delay(
        "stream_poll", 0.25, "four polls a second, https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html"
    ),
    Delay("cold_start", 0.3, "from under 100 ms to over 1 s, https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"),
    Delay("address_move", 1.0, _AWS + "AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html"),
    Delay(
        "record_change",  # a changed record to all its name servers
        30.0,
        "half of the 60 s that https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html calls general; "
        "the half is assumed",
    ),
    Delay("volume_move", 4.0, _AWS + "ebs/latest/userguide/ebs-attaching-volume.html"),  # attached, or detached
    Delay("interface_move", 3.0, _AWS + "AWSEC2/latest/UserGuide/network-interface-attachments.html"),  # attached, or detached
    Delay("alb_target", 3.0, _AWS + "elasticloadbalancing/latest/application/target-group-register-targets.html"),  # to the first check
    Delay(
        "nlb_target",
        135.0,
        "half-way between the 90 and 180 s of its maintainer in https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/1834",
    ),
    Delay(
        "nlb_target_leaves",  # from DeregisterTargets until an NLB sends it nothing new
        120.0,
        "about two minutes by those who measured it in https://github.com/aws/containers-roadmap/issues/470",
    ),
    Delay(
        "database_failover",  # the primary gone to its name leading to the standby
        60.0,
        "the lower of the 60 to 120 s of https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html",
    ),
)


class Delays:
    """Look a delay up by name; LAB_DELAY_<NAME>=seconds in the environment overrides one."""

    def __init__(self) -> None:
        self._by_name: dict[str, Delay] = {}
        for delay in _DELAYS:
            key = f"LAB_DELAY_{delay.name.upper()}"
            text = os.environ.get(key)
            if text is not None:
                try:
                    seconds = float(text)
                except ValueError as error:
                    raise ValueError(f"{key} is {text!r}: use a number of seconds") from error
                if seconds <= 0:
                    raise ValueError(f"{key} is {text!r}: AWS's delays are never zero")
                delay = Delay(delay.name, seconds, f"{key} in the environment")
            self._by_name[delay.name] = delay

    def __getitem__(self, name: str) -> Delay:
        return self._by_name[name]

    def all(self) -> tuple[Delay, ...]:
        return tuple(self._by_name.values())
