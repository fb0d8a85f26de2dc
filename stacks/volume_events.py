"""What wakes recovery for a volume of kept state: EBS tells of what was done to it, AWS Health of what befell it."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Aws, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from core import names
from core.watching.volumes import EBS, EVENTS, HEALTH
from stacks.volume import VolumeState
from stacks.wakes import EVENT_AGE_MAX, TRIES


def let_rules_wake(recover: lambda_.Function) -> None:
    """Once for all stacks on a shared foundation: a leave for each rule would soon fill the 20 KB that a function's policy has.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    rules = f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}:rule/{names.PRODUCT}-*"
    recover.add_permission("RulesOfDeployables", principal=iam.ServicePrincipal("events.amazonaws.com"), source_arn=rules)


def wake_for_volumes(
    scope: Construct, id_: str, *, volumes: Iterable[VolumeState], recover: lambda_.IFunction, dead_letters: sqs.IQueue | None = None
) -> None:
    """Nothing where there are none. Rules of the stack that has them, for EBS names volumes by their ARNs and knows no tags.

    dead_letters: left out where the functions are another stack's, which lets these rules in (let_rules_wake); what is lost there, the
    sweep finds.
    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html
    """
    arns = [Stack.of(scope).format_arn(service="ec2", resource="volume", resource_name=volume.volume_id) for volume in volumes]
    if not arns:
        return
    within = Construct(scope, id_)
    if dead_letters is None:
        recover = lambda_.Function.from_function_attributes(within, "Recover", function_arn=recover.function_arn, skip_permissions=True)
    for name, why, pattern in (
        # Of each replacement EBS tells too, that the volume was detached and attached: recovery knows whose permit it is.
        (
            "Volume",
            "A volume was detached or deleted, or could not be attached",
            events.EventPattern(
                source=["aws.ec2"],
                detail_type=[EBS],
                resources=arns,
                detail={"event": list(EVENTS), "result": [{"anything-but": ["attached"]}]},
            ),
        ),
        # Which volume is meant stands in a list of entities; recovery leaves alone what is not its own.
        (
            "VolumeInTrouble",
            "AWS has an issue with a volume",
            events.EventPattern(source=["aws.health"], detail_type=[HEALTH], detail={"service": ["EBS"], "eventTypeCategory": ["issue"]}),
        ),
    ):
        target = targets.LambdaFunction(recover, dead_letter_queue=dead_letters, max_event_age=EVENT_AGE_MAX, retry_attempts=TRIES)
        events.Rule(within, name, description=why, event_pattern=pattern, targets=[target])
