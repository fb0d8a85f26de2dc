"""What wakes the functions: the clock, what AWS says of groups and instances, queues and the table's stream."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from core import names
from core.report.history import MACHINE_REPAIRS
from stacks.foundation import Foundation
from stacks.functions import Functions, role_of
from stacks.reach import Reach

# An event older than this is no news: the sweep has read the world several times since.
EVENT_AGE_MAX = Duration.minutes(5)
TRIES = 5
TOLD_OF_DATABASES = ("availability", "configuration change", "failover", "failure", "low storage", "maintenance", "recovery")


class Wakes(Construct):
    """Events only make it faster; the schedule is the truth.

    Rules on EC2 and Auto Scaling match every group and instance of the account, for neither event
    carries tags; recover_assembly leaves alone what is not its own.
    """

    def __init__(self, scope: Construct, id_: str, *, reach: Reach, foundation: Foundation, functions: Functions) -> None:
        super().__init__(scope, id_)
        self._dead_letters = foundation.dead_letters
        events.Rule(
            self,
            "EveryMinute",
            description="Six sweeps, and a look at whether anybody overslept",
            schedule=events.Schedule.rate(Duration.minutes(1)),
            targets=[self._target(functions.tick)],
        )
        self._rule("NodeLaunched", "A node waits to be let in", functions.admit_node, _hook("launch", names.LAUNCH_HOOK, reach.hooks))
        self._rule("NodeEnding", "A node waits to be let go", functions.retire_node, _hook("terminate", names.TERMINATE_HOOK, reach.hooks))
        for name, why, pattern in REASONS_TO_RECOVER:
            self._rule(name, why, functions.recover_assembly, pattern)
        self._listen(foundation, functions)

    def _listen(self, foundation: Foundation, functions: Functions) -> None:
        """Queues and the stream into their functions; one message or a few at a time, failures told one by one."""
        for id_, queue, function in (
            ("Sweeps", foundation.tick_queue, functions.probe_nodes),
            ("IncidentSteps", foundation.recover_queue, functions.recover_assembly),
        ):
            lambda_.CfnEventSourceMapping(
                self,
                id_,
                function_name=function.function_name,
                event_source_arn=queue.queue_arn,
                batch_size=1,
                function_response_types=["ReportBatchItemFailures"],
            ).node.add_dependency(role_of(function))
        lambda_.CfnEventSourceMapping(
            self,
            "Requests",
            function_name=functions.recover_assembly.function_name,
            event_source_arn=foundation.table.table_stream_arn,
            # Nothing is lost while the mapping is made; what is older than the age below is the sweep's to find.
            starting_position="TRIM_HORIZON",
            batch_size=10,
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=Stack.of(self).to_json_string(REQUEST_WRITTEN))]
            ),
            bisect_batch_on_function_error=True,
            maximum_retry_attempts=3,
            maximum_record_age_in_seconds=300,
            function_response_types=["ReportBatchItemFailures"],
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(destination=foundation.dead_letters.queue_arn)
            ),
        ).node.add_dependency(role_of(functions.recover_assembly))

    def record(self, databases: list[object], function: lambda_.Function) -> None:
        """What RDS says of database instances, named as a pattern of EventBridge does; not their daily backups.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-cloud-watch-events.html
        """
        pattern = events.EventPattern(
            source=["aws.rds"],
            detail_type=["RDS DB Instance Event"],
            detail={"SourceIdentifier": databases, "EventCategories": list(TOLD_OF_DATABASES)},
        )
        self._rule("DatabaseEvent", "What happens to the database", function, pattern)

    def _rule(self, name: str, why: str, function: lambda_.Function, pattern: events.EventPattern) -> None:
        events.Rule(self, name, description=why, event_pattern=pattern, targets=[self._target(function)])

    def _target(self, function: lambda_.Function) -> targets.LambdaFunction:
        return targets.LambdaFunction(function, dead_letter_queue=self._dead_letters, max_event_age=EVENT_AGE_MAX, retry_attempts=TRIES)


def _hook(kind: str, hook: str, metadata: list[object]) -> events.EventPattern:
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
        "MaintenanceAnnounced",
        "EC2 will stop, reboot or retire an instance",
        events.EventPattern(
            source=["aws.health"],
            detail_type=["AWS Health Event"],
            detail={"service": ["EC2"], "eventTypeCategory": ["scheduledChange"]},
        ),
    ),
    (
        "MachineRepaired",
        "EC2 has moved an instance to another host, or could not",
        events.EventPattern(
            source=["aws.health"], detail_type=["AWS Health Event"], detail={"service": ["EC2"], "eventTypeCode": list(MACHINE_REPAIRS)}
        ),
    ),
    (
        "SpotInterrupted",
        "A spot instance has two minutes left",
        events.EventPattern(source=["aws.ec2"], detail_type=["EC2 Spot Instance Interruption Warning"]),
    ),
)

# https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html
REQUEST_WRITTEN = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {"Keys": {names.SK: {"S": [{"prefix": names.REQUEST_PREFIX}]}}},
}
