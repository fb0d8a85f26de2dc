"""An alarm as moto keeps it, read into what the evaluator understands; what it does not is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.alarms.evaluate import Definition, Missing
from lab.alarms.expression import Points, Unsupported, work_out
from lab.metrics.store import SeriesKey, key_of

__all__ = ["MetricQuery", "Query", "Unsupported", "Watched", "read"]

# Of one alarm: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html
_METRICS_MAX = 10


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """One metric. unit: only data points in it count, None for all."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    unit: str | None

    @property
    def key(self) -> SeriesKey:
        return key_of(self.namespace, self.name, dict(self.dimensions))


@dataclass(frozen=True, slots=True)
class Query:
    """One entry of `Metrics`: a metric or an expression. returned: it is what the alarm watches."""

    id: str
    metric: MetricQuery | None
    expression: str | None
    label: str | None
    returned: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """What an alarm watches: one metric, or an expression and the metrics in it."""

    queries: tuple[Query, ...]

    @property
    def metric(self) -> MetricQuery | None:
        """The one metric; None for an expression."""
        return self._returned.metric

    def points(self, series: Callable[[MetricQuery], Points]) -> Points:
        """series: a metric's values, one for each period. Raises Unsupported."""
        returned = self._returned
        if returned.metric is not None:
            return series(returned.metric)
        assert returned.expression is not None
        metrics = {query.id: series(query.metric) for query in self.queries if query.metric is not None}
        others = {query.id: query.expression for query in self.queries if query.expression is not None and query is not returned}
        return work_out(returned.expression, metrics, others)

    @property
    def _returned(self) -> Query:
        (one,) = (query for query in self.queries if query.returned)
        return one


def read(alarm: Any) -> tuple[Definition, Watched]:
    """Of moto's Alarm on metrics. Raises Unsupported, or ValueError for numbers that AWS refuses as well."""
    watched, period = _single(alarm) if not alarm.metric_data_queries else _from_queries(alarm)
    n = int(alarm.evaluation_periods)
    definition = Definition(
        threshold=float(alarm.threshold),
        comparison=alarm.comparison_operator,
        period_s=period,
        evaluation_periods=n,
        datapoints_to_alarm=int(alarm.datapoints_to_alarm or n),
        missing=Missing(alarm.treat_missing_data or "missing"),
    )
    return definition, watched


def _single(alarm: Any) -> tuple[Watched, int]:
    dimensions = tuple(sorted((dimension.name, dimension.value) for dimension in alarm.dimensions))
    statistic = alarm.statistic or alarm.extended_statistic
    metric = MetricQuery(alarm.namespace, alarm.metric_name, dimensions, statistic, alarm.unit or None)
    return Watched((Query("m1", metric, None, None, True),)), int(alarm.period)


def _from_queries(alarm: Any) -> tuple[Watched, int]:
    """`Metrics`: metrics of one period, and expressions over them; exactly one is returned."""
    queries = tuple(_query(query) for query in alarm.metric_data_queries)
    returned = [query.id for query in queries if query.returned]
    if len(returned) != 1:
        raise Unsupported(f"{len(returned)} of its metrics return data: exactly one may")
    if sum(query.metric is not None for query in queries) > _METRICS_MAX:
        raise Unsupported(f"it reads more than {_METRICS_MAX} metrics")
    periods = {int(query.metric_stat.period) for query in alarm.metric_data_queries if query.metric_stat is not None}
    if len(periods) != 1:
        raise Unsupported(f"its metrics have {len(periods)} different periods")
    return Watched(queries), periods.pop()


def _query(query: Any) -> Query:
    returned = str(query.return_data).lower() != "false"  # absent is true: API_MetricDataQuery
    stat = query.metric_stat
    if stat is None:
        return Query(query.id, None, query.expression, query.label or None, returned)
    dimensions = tuple(sorted((dimension.name, dimension.value) for dimension in stat.metric.dimensions))
    metric = MetricQuery(stat.metric.namespace, stat.metric.metric_name, dimensions, stat.stat, stat.unit or None)
    return Query(query.id, metric, None, query.label or None, returned)
