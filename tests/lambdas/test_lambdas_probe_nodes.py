"""probe_nodes against real sockets: what answers, what only shakes hands, and what the metric says."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from core.model import Verdict
from core.records import Phase
from lambdas import probe_nodes
from lambdas.adapters import asking, table
from lambdas.adapters.clients import client

NODE = "i-0aaa"


class Node:
    """A node's two ports; `answers` maps what is asked to what is said, None says nothing."""

    def __init__(self, ha: bytes | None, http: bytes | None) -> None:
        self.listeners = [self._listen(ha), self._listen(http)]
        self.ha_port, self.http_port = (listener.getsockname()[1] for listener in self.listeners)

    def _listen(self, said: bytes | None) -> socket.socket:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        if said is not None:
            threading.Thread(target=self._serve, args=(listener, said), daemon=True).start()
        return listener

    @staticmethod
    def _serve(listener: socket.socket, said: bytes) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(1024)
                    connection.sendall(said)

    def close(self) -> None:
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@contextlib.contextmanager
def node(ha: bytes | None = b"OK\r\n", http: bytes | None = b"HTTP/1.1 200 OK\r\n\r\n") -> Iterator[Node]:
    made = Node(ha, http)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_S", 0.3)


def look(cloud: Any, **more: str) -> dict[str, Any]:
    wanted = {"deployable": "demo", "assembly": "counter", "instance": NODE, **more}
    return probe_nodes.handler({"look": wanted}, cloud.context())


def sweep(cloud: Any, capsys: pytest.CaptureFixture[str], late_s: float = 0) -> dict[str, float]:
    """The metrics that one sweep prints."""
    body = json.dumps({"sweep": {"due_ms": cloud.now_ms - int(late_s * 1000)}})
    capsys.readouterr()
    record = {**cloud.event("own_message")["Records"][0], "body": body}
    assert probe_nodes.handler({"Records": [record]}, cloud.context()) == {"batchItemFailures": []}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {}
    for line in lines:
        for group in line.get("_aws", {}).get("CloudWatchMetrics", []):
            assert group["Namespace"] == "Understudy"
            assert group["Metrics"][0]["StorageResolution"] == 1
            assert all(dimension in line for dimension in group["Dimensions"][0])
            found[group["Metrics"][0]["Name"]] = line[group["Metrics"][0]["Name"]]
    return found


def test_a_node_that_answers_is_healthy(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with node() as it:
        cloud.report(NODE, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)

        assert look(cloud)["look"]["verdict"] == "healthy"
        assert sweep(cloud, capsys) == {"Healthy": 1, "Sweeps": 1}


def test_who_is_prepared_for_a_warm_pool_is_not_asked_and_says_nothing_of_the_assembly(
    cloud: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with node() as it:
        cloud.report(NODE, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)
        cloud.report("i-0spare", epoch=0, phase=Phase.PREPARED, address="127.0.0.1", ha_port=1, http_port=1)

        assert sweep(cloud, capsys) == {"Healthy": 1, "Sweeps": 1}
        assert set(table.looks("demo", "counter")) == {NODE}


def test_a_stopped_process_that_still_completes_handshakes_fails(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with node(None, None) as it:
        cloud.report(NODE, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)

        seen = look(cloud)
        assert seen["look"]["verdict"] == "failing"
        assert seen["look"]["ha"] == "no answer within 0.3 s"
        assert seen["answered"] is False
        assert sweep(cloud, capsys) == {"Healthy": 0, "Sweeps": 1}


def test_a_node_that_says_failed_has_answered(cloud: Any) -> None:
    with node(b"FAILED waiting for a permit\r\n", b"HTTP/1.1 503 Service Unavailable\r\n\r\n") as it:
        cloud.report(NODE, epoch=0, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)

        seen = look(cloud)
        assert seen["look"] == {
            "at_ms": cloud.now_ms,
            "verdict": "failing",
            "ha": "says FAILED waiting for a permit",
            "http": "status 503",
        }
        assert seen["answered"] is True


@pytest.mark.parametrize("said", [b"", b"x" * 100_000, b"\xff\xfe\x00\r\n", b"HTTP/1.1\r\n"])
def test_garbage_and_floods_are_failures_and_nothing_worse(cloud: Any, said: bytes) -> None:
    with node(said, said) as it:
        cloud.report(NODE, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)

        assert look(cloud)["look"]["verdict"] == "failing"


def test_a_closed_port_fails(cloud: Any, free_port: int) -> None:
    cloud.report(NODE, address="127.0.0.1", ha_port=free_port, http_port=free_port)

    assert look(cloud)["look"]["verdict"] == "failing"


def test_silence_shows_though_the_node_still_answers(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with node() as it:
        cloud.report(NODE, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)
        assert sweep(cloud, capsys)["Healthy"] == 1
        cloud.sleep(20)

        assert sweep(cloud, capsys)["Healthy"] == 0
        assert look(cloud)["report_age_s"] == 20.0

        cloud.report(NODE, seq=2, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)
        assert sweep(cloud, capsys)["Healthy"] == 1


def test_before_the_first_permit_there_is_no_metric(cloud: Any, capsys: pytest.CaptureFixture[str], free_port: int) -> None:
    assert sweep(cloud, capsys) == {"Sweeps": 1}
    cloud.report(NODE, epoch=0, verdict=Verdict.UNKNOWN, address="127.0.0.1", ha_port=free_port, http_port=free_port)

    assert sweep(cloud, capsys) == {"Sweeps": 1}


def test_a_late_sweep_is_dropped(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep(cloud, capsys, late_s=30) == {}


def test_a_sweep_without_the_table_is_given_back_and_no_metric_pretends(
    cloud: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERSTUDY_TABLE", "elsewhere")
    record = {**cloud.event("own_message")["Records"][0], "body": json.dumps({"sweep": {"due_ms": cloud.now_ms}})}

    assert probe_nodes.handler({"Records": [record]}, cloud.context())["batchItemFailures"]
    assert "_aws" not in capsys.readouterr().out


def test_one_unreadable_report_does_not_hide_the_others(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cloud.put({"pk": "NODE#demo#counter", "sk": "REPORT#i-bad", "version": 1})
    with node() as it:
        cloud.report(NODE, address="127.0.0.1", ha_port=it.ha_port, http_port=it.http_port)

        assert sweep(cloud, capsys)["Healthy"] == 1


def test_many_silent_nodes_do_not_hide_one_that_answers(
    cloud: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "TIMEOUT_S", 2.0)
    with node(None, None) as silent, node() as well:
        for n in range(20):
            cloud.report(f"i-{n}", address="127.0.0.1", ha_port=silent.ha_port, http_port=silent.http_port)
        cloud.report(NODE, epoch=2, address="127.0.0.1", ha_port=well.ha_port, http_port=well.http_port)

        assert sweep(cloud, capsys)["Healthy"] == 1
    assert len(table.looks("demo", "counter")) == 21


def test_a_report_cannot_send_the_prober_elsewhere(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A node writes its own address; asked is only who is in its deployable's network."""
    for host in ("169.254.169.254", "8.8.8.8", "localhost", "", "::1"):
        cloud.report(NODE, address=host, ha_port=1, http_port=1)

        sweep(cloud, capsys)
        assert "is not in 127.0.0.0/8" in table.looks("demo", "counter")[NODE].looks[-1].ha


def test_a_node_that_never_reported_is_looked_at_by_its_address(cloud: Any) -> None:
    seen = look(cloud, address="127.0.0.1")

    assert seen["answered"] is False
    assert seen["report_age_s"] is None


def test_a_sweep_reads_at_half_the_price_and_whoever_acts_gets_the_newest(cloud: Any, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[bool] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["ConsistentRead"])

    events = client("dynamodb").meta.events
    events.register("before-parameter-build.dynamodb.Query", note)
    try:
        with node() as n:
            cloud.report(NODE, address="127.0.0.1", ha_port=n.ha_port, http_port=n.http_port)
            sweep(cloud, capsys)
            swept, asked = asked, []
            look(cloud)
    finally:
        events.unregister("before-parameter-build.dynamodb.Query", note)

    assert swept == [False, False]
    assert asked == [True, True]
