"""One screen: what rings, the verdicts, who holds, incidents with their phases, the budget.

Only for a file that asks for it: a dashboard costs more than all our alarms together.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from core import names
from core.policy import DEFAULT
from stacks.functions import Functions
from stacks.reach import Reach

WIDTH = 24  # of the screen: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
LAST_HOURS = Duration.hours(12)
MINUTE = Duration.minutes(1)
# One line of log a change of an incident: incident ID STATE: the last note.
INCIDENT = 'filter what like /^incident / | parse what "incident * *: *" as incident, phase, note'


class Dashboard(Construct):
    """Metrics for what is counted, and the functions' own log for what is told in words; a query costs when somebody looks."""

    def __init__(self, scope: Construct, id_: str, *, reach: Reach, functions: Functions, alarms: Sequence[cloudwatch.IAlarm]) -> None:
        """alarms: the foundation's; of a shared one those of its deployables are in their own stacks."""
        super().__init__(scope, id_)
        policy = reach.deployable.recovery if reach.deployable is not None else DEFAULT
        board = cloudwatch.Dashboard(self, "Screen", default_interval=LAST_HOURS)
        board.add_widgets(cloudwatch.AlarmStatusWidget(title=f"{reach.name}: what rings", alarms=list(alarms), width=WIDTH, height=3))
        board.add_widgets(self._verdicts(reach), self._failures(functions))
        board.add_widgets(
            self._told(
                "Who holds: permits and fronts",
                [functions.by_module["admit_node"], functions.by_module["move_front"]],
                "fields @timestamp, what, epoch",
                "filter what like /^permitted / or what like /^(the|moved the) front /",
                "sort @timestamp desc",
                "limit 20",
            ),
            self._told(
                "Incidents: when each began and changed, and its phase",
                [functions.recover_assembly],
                INCIDENT,
                "stats min(@timestamp) as began, max(@timestamp) as changed, latest(phase) as now, latest(note) as why by incident",
                "sort began desc",
                "limit 20",
            ),
        )
        minutes = round(policy.budget_window_s / 60)
        board.add_widgets(
            self._told(
                f"Budget: replacements in {minutes} minutes; at {policy.budget_replacements} people are paged instead",
                [functions.recover_assembly],
                INCIDENT,
                'filter phase = "isolating"',
                f"stats count_distinct(incident) as replacements by bin({minutes}m)",
                view=cloudwatch.LogQueryVisualizationType.BAR,
                width=WIDTH,
            )
        )

    def _verdicts(self, reach: Reach) -> cloudwatch.GraphWidget:
        """1 while an assembly serves, 0 while it fails or is silent; and how many sweeps were made."""
        sweeps = cloudwatch.Metric(
            namespace=names.METRIC_NAMESPACE,
            metric_name=names.METRIC_SWEEPS,
            dimensions_map=dict(reach.sweeps),
            label="sweeps a minute",
            statistic="Sum",
            period=MINUTE,
        )
        axis = cloudwatch.YAxisProps(min=0, show_units=False)
        return cloudwatch.GraphWidget(
            title="Verdicts: 1 serves, 0 fails or is silent",
            left=_healthy(reach),
            right=[sweeps],
            left_y_axis=axis,
            right_y_axis=axis,
            width=WIDTH // 2,
        )

    def _failures(self, functions: Functions) -> cloudwatch.GraphWidget:
        failed = [function.metric_errors(period=MINUTE, label=module) for module, function in functions.by_module.items()]
        return cloudwatch.GraphWidget(title="Our own functions: errors a minute", left=failed, stacked=True, width=WIDTH // 2)

    def _told(
        self,
        title: str,
        functions: Sequence[lambda_.Function],
        *lines: str,
        view: cloudwatch.LogQueryVisualizationType = cloudwatch.LogQueryVisualizationType.TABLE,
        width: int = WIDTH // 2,
    ) -> cloudwatch.LogQueryWidget:
        groups = [function.log_group.log_group_name for function in functions]
        return cloudwatch.LogQueryWidget(title=title, log_group_names=groups, query_lines=list(lines), view=view, width=width, height=6)


def _healthy(reach: Reach) -> list[cloudwatch.IMetric]:
    """Of the assemblies that are known here; on a shared foundation of whatever says so in this account and region, by a search:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    if reach.deployable is None:
        dimensions = f"{names.METRIC_NAMESPACE},{names.DIM_ASSEMBLY},{names.DIM_DEPLOYABLE}"
        search = f"SEARCH('{{{dimensions}}} MetricName=\"{names.METRIC_HEALTHY}\"', 'Minimum')"
        return [cloudwatch.MathExpression(expression=search, label="", period=MINUTE, using_metrics={})]
    return [
        cloudwatch.Metric(
            namespace=names.METRIC_NAMESPACE,
            metric_name=names.METRIC_HEALTHY,
            dimensions_map={names.DIM_DEPLOYABLE: deployable, names.DIM_ASSEMBLY: assembly},
            label=assembly,
            statistic="Minimum",
            period=MINUTE,
        )
        for deployable, assembly in reach.named
    ]
