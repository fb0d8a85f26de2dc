"""What /metrics says: the last conclusions and measures as Prometheus metrics, in base units.

Names and units as https://prometheus.io/docs/practices/naming/ asks. A number that could not be measured has no sample:
a made-up zero would be believed. prometheus_client is imported at the first scrape, for it takes 0.1 s and 1.1 MiB that a
node nobody scrapes does not owe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agent.ha_port import HaServer
from agent.ports import Holder
from agent.serving import Server
from core.model import Verdict
from core.records import Phase

if TYPE_CHECKING:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Ports = Callable[[], Iterable[tuple[str, Server]]]

# A key of an application's status or of its measures, the metric's name after understudy_application_, its help.
_GAUGES = (
    ("penalty", "penalty", "Decaying penalty for failing often; from 4 on a healthy spell no longer resets the waits between restarts."),
    ("busy_s", "busy_seconds", "How long it has been busy on end."),
    ("held", "held", "1 while an operator holds it offline."),
    ("adopted", "adopted", "1 when its run was begun by a former agent and taken over."),
    ("memory_bytes", "memory_bytes", "Memory of all its processes."),
    ("memory_limit_bytes", "memory_limit_bytes", "What its memory is limited to."),
    ("cpu_cores", "cpu_cores", "Cores used between the last two measures."),
    ("cpu_waiting", "cpu_waiting_ratio", "Time its tasks waited for a core while they could have run, per second."),
    ("open_files", "open_files", "Open descriptors of its fullest process."),
    ("open_files_limit", "open_files_limit", "Descriptors that process may have open."),
    ("threads", "threads", "Threads of all its processes."),
    ("processes", "processes", "Its processes."),
)
_PRESSURES = ("memory", "cpu", "io")
_AGENT_COUNTERS = (
    ("cycles", "agent_cycles", "Completed cycles."),
    ("cycle_s_total", "agent_cycle_seconds", "Time spent in cycles."),
    ("reports", "reports", "Reports that the table took."),
    ("table_errors", "table_errors", "Calls to the state table that failed."),
)
_STATE_COUNTERS = (
    ("saves", "state_saves", "Saves of the assembly's state that the bucket took."),
    ("errors", "state_save_errors", "Saves that failed."),
    ("puts", "state_put_requests", "Requests that the saves under this permit made and that cost a put."),
)
_STATE_GAUGES = (
    ("saved_age_s", "state_saved_age_seconds", "What was on the disk so long ago is saved."),
    ("took_s", "state_save_seconds", "Duration of the last save."),
    ("opened_s", "state_open_seconds", "How long it took to find, claim and restore the state."),
    ("bytes", "state_bytes", "Size of what is saved."),
    ("entries", "state_entries", "Files, folders and links that are saved."),
)
_AGENT_GAUGES = (
    ("cycle_s_last", "agent_cycle_last_seconds", "Duration of the last cycle."),
    ("cycle_s_max", "agent_cycle_max_seconds", "Duration of the longest cycle."),
    ("table_age_s", "table_answer_age_seconds", "Since the state table last answered."),
)


def metrics_text(holder: Holder, ports: Ports = lambda: ()) -> tuple[bytes, bytes]:
    """The text of a scrape, and its content type."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST
    from prometheus_client.registry import Collector

    class Conclusions(Collector):
        def collect(self) -> Iterator[Metric]:
            yield from _families(holder, ports)

        def describe(self) -> list[Metric]:
            return []  # registering must not scrape

    registry = CollectorRegistry()
    registry.register(Conclusions())
    ProcessCollector(registry=registry)  # the agent itself: process_cpu_seconds_total, process_open_fds and so on
    return generate_latest(registry), CONTENT_TYPE_LATEST.encode()


def _families(holder: Holder, ports: Ports) -> Iterator[Metric]:
    status = holder.status()
    yield from _of_node(status, holder.is_stuck())
    yield from _of_applications(status["applications"])
    yield from _of_ports(list(ports()))


def _of_node(status: Mapping[str, Any], stuck: bool) -> Iterator[Metric]:
    names = ("deployable", "assembly", "instance")
    info = _gauge("node_info", "Who this node is; always 1.", *names)
    info.add_metric([str(status.get(name, "")) for name in names], 1)
    yield info
    yield _one("node_epoch", "Epoch of the permit that this node holds, 0 before the first.", status["epoch"])
    yield _one("agent_stuck", "1 when no cycle is completed any more.", stuck)
    phase = _gauge("node_phase", "1 for the phase that the node is in.", "phase")
    for each in Phase:
        phase.add_metric([each.value], status["phase"] == each.value)
    yield phase
    yield _verdicts("node_verdict", "1 for the node's verdict.", (), {(): status["verdict"]})
    agent = status.get("agent", {})
    for key, name, about in _AGENT_COUNTERS:
        if _is_number(agent.get(key)):
            counter = _counter(name, about)
            counter.add_metric([], agent[key])
            yield counter
    yield from (_one(name, about, agent[key]) for key, name, about in _AGENT_GAUGES if _is_number(agent.get(key)))
    state = status.get("state", {})
    for key, name, about in _STATE_COUNTERS:
        if _is_number(state.get(key)):
            counter = _counter(name, about)
            counter.add_metric([], state[key])
            yield counter
    yield from (_one(name, about, state[key]) for key, name, about in _STATE_GAUGES if _is_number(state.get(key)))


def _of_applications(applications: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    up = _gauge("application_up", "1 while its verdict is healthy or busy.", "application")
    restarts = _counter("application_restarts", "Times it was started again.", "application")
    for name, about in applications.items():
        up.add_metric([name], about["verdict"] in (Verdict.HEALTHY, Verdict.BUSY))
        restarts.add_metric([name], about["restarts"])
    yield from (up, restarts)
    by_name: dict[tuple[str, ...], str] = {(name,): about["verdict"] for name, about in applications.items()}
    yield _verdicts("application_verdict", "1 for the application's verdict.", ("application",), by_name)
    for key, metric, text in _GAUGES:
        gauge = _gauge(f"application_{metric}", text, "application")
        for name, about in applications.items():
            value = about.get(key, _measures(about).get(key))
            if _is_number(value):
                gauge.add_metric([name], value)
        yield gauge
    yield from _pressures_and_disks(applications)
    yield from _probes(applications)


def _pressures_and_disks(applications: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    pressure = _gauge("application_pressure_ratio", "Share of the last 10 s in which its tasks waited (PSI).", "application", "resource")
    disk = _gauge("application_disk_used_ratio", "Used share of the file system that a threshold names.", "application", "path")
    inodes = _gauge("application_disk_inodes_used_ratio", "Used share of its inodes.", "application", "path")
    for name, about in applications.items():
        measures = _measures(about)
        for resource in _PRESSURES:
            if _is_number(measures.get(f"{resource}_pressure")):
                pressure.add_metric([name, resource], measures[f"{resource}_pressure"])
        for path, use in (measures.get("disks") or {}).items():
            disk.add_metric([name, path], use["used"])
            inodes.add_metric([name, path], use["inodes"])
    yield from (pressure, disk, inodes)


def _probes(applications: Mapping[str, Mapping[str, Any]]) -> Iterator[Metric]:
    took = _gauge("probe_duration_seconds", "How long the last asking of a probe took.", "application", "probe")
    asked = _counter("probe_results", "Results of a probe, by what they were.", "application", "probe", "outcome")
    for name, about in applications.items():
        for probe in about.get("probes", ()):
            if _is_number(probe.get("took_s")):
                took.add_metric([name, str(probe["probe"])], probe["took_s"])
            for outcome, count in (probe.get("outcomes") or {}).items():
                asked.add_metric([name, str(probe["probe"]), outcome], count)
    yield from (took, asked)


def _of_ports(ports: list[tuple[str, Server]]) -> Iterator[Metric]:
    open_now = _gauge("port_connections", "Connections open now.", "port")
    opened = _counter("port_connections_opened", "Connections let in.", "port")
    evicted = _counter("port_connections_evicted", "Connections closed to make room for others.", "port")
    starved = _counter("port_accept_starved", "Times no descriptor was left to let a connection in.", "port")
    pings = _counter("ha_port_pings", "Answers to ping.", "port")
    for name, server in ports:
        open_now.add_metric([name], server.connections)
        opened.add_metric([name], server.opened)
        evicted.add_metric([name], server.evicted)
        starved.add_metric([name], server.starved)
        if isinstance(server, HaServer):
            pings.add_metric([name], server.pings)
    yield from (open_now, opened, evicted, starved, pings)


# --- small words -------------------------------------------------------------------------------------------------


def _gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(f"understudy_{name}", about, labels=labels)


def _counter(name: str, about: str, *labels: str) -> CounterMetricFamily:
    """The library appends _total."""
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(f"understudy_{name}", about, labels=labels)


def _one(name: str, about: str, value: float) -> GaugeMetricFamily:
    gauge = _gauge(name, about)
    gauge.add_metric([], value)
    return gauge


def _verdicts(name: str, about: str, labels: tuple[str, ...], verdicts: Mapping[tuple[str, ...], str]) -> GaugeMetricFamily:
    gauge = _gauge(name, about, *labels, "verdict")
    for values, verdict in verdicts.items():
        for each in Verdict:
            gauge.add_metric([*values, each.value], verdict == each.value)
    return gauge


def _measures(about: Mapping[str, Any]) -> Mapping[str, Any]:
    measures = about.get("measures")
    return measures if isinstance(measures, Mapping) else {}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float))
