"""An alarm as moto keeps it, read into what the evaluator understands; what it does not is refused by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.alarms.evaluate import Definition, Missing
from lab.metrics.store import SeriesKey, key_of


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """The one metric that is watched. unit: only data points in it count, None for all."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    unit: str | None

    @property
    def key(self) -> SeriesKey:
        return key_of(self.namespace, self.name, dict(self.dimensions))


class Unsupported(ValueError):
    """The alarm uses something this lab does not evaluate."""


def read(alarm: Any) -> tuple[Definition, MetricQuery]:
    """Of moto's Alarm. Raises Unsupported, or ValueError for numbers that AWS refuses as well."""
    if alarm.rule is not None:
        raise Unsupported("composite alarms are not evaluated")
    query, period = _single(alarm) if not alarm.metric_data_queries else _from_queries(alarm)
    n = int(alarm.evaluation_periods)
    definition = Definition(
        threshold=float(alarm.threshold),
        comparison=alarm.comparison_operator,
        period_s=period,
        evaluation_periods=n,
        datapoints_to_alarm=int(alarm.datapoints_to_alarm or n),
        missing=Missing(alarm.treat_missing_data or "missing"),
    )
    return definition, query


def _single(alarm: Any) -> tuple[MetricQuery, int]:
    dimensions = tuple(sorted((dimension.name, dimension.value) for dimension in alarm.dimensions))
    statistic = alarm.statistic or alarm.extended_statistic
    return MetricQuery(alarm.namespace, alarm.metric_name, dimensions, statistic, alarm.unit or None), int(alarm.period)


def _from_queries(alarm: Any) -> tuple[MetricQuery, int]:
    """`Metrics` with exactly one plain metric: CDK writes it so when the account or region is named."""
    queries = alarm.metric_data_queries
    if len(queries) != 1 or queries[0].expression or queries[0].metric_stat is None:
        raise Unsupported("metric math is not evaluated")
    stat = queries[0].metric_stat
    dimensions = tuple(sorted((dimension.name, dimension.value) for dimension in stat.metric.dimensions))
    return MetricQuery(stat.metric.namespace, stat.metric.metric_name, dimensions, stat.stat, stat.unit or None), int(stat.period)
