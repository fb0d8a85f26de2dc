"""What `validate` says of an application: a sentence for each fact of the file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import spec
from cli.application_words import application_words
from cli.validate import summary
from core.application import Application, HaPort, Limits, OcfAgent, Output, Probe, Run
from core.bounds import CounterRule, Counters, Crossed, Threshold, ThresholdKind

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "deployables").glob("*.yaml"))
PLAIN = Application(name="ledger", run=Run(exec=("/bin/ledger", "a b")))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "application ledger: /bin/ledger 'a b'"),
        ({"run": Run(systemd="l.service")}, "application ledger: systemd unit l.service"),
        ({"run": Run(lsb="/etc/init.d/l")}, "application ledger: init script /etc/init.d/l"),
        (
            {"run": Run(ocf=OcfAgent(provider="heartbeat", type="pgsql", check_level=10))},
            "application ledger: resource agent ocf:heartbeat:pgsql, checked at level 10",
        ),
        ({}, "  asked: nothing; only its exit is noticed"),
        ({"user": "ledger"}, "  runs as: ledger"),
        (
            {"limits": Limits(open_files=4096, memory_bytes=1 << 30, processes=200)},
            "  may have: 4096 open files in a process, 1G of memory, 200 processes and threads",
        ),
        ({"output": Output(file="/var/log/l", kept=2)}, "  output: /var/log/l, a new file at 10M, 2 old ones kept"),
        (
            {"ha": HaPort(port=7811, log_folder="/var/log/ha")},
            "  answers on its own HA port: 127.0.0.1 port 7811, with a log in /var/log/ha",
        ),
        ({"busy_budget_s": 90.0}, "  busy: left alone for 90s on end, then that counts as a failure"),
        ({"drain": ("/bin/drain", "now")}, "  before it is stopped: /bin/drain now, for at most 10s"),
    ],
)
def test_each_fact_has_a_sentence(changes: dict[str, object], sentence: str) -> None:
    assert sentence in list(application_words(dataclasses.replace(PLAIN, **changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        (Probe(tcp="127.0.0.1:1", expect="PONG"), "tcp 127.0.0.1:1, which must say 'PONG' every 5s"),
        (Probe(http="http://localhost/", status=(204, 503), body="up"), "http://localhost/, status 204 or 503, body with 'up' every 5s"),
        (Probe(command=("/bin/check",), busy_exits=(3, 75)), "command /bin/check, busy at exit 3 or 75 every 5s"),
        (Probe(file="/run/beat", file_age_s=300.0), "file /run/beat, changed within 5m, every 5s"),
        (Probe(process="postgres"), "process postgres, which must be there, every 5s"),
    ],
)
def test_each_probe_has_a_sentence(probe: Probe, words: str) -> None:
    said = list(application_words(dataclasses.replace(PLAIN, probes=(probe,))))

    assert f"  asked: {words}, waiting 2s; failing after 2 in a row" in said


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (Threshold(kind=ThresholdKind.MEMORY, amount=800 << 20), "memory at 800M for 30s: it is restarted"),
        (Threshold(kind=ThresholdKind.CPU, percent=150.0, for_s=60.0), "processor at 150% of one core for 1m: it is restarted"),
        (Threshold(kind=ThresholdKind.THREADS, amount=500), "threads at 500 for 30s: it is restarted"),
        (
            Threshold(kind=ThresholdKind.DISK, percent=95.0, path="/var", then=Crossed.REPORT),
            "disk of /var at 95% for 30s: it is said, and nothing is done",
        ),
    ],
)
def test_each_threshold_has_a_sentence(threshold: Threshold, words: str) -> None:
    assert f"  limit: {words}" in list(application_words(dataclasses.replace(PLAIN, thresholds=(threshold,))))


def test_each_counter_has_a_sentence() -> None:
    rules = (CounterRule(name="aborts", at_most=5, needs=("activations", 10)), CounterRule(name="consumes", at_least=1, at_most=9))

    said = list(application_words(dataclasses.replace(PLAIN, counters=Counters(rules=rules))))

    assert said[1:4] == [
        "  counts: in each 40s, by what it sends to the agent",
        "    aborts: at most 5, once activations has reached 10, or it is failing",
        "    consumes: at least 1 and at most 9, or it is failing",
    ]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_right(example: Path) -> None:
    loaded = spec.load_with_warnings(example)

    assert loaded.warnings == ()
    assert len(list(summary(loaded.deployable))) > 5


def test_names_and_addresses_of_an_assembly_are_told() -> None:
    def said(name: str) -> str:
        return "\n".join(summary(spec.load(EXAMPLES[-1].with_name(name))))

    assert "in its hosts file: platform.mz.internal is this node, clients.mz.internal is the clients' address" in said("mediation.yaml")
    watched = "watched addresses: counter.everything.internal; at a change it runs /opt/everything/address_changed.sh"
    assert watched in said("everything.yaml")
