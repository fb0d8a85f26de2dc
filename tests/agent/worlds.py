"""Made-up surroundings for the agent: a metadata service, a table and a bucket, small programs, a free port."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from agent.ports import Identity, Refused, Unreachable
from core.items import Item, parse_permit, parse_report, permit_item, report_item, request_item
from core.model import Application, Assembly, Deployable, Verdict
from core.records import ApplicationReport, Permit, Phase, Report, Request

# Of this process alone: an agent ends what an earlier one of its instance left behind, on the whole machine.
INSTANCE = f"i-0{os.getpid():016x}"
# Below net.ipv4.ip_local_port_range, which begins with 32768 (ip(7)); not seeded with the tests, whose processes would all choose alike.
_PORTS = (12000, 32000)
_CHOICE = random.SystemRandom()


class FakeTable:
    """agent.ports.Table in memory, on the same items as the real one."""

    def __init__(self) -> None:
        self.items: dict[tuple[str, str], Item] = {}
        self.trouble: Unreachable | Refused | None = None

    def put(self, item: Item) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.items[item["pk"], item["sk"]] = item

    def read_permit(self, deployable: str, assembly: str) -> Permit | None:
        if self.trouble is not None:
            raise self.trouble
        item = self.items.get((f"PERMIT#{deployable}#{assembly}", "CURRENT"))
        return None if item is None else parse_permit(item)

    def write_report(self, report: Report) -> None:
        self.put(report_item(report))

    def write_request(self, request: Request) -> None:
        self.put(request_item(request))

    def write_permit(self, permit: Permit) -> None:
        self.put(permit_item(permit))

    def report(self, deployable: str, assembly: str, instance: str = INSTANCE) -> Report | None:
        item = self.items.get((f"NODE#{deployable}#{assembly}", f"REPORT#{instance}"))
        return None if item is None else parse_report(item)


class FakeBucket:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body


class FakeMetadata:
    def __init__(self, instance: str = INSTANCE) -> None:
        self.state: str | None = "InService"
        self.instance = instance

    def identity(self) -> Identity:
        return Identity(instance=self.instance, region="us-east-1", address="127.0.0.1")

    def target_lifecycle_state(self) -> str | None:
        return self.state


class MetadataServer:
    """IMDSv2 on loopback: tokens required, a role's credentials, an identity document, a target lifecycle state."""

    def __init__(self, instance: str = INSTANCE) -> None:
        self.token, self.tokens_given, self.state, self.instance = "token-1", 0, "InService", instance
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                return

            def do_PUT(self) -> None:
                if self.path != "/latest/api/token" or "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
                    return self._say(400, "")
                outer.tokens_given += 1
                self._say(200, outer.token)

            def do_GET(self) -> None:
                if self.headers.get("X-aws-ec2-metadata-token") != outer.token:
                    return self._say(401, "")
                body = outer.answer(self.path)
                self._say(404 if body is None else 200, body or "")

            def _say(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def answer(self, path: str) -> str | None:
        credentials = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": "ASIAEXAMPLE",
            "SecretAccessKey": "secret",
            "Token": "session",
            "LastUpdated": "2030-01-01T00:00:00Z",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        return {
            "/latest/dynamic/instance-identity/document": json.dumps({"region": "us-east-1", "instanceId": self.instance}),
            "/latest/meta-data/instance-id": self.instance,
            "/latest/meta-data/local-ipv4": "127.0.0.1",
            "/latest/meta-data/autoscaling/target-lifecycle-state": self.state,
            "/latest/meta-data/iam/security-credentials/": "node-role",
            "/latest/meta-data/iam/security-credentials/node-role": json.dumps(credentials),
        }.get(path)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def living(application: str = "", instance: str = INSTANCE) -> list[int]:
    """The pids of what an agent of that instance started, found by the mark; zombies do not count."""
    wanted, found = f"\0UNDERSTUDY_RUN={instance}/{application}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if state not in "ZX" and wanted in b"\0" + (folder / "environ").read_bytes():
                found.append(int(folder.name))
    return found


def end_all(instance: str = INSTANCE) -> None:
    """Applications outlive their agent, but not their test."""
    while pids := living(instance=instance):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def free_port() -> int:
    """One that nobody has now, and that the kernel gives to nobody by itself: not to a connection that leaves in the meantime."""
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", _CHOICE.randrange(*_PORTS))) as held:
            return int(held.getsockname()[1])
    raise AssertionError(f"no port of a hundred from {_PORTS} is free")


def deployable_of(*applications: Application) -> Deployable:
    """A deployable of one assembly on free ports."""
    assembly = Assembly(
        name="counter", image="debian-12", instances=("t4g.small",), applications=applications, ha_port=free_port(), http_port=free_port()
    )
    return Deployable(name="demo", assemblies=(assembly,))


def report(**changes: Any) -> Report:
    values = {
        "deployable": "demo",
        "assembly": "counter",
        "instance": INSTANCE,
        "boot": "0a1b2c3d",
        "seq": 1,
        "epoch": 3,
        "at_ms": 1_700_000_000_000,
        "phase": Phase.RUNNING,
        "verdict": Verdict.HEALTHY,
        "applications": (("web", ApplicationReport(verdict=Verdict.HEALTHY, restarts=0)),),
        "address": "10.20.0.5",
        "ha_port": 7810,
        "http_port": 7880,
        "agent": "source",
        "expires_at": 1_700_000_600,
    }
    return Report(**{**values, **changes})


def permit(instance: str = INSTANCE, epoch: int = 1) -> Permit:
    return Permit(deployable="demo", assembly="counter", instance=instance, epoch=epoch, at_ms=0)
