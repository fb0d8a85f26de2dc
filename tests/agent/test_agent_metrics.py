"""/metrics as Prometheus reads it: every number has its name, its unit and its labels, and what was not measured is not there."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from agent.ha_port import ha_server
from agent.metrics import metrics_text
from core.model import Verdict
from tests.agent.holders import FakeHolder

MEASURES = {
    "memory_bytes": 1024,
    "memory_limit_bytes": 4096,
    "memory_pressure": 0.25,
    "cpu_pressure": None,
    "io_pressure": 0.0,
    "cpu_cores": 1.5,
    "open_files": None,
    "threads": 12,
    "disks": {"/var": {"used": 0.5, "inodes": 0.1}},
}
PROBES = [{"probe": 'http "http://x/"', "took_s": 0.01, "outcomes": {"good": 9, "timeout": 1}}, {"probe": "tcp", "took_s": None}]


def scraped(holder: FakeHolder) -> Iterator[Sample]:
    text, kind = metrics_text(holder)
    assert kind.startswith(b"text/plain; version=")
    for family in text_string_to_metric_families(text.decode()):
        yield from family.samples


def values(holder: FakeHolder, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels, in the order of their names."""
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in scraped(holder) if sample.name == name}


def rich() -> FakeHolder:
    holder = FakeHolder()
    holder.tell(Verdict.BUSY, "queue full")
    holder.more["web"] = {"penalty": 1.5, "busy_s": 3.0, "held": False, "adopted": True, "measures": MEASURES, "probes": PROBES}
    holder.agent = {"cycles": 100, "cycle_s_total": 0.5, "cycle_s_last": 0.002, "cycle_s_max": 0.1, "reports": 7, "table_errors": 2}
    return holder


def test_an_application_is_up_while_it_is_healthy_or_busy_and_has_one_verdict() -> None:
    holder = rich()
    holder.tell(Verdict.FAILING, "died", "db")

    assert values(holder, "understudy_application_up") == {("web",): 1, ("db",): 0}
    verdicts = values(holder, "understudy_application_verdict")
    assert {labels for labels, value in verdicts.items() if value == 1} == {("web", "busy"), ("db", "failing")}
    assert len(verdicts) == 2 * len(Verdict)
    assert values(holder, "understudy_application_restarts_total") == {("web",): 2, ("db",): 2}


def test_what_was_measured_is_told_in_base_units_and_what_was_not_is_left_out() -> None:
    holder = rich()

    for name, value in {
        "penalty": 1.5, "busy_seconds": 3.0, "adopted": 1, "memory_bytes": 1024, "memory_limit_bytes": 4096, "cpu_cores": 1.5, "threads": 12
    }.items():  # fmt: skip
        assert values(holder, f"understudy_application_{name}") == {("web",): value}
    assert values(holder, "understudy_application_held") == {("web",): 0, ("db",): 0}
    assert values(holder, "understudy_application_open_files") == {}
    assert values(holder, "understudy_application_pressure_ratio") == {("web", "memory"): 0.25, ("web", "io"): 0}
    assert values(holder, "understudy_application_disk_used_ratio") == {("web", "/var"): 0.5}
    assert values(holder, "understudy_application_disk_inodes_used_ratio") == {("web", "/var"): 0.1}


def test_each_probe_has_its_duration_and_its_results() -> None:
    assert values(rich(), "understudy_probe_duration_seconds") == {("web", 'http "http://x/"'): 0.01}
    results = values(rich(), "understudy_probe_results_total")
    assert results == {("web", "good", 'http "http://x/"'): 9, ("web", "timeout", 'http "http://x/"'): 1}


def test_the_node_tells_its_epoch_its_phase_and_how_its_agent_does() -> None:
    holder = rich()

    assert values(holder, "understudy_node_epoch") == {(): 3}
    assert [phase for (phase,), value in values(holder, "understudy_node_phase").items() if value == 1] == ["running"]
    assert values(holder, "understudy_node_info") == {("counter", "demo", "i-1"): 1}
    assert values(holder, "understudy_agent_cycles_total") == {(): 100}
    assert values(holder, "understudy_agent_cycle_seconds_total") == {(): 0.5}
    assert values(holder, "understudy_table_errors_total") == {(): 2}
    assert values(holder, "understudy_agent_stuck") == {(): 0}
    assert values(holder, "process_open_fds")


def test_a_holder_that_tells_only_what_it_must_is_scraped_all_the_same() -> None:
    assert values(FakeHolder(), "understudy_application_up") == {("web",): 1, ("db",): 1}
    assert values(FakeHolder(), "understudy_agent_cycles_total") == {}


def test_the_ports_count_themselves() -> None:
    async def run() -> None:
        server = ha_server(FakeHolder().view, "test")
        assert server.ping() == b"OK\r\n"
        text, _ = metrics_text(FakeHolder(), lambda: [("ha", server)])
        assert b'understudy_ha_port_pings_total{port="ha"} 1.0\n' in text
        assert b'understudy_port_connections{port="ha"} 0.0\n' in text

    asyncio.run(run())


def test_names_keep_to_prometheus_conventions() -> None:
    text, _ = metrics_text(rich())
    for family in text_string_to_metric_families(text.decode()):
        assert re.fullmatch(r"(understudy|process)_[a-z0-9_]+", family.name)
        assert family.documentation
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total"), sample.name
            assert not re.search(r"_(ms|millis|percent|kb|mb|minutes)\b", sample.name), sample.name
