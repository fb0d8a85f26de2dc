"""The agent as the unit runs it: a process, a metadata service, DynamoDB and S3 over HTTP, an application that dies."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from moto.server import ThreadedMotoServer

from core import names
from core.application import Run
from core.items import parse_report, permit_item
from core.model import Application, Deployable, Probe, Tolerance
from core.records import Permit, Phase, Report
from core.settings import node_settings_to_json
from tests.agent import programs
from tests.agent.programs import PATIENCE_S
from tests.agent.worlds import INSTANCE, MetadataServer, deployable_of, end_all, free_port, permit

ROOT = Path(__file__).parents[2]

# A small HTTP server that says who it is; with `--fork` a grandchild in its own session holds the port's lock file.
SERVER = """
import http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.getpid()} {os.environ['UNDERSTUDY_EPOCH']} {os.environ['UNDERSTUDY_INSTANCE']}".encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H).serve_forever()
"""


def eventually(what: str, look: Callable[[], Any]) -> Any:
    """The same as for coroutines, for what may refuse to answer at first."""

    def asked() -> Any:
        with contextlib.suppress(OSError):
            return look()
        return None

    return asyncio.run(programs.eventually(asked, what))


class Cloud:
    """moto over HTTP with the table and the bucket, and a metadata service."""

    def __init__(self, server: ThreadedMotoServer, metadata: MetadataServer) -> None:
        host, port = server.get_host_and_port()
        self.endpoint, self.metadata = f"http://{host}:{port}", metadata
        urllib.request.urlopen(f"{self.endpoint}/moto-api/reset", data=b"", timeout=5).close()  # its state is the process's
        keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}
        self.dynamodb = boto3.client("dynamodb", endpoint_url=self.endpoint, **keys)
        self.s3 = boto3.client("s3", endpoint_url=self.endpoint, **keys)
        self.dynamodb.create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        self.s3.create_bucket(Bucket="evidence")

    def write_permit(self, given: Permit) -> None:
        item = {name: TypeSerializer().serialize(value) for name, value in permit_item(given).items()}
        self.dynamodb.put_item(TableName="state", Item=item)

    def item(self, sk: str) -> dict[str, Any] | None:
        key = {"pk": {"S": names.node_pk("demo", "counter")}, "sk": {"S": sk}}
        stored = self.dynamodb.get_item(TableName="state", Key=key).get("Item")
        return None if stored is None else _plain({name: TypeDeserializer().deserialize(value) for name, value in stored.items()})

    def report(self) -> Report | None:
        item = self.item(names.report_sk(INSTANCE))
        return None if item is None else parse_report(item)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return int(value) if type(value).__name__ == "Decimal" else value


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server, metadata = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False), MetadataServer()
    server.start()
    try:
        yield Cloud(server, metadata)
    finally:
        end_all()
        server.stop()
        metadata.close()


@contextlib.contextmanager
def agent(cloud: Cloud, deployable: Deployable, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The agent as a process, with nothing but the environment that a node gives it."""
    settings = folder / "agent.json"
    settings.write_text(node_settings_to_json(deployable, "counter"))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "UNDERSTUDY_SETTINGS": str(settings),
        "UNDERSTUDY_TABLE": "state",
        "UNDERSTUDY_BUCKET": "evidence",
        "UNDERSTUDY_STATE": str(folder / "state"),
        "UNDERSTUDY_SOCKET": str(folder / "run" / "agent.sock"),
        "AWS_ENDPOINT_URL": cloud.endpoint,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.metadata.endpoint,
    }
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "agent", "run"], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        print((folder / "log").read_text())


def get(port: int, path: str = "/") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ping(port: int) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"ping\r\n")
        return connection.makefile().readline().strip()


def phase(cloud: Cloud, wanted: Phase) -> Callable[[], Report | None]:
    def look() -> Report | None:
        report = cloud.report()
        return report if report is not None and report.phase is wanted else None

    return look


def served(port: int) -> Callable[[], list[str]]:
    return lambda: get(port)[1].split()


def refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def one_server(**changes: Any) -> tuple[Deployable, int]:
    port = free_port()
    probe = Probe(http=f"http://127.0.0.1:{port}/", every_s=1.0, timeout_s=1.0)  # a busy machine is no hang
    command = (sys.executable, "-c", SERVER, str(port))
    return deployable_of(
        Application(**{"name": "web", "run": Run(exec=command), "probes": (probe,), "stop_timeout_s": 2.0, **changes})
    ), port


def test_a_permit_starts_the_application_a_kill_restarts_it_and_a_successor_ends_it(cloud: Cloud, tmp_path: Path) -> None:
    deployable, port = one_server()
    assembly = deployable.assembly("counter")
    with agent(cloud, deployable, tmp_path) as process:
        waiting = eventually("a node that waits", phase(cloud, Phase.WAITING))
        assert (waiting.epoch, waiting.applications[0][1].restarts) == (0, 0)
        assert ping(assembly.ha_port) == "OK"
        assert get(assembly.http_port, "/healthz")[0] == 200
        assert get(assembly.http_port, "/readyz")[0] == 503
        assert refused(port), "nothing is started without a permit"

        cloud.write_permit(permit(epoch=4))
        first, epoch, instance = eventually("the application", served(port))
        running = eventually("a report that says so", phase(cloud, Phase.RUNNING))
        assert (epoch, instance, running.epoch, running.verdict.value) == ("4", INSTANCE, 4, "healthy")
        assert get(assembly.http_port, "/readyz")[0] == 200
        assert running.seq > waiting.seq
        assert running.boot == waiting.boot

        os.kill(int(first), signal.SIGKILL)
        second, *_ = eventually("another run of it", lambda: (found := served(port)()) and found[0] != first and found)
        assert second != first
        eventually("a counted restart", lambda: cloud.report().applications[0][1].restarts == 1)  # type: ignore[union-attr]
        assert cloud.item(names.request_sk(INSTANCE)) is None, "one failure is tolerated"

        cloud.write_permit(permit("i-another", epoch=5))
        released = eventually("a release", phase(cloud, Phase.RELEASED))
        assert released.epoch == 4
        assert refused(port)
        assert ping(assembly.ha_port).startswith("FAILED superseded")
        assert process.poll() is None, "the agent goes on telling"
        journal = f"evidence/demo/counter/{INSTANCE}/journal.jsonl"
        kept = eventually("its journal", lambda: cloud.s3.list_objects_v2(Bucket="evidence").get("Contents"))
        assert [entry["Key"] for entry in kept] == [journal]


def _says(report: Report | None, verdict: str, reason: str) -> bool:
    return report is not None and report.verdict.value == verdict and reason in report.applications[0][1].reason


def test_a_crash_loop_asks_to_be_replaced_and_goes_on_trying(cloud: Cloud, tmp_path: Path) -> None:
    deployable, _ = one_server(run=Run(exec=(sys.executable, "-c", "raise SystemExit(3)")), tolerance=Tolerance(1, 60.0))
    cloud.write_permit(permit())
    with agent(cloud, deployable, tmp_path):
        request = eventually("a request", lambda: cloud.item(names.request_sk(INSTANCE)))
        assert request["application"] == "web"
        assert "exited with status 3" in request["reason"]
        eventually("a failing report that says when it is tried again", lambda: _says(cloud.report(), "failing", "next start in"))


def test_being_told_to_stop_leaves_the_application_running_and_a_new_life_adopts_it(cloud: Cloud, tmp_path: Path) -> None:
    deployable, port = one_server()
    cloud.write_permit(permit())
    with agent(cloud, deployable, tmp_path) as process:
        first, *_ = eventually("the application", served(port))
        eventually("a report that says so", phase(cloud, Phase.RUNNING))
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert served(port)()[0] == first
    assert cloud.report().phase is Phase.RUNNING  # type: ignore[union-attr]

    with agent(cloud, deployable, tmp_path):
        status = eventually("the application adopted", lambda: adopted(deployable))
        assert (status["pid"], status["restarts"], status["verdict"]) == (int(first), 0, "healthy")
        os.kill(int(first), signal.SIGKILL)
        second, *_ = eventually("another run of it", lambda: (found := served(port)()) and found[0] != first and found)
        assert second != first
        assert "ended (adopted: no exit status)" in (tmp_path / "log").read_text()


def adopted(deployable: Deployable) -> dict[str, Any] | None:
    """What the node says of its application, once it is adopted and well."""
    status: dict[str, Any] = json.loads(get(deployable.assembly("counter").http_port, "/v1/status")[1])["applications"]["web"]
    return status if status["adopted"] and status["verdict"] == "healthy" else None


def test_target_state_terminated_releases_the_permit_for_good(cloud: Cloud, tmp_path: Path) -> None:
    deployable, port = one_server()
    cloud.write_permit(permit(epoch=2))
    with agent(cloud, deployable, tmp_path):
        eventually("the application", served(port))
        cloud.metadata.state = "Terminated"
        assert eventually("a release", phase(cloud, Phase.RELEASED)).epoch == 2
        assert refused(port)

    cloud.metadata.state = "InService"
    with agent(cloud, deployable, tmp_path):
        eventually("the log", lambda: "given up here before" in (tmp_path / "log").read_text())
        assert refused(port)


def test_an_application_outlives_an_agent_that_was_killed_and_is_adopted_by_its_next_life(cloud: Cloud, tmp_path: Path) -> None:
    deployable, port = one_server()
    cloud.write_permit(permit())
    with agent(cloud, deployable, tmp_path) as process:
        first, *_ = eventually("the application", served(port))
        process.kill()
        process.wait()
    with agent(cloud, deployable, tmp_path):
        status = eventually("the application adopted", lambda: adopted(deployable))
        assert (status["pid"], status["restarts"]) == (int(first), 0)
        assert served(port)()[0] == first


def test_losing_the_table_does_not_stop_the_application(cloud: Cloud, tmp_path: Path) -> None:
    deployable, port = one_server()
    cloud.write_permit(permit())
    with agent(cloud, deployable, tmp_path):
        first, *_ = eventually("the application", served(port))
        cloud.dynamodb.delete_table(TableName="state")
        eventually("that it was noticed", lambda: "permit-trouble" in (tmp_path / "log").read_text())
        assert served(port)()[0] == first
        troubles = [json.loads(line)["event"] for line in (tmp_path / "log").read_text().splitlines() if "trouble" in line]
        assert len(troubles) == len(set(troubles)), "said once"


def test_a_port_in_use_is_one_clear_line(cloud: Cloud, tmp_path: Path) -> None:
    deployable, _ = one_server()
    with socket.create_server(("127.0.0.1", deployable.assembly("counter").ha_port)), agent(cloud, deployable, tmp_path) as process:
        assert process.wait(PATIENCE_S) == 1
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[-1].startswith("understudy agent: HA port of the node: cannot listen on 127.0.0.1")
    assert not any("Traceback" in line for line in lines)
