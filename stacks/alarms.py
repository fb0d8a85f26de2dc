"""Who is told when: recover_assembly of a failing assembly, people of a silent watcher or of lost work."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from core import names
from core.model import Deployable
from stacks.foundation import Foundation
from stacks.functions import Functions


class Alarms(Construct):
    """How alarms read data: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""

    def __init__(self, scope: Construct, id_: str, *, deployable: Deployable, foundation: Foundation, functions: Functions) -> None:
        super().__init__(scope, id_)
        for assembly in deployable.assemblies:
            # Missing data is the watcher's silence, not the node's: no change.
            self._alarm(
                f"Healthy-{assembly.name}",
                f"{deployable.name}/{assembly.name} fails or is silent, seen from outside",
                _metric(names.METRIC_HEALTHY, 10, "Minimum", deployable.name, assembly.name),
                missing=cloudwatch.TreatMissingData.IGNORE,
            ).add_alarm_action(actions.LambdaAction(functions.recover_assembly))
        people = actions.SnsAction(foundation.topic)
        watcher = self._alarm(
            "Watcher",
            f"{deployable.name}: nobody has looked at its nodes for three minutes; failures would go unnoticed",
            _metric(names.METRIC_SWEEPS, 60, "Sum", deployable.name),
            missing=cloudwatch.TreatMissingData.MISSING,
        )
        # Silence is INSUFFICIENT_DATA here and people are told of the change to it. A new alarm begins in that state, and
        # actions follow changes only: were silence breaching instead, each first deployment would page, because there are
        # no sweeps yet in the periods before it. Sweeps that never begin are told of as lost work below: whatever starts
        # them ends in the dead letters when it fails. What remains unheard is a schedule that AWS never runs at all.
        watcher.add_insufficient_data_action(people)
        watcher.add_alarm_action(people)
        watcher.add_ok_action(people)
        # All six functions are woken asynchronously, from a queue or from the stream: whatever one
        # of them fails at for good ends here, so one alarm watches them all.
        lost = cloudwatch.Alarm(
            self,
            "LostWork",
            alarm_description=f"{deployable.name}: a function gave up on something; look into the dead-letter queue",
            metric=foundation.dead_letters.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        lost.add_alarm_action(people)

    def _alarm(self, id_: str, description: str, metric: cloudwatch.Metric, *, missing: cloudwatch.TreatMissingData) -> cloudwatch.Alarm:
        """Below 1 in three periods out of three."""
        return cloudwatch.Alarm(
            self,
            id_,
            alarm_description=description,
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            threshold=1,
            evaluation_periods=3,
            datapoints_to_alarm=3,
            treat_missing_data=missing,
        )


def _metric(name: str, period_s: int, statistic: str, deployable: str, assembly: str | None = None) -> cloudwatch.Metric:
    dimensions = {names.DIM_DEPLOYABLE: deployable}
    if assembly is not None:
        dimensions[names.DIM_ASSEMBLY] = assembly
    return cloudwatch.Metric(
        namespace=names.METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map=dimensions,
        period=Duration.seconds(period_s),
        statistic=statistic,
    )
