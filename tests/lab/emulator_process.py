"""An emulator process of a test's own, without engines unless asked for, on a free loopback port."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lab.emulator.client import client

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0


@dataclass(frozen=True, slots=True)
class Emulator:
    """endpoint: http://localhost:PORT."""

    endpoint: str
    folder: Path
    process: subprocess.Popen[str]

    def api(self, service: str) -> Any:
        return client(self.endpoint, service)

    def create(self, name: str, template: dict[str, Any]) -> tuple[str, str]:
        """CreateStack: (status, reasons of failed resources)."""
        self.api("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
        return self.outcome(name)

    def outcome(self, name: str) -> tuple[str, str]:
        cloudformation = self.api("cloudformation")
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return status, "\n".join(e.get("ResourceStatusReason", "") for e in events if e["ResourceStatus"].endswith("_FAILED"))

    def physical(self, stack: str, logical_id: str) -> str:
        found = self.api("cloudformation").describe_stack_resources(StackName=stack, LogicalResourceId=logical_id)
        return str(found["StackResources"][0]["PhysicalResourceId"])

    def begun(self, name: str, template: dict[str, Any]) -> None:
        """CreateStack of one that waits for signals: it goes on after this."""
        self.api("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])


@contextlib.contextmanager
def nodes_told_of(aws: Emulator, stack: str) -> Iterator[None]:
    """Say success for every group of the stack that waits: this emulator has no nodes, nor an admit_node."""
    over, api = threading.Event(), aws.api("cloudformation")

    def tell() -> None:
        while not over.wait(0.2):
            try:
                for resource in api.describe_stack_events(StackName=stack)["StackEvents"]:
                    if resource["ResourceType"] == "AWS::AutoScaling::AutoScalingGroup":
                        names = {"StackName": stack, "LogicalResourceId": resource["LogicalResourceId"]}
                        api.signal_resource(**names, UniqueId="i-0123456789abcdef0", Status="SUCCESS")
            except ClientError:
                continue  # no such stack yet, or nobody waits

    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    try:
        yield
    finally:
        over.set()
        telling.join(timeout=10)


def server_command(folder: Path, *arguments: str, engines: str = "none") -> list[str]:
    return [sys.executable, "-m", "lab.server", "--dir", str(folder), "--engines", engines, *arguments]


@contextlib.contextmanager
def emulator(folder: Path, *arguments: str, engines: str = "none") -> Iterator[Emulator]:
    """Serve while the block runs; ended by SIGTERM, and by SIGKILL if that takes more than 10 s."""
    command = server_command(folder, "--port", "0", *arguments, engines=engines)
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + START_S
        ready = folder / "ready"
        while not ready.exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "the emulator did not serve"
            time.sleep(0.02)
        port = json.loads(ready.read_text())["port"]
        yield Emulator(f"http://localhost:{port}", folder, process)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
