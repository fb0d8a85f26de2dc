"""What wakes the functions: the clock, and what AWS says about groups and instances."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from core import names
from core.model import Deployable
from stacks.foundation import Foundation
from stacks.functions import Functions

# An event older than this is no news: the sweep has read the world several times since.
EVENT_AGE_MAX = Duration.minutes(5)
TRIES = 5


class Wakes(Construct):
    """Events only make it faster; the schedule is the truth.

    Rules on EC2 and Auto Scaling match every group and instance of the account, for neither event
    carries tags; recover_assembly leaves alone what is not its own.
    """

    def __init__(self, scope: Construct, id_: str, *, deployable: Deployable, foundation: Foundation, functions: Functions) -> None:
        super().__init__(scope, id_)
        self._dead_letters = foundation.dead_letters
        hooks = [names.hook_metadata(deployable.name, assembly.name) for assembly in deployable.assemblies]
        events.Rule(
            self,
            "EveryMinute",
            description="Six sweeps, and a look at whether anybody overslept",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[self._target(functions.tick)],
        )
        self._rule("NodeLaunched", "A node waits to be let in", functions.admit_node, _hook("launch", names.LAUNCH_HOOK, hooks))
        self._rule("NodeEnding", "A node waits to be let go", functions.retire_node, _hook("terminate", names.TERMINATE_HOOK, hooks))
        for name, why, pattern in REASONS_TO_RECOVER:
            self._rule(name, why, functions.recover_assembly, pattern)

    def _rule(self, name: str, why: str, function: lambda_.Function, pattern: events.EventPattern) -> None:
        events.Rule(self, name, description=why, event_pattern=pattern, targets=[self._target(function)])

    def _target(self, function: lambda_.Function) -> targets.LambdaFunction:
        return targets.LambdaFunction(function, dead_letter_queue=self._dead_letters, max_event_age=EVENT_AGE_MAX, retry_attempts=TRIES)


def _hook(kind: str, hook: str, metadata: list[str]) -> events.EventPattern:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html"""
    return events.EventPattern(
        source=["aws.autoscaling"],
        detail_type=[f"EC2 Instance-{kind} Lifecycle Action"],
        detail={"LifecycleHookName": [hook], "NotificationMetadata": metadata},
    )


REASONS_TO_RECOVER = (
    (
        "InstanceGone",
        "An instance stops or ends",
        events.EventPattern(
            source=["aws.ec2"],
            detail_type=["EC2 Instance State-change Notification"],
            detail={"state": ["shutting-down", "stopping", "stopped", "terminated"]},
        ),
    ),
    (
        "GroupFailed",
        "A group could not launch, or has ended an instance",
        events.EventPattern(
            source=["aws.autoscaling"],
            detail_type=[
                "EC2 Instance Launch Unsuccessful",
                "EC2 Instance Terminate Successful",
                "EC2 Instance Terminate Unsuccessful",
            ],
        ),
    ),
    (
        "SpotInterrupted",
        "A spot instance has two minutes left",
        events.EventPattern(source=["aws.ec2"], detail_type=["EC2 Spot Instance Interruption Warning"]),
    ),
)
