"""Who is told when: recover_assembly of a failing assembly, people of a silent watcher, of lost work, of functions that fail.

Which alarms there are, and which there are not for what they would cost: docs/decisions/alarms-and-their-price.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from constructs import Construct

from core import names
from stacks.foundation import Foundation
from stacks.functions import Functions
from stacks.handlers import PROBE_NODES, TICK
from stacks.reach import Reach

MINUTE = Duration.minutes(1)
# Two tries of a step have failed, or nobody takes it; a third failure makes it lost work.
STEP_AGE = Duration.minutes(3)


class HealthyAlarms(Construct):
    """One an assembly: it rings when the prober finds it failing or silent, and wakes recover_assembly."""

    def __init__(self, scope: Construct, id_: str, *, pairs: Iterable[tuple[str, str]], recover: lambda_.IFunction) -> None:
        """pairs: (deployable, assembly)."""
        super().__init__(scope, id_)
        self.all = [healthy_alarm(self, *pair, recover) for pair in pairs]


def healthy_alarm(scope: Construct, deployable: str, assembly: str, recover: lambda_.IFunction) -> cloudwatch.Alarm:
    alarm = _below_one(
        scope,
        f"Healthy-{assembly}",
        f"{deployable}/{assembly} fails or is silent, seen from outside",
        _metric(names.METRIC_HEALTHY, 10, "Minimum", {names.DIM_DEPLOYABLE: deployable, names.DIM_ASSEMBLY: assembly}),
        # Missing data is the watcher's silence, not the node's: no change.
        missing=cloudwatch.TreatMissingData.IGNORE,
    )
    alarm.add_alarm_action(actions.LambdaAction(recover))
    return alarm


class Alarms(Construct):
    """How alarms read data: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""

    def __init__(self, scope: Construct, id_: str, *, reach: Reach, foundation: Foundation, functions: Functions) -> None:
        super().__init__(scope, id_)
        self.all = [healthy_alarm(self, *pair, functions.recover_assembly) for pair in reach.named]
        people = actions.SnsAction(foundation.topic)
        watcher = _below_one(
            self,
            "Watcher",
            f"{reach.name}: nobody has looked at its nodes for three minutes; failures would go unnoticed",
            _metric(names.METRIC_SWEEPS, 60, "Sum", reach.sweeps),
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
            alarm_description=f"{reach.name}: a function gave up on something; look into the dead-letter queue",
            metric=foundation.dead_letters.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold=1,
            evaluation_periods=1,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        lost.add_alarm_action(people)
        ours = OwnFunctions(self, "OwnFunctions", name=reach.name, foundation=foundation, functions=functions)
        self.all += [watcher, lost, *ours.all]


def _below_one(
    scope: Construct, id_: str, description: str, metric: cloudwatch.Metric, *, missing: cloudwatch.TreatMissingData
) -> cloudwatch.Alarm:
    """In three periods out of three."""
    return cloudwatch.Alarm(
        scope,
        id_,
        alarm_description=description,
        metric=metric,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        threshold=1,
        evaluation_periods=3,
        datapoints_to_alarm=3,
        treat_missing_data=missing,
    )


class OwnFunctions(Construct):
    """What people are told of our own functions: one alarm a kind, over a sum, and one message for all of them.

    An account that has no room left makes functions fail, throttles them and lets steps wait: three alarms of one trouble. A
    composite alarm tells of the first, and of no further one until all have ended. Silence and lost work are not under it: the
    one must be heard in any case, and the other stands for days, until somebody has emptied the dead letters.

    None tells of anything but its ringing, and no data is good: a first deployment, which has none, pages nobody. In a sum a
    function that was not called counts as 0: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """

    def __init__(self, scope: Construct, id_: str, *, name: str, foundation: Foundation, functions: Functions) -> None:
        super().__init__(scope, id_)
        self.all: list[cloudwatch.Alarm] = []
        self._name = name
        # One failing minute is no news: what failed is tried again, and what is given up is lost work, which is told of at once.
        # What was invoked at a minute's end is counted there late, so that the newest minute alone would not do either.
        # Where `tick` or `probe_nodes` fails there are no sweeps, and of that the silence tells.
        acting = {module: function for module, function in functions.by_module.items() if module not in (TICK.module, PROBE_NODES.module)}
        every = {module: function.metric_errors(period=MINUTE) for module, function in acting.items()}
        self._alarm("Errors", "functions of Understudy fail again and again; read their logs", _sum(every, "Errors"), bad=2, of=5)
        # All draw on the account's one pool, and a throttle says that it was empty. The prober is called most and so meets
        # that first; recovery is where it hurts. Four more would say nothing new.
        watched: dict[str, lambda_.Function] = {
            "probe_nodes": functions.probe_nodes,
            "recover_assembly": functions.recover_assembly,
        }
        throttled = {module: function.metric_throttles(period=MINUTE) for module, function in watched.items()}
        text = "AWS refuses to run functions: the account is at its limit of concurrent executions"
        self._alarm("Throttles", text, _sum(throttled, "Throttles"), bad=2, of=5)
        # The queue of sweeps needs none: when nobody takes sweeps, they fall silent.
        oldest = foundation.recover_queue.metric_approximate_age_of_oldest_message(period=MINUTE, statistic="Maximum")
        self._alarm("Waiting", "a step of a recovery waits to be taken", oldest, bad=1, of=1, least=STEP_AGE.to_seconds())
        self._people(foundation.topic)

    def _people(self, topic: sns.ITopic) -> None:
        """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html

        Below CDK's own construct, which would give it a name of CDK's making; and without an action for its end: a new one is
        evaluated at once and acts by what it finds, so that each first deployment would be told of.
        """
        rings = [f'ALARM("{alarm.alarm_arn}")' for alarm in self.all]
        cloudwatch.CfnCompositeAlarm(
            self,
            "People",
            alarm_description=f"{self._name}: Understudy's own functions are in trouble; which of its alarms ring says how",
            alarm_rule=" OR ".join(rings),
            alarm_actions=[topic.topic_arn],
        )

    def _alarm(self, id_: str, text: str, metric: cloudwatch.IMetric, *, bad: int, of: int, least: float = 1) -> None:
        """Rings when the metric is `least` or more in `bad` minutes out of the last `of`."""
        alarm = cloudwatch.Alarm(
            self,
            id_,
            alarm_description=f"{self._name}: {text}",
            metric=metric,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            threshold=least,
            evaluation_periods=of,
            datapoints_to_alarm=bad,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.all.append(alarm)


def _sum(metrics: Mapping[str, cloudwatch.IMetric], label: str) -> cloudwatch.MathExpression:
    """Added up rather than SUM([...]), which AWS advises alarms against."""
    return cloudwatch.MathExpression(expression=" + ".join(metrics), using_metrics=metrics, label=label, period=MINUTE)


def _metric(name: str, period_s: int, statistic: str, dimensions: Mapping[str, str]) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=names.METRIC_NAMESPACE,
        metric_name=name,
        dimensions_map=dict(dimensions),
        period=Duration.seconds(period_s),
        statistic=statistic,
    )
