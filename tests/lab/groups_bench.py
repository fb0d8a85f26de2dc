"""A world without machines for the tests of EC2 and groups: time moved by hand, fakes that remember."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws
from moto.backends import get_backend

import lab.ec2
import lab.groups
from lab.clock import Clock
from lab.delays import Delays
from lab.emulator.fixups import images
from lab.journal import Journal
from lab.world import InterfaceSpec, MachineSpec, World


class HandClock(Clock):
    """now() moves only by advance(), which runs what has come due, in order, in the caller's thread."""

    def __init__(self) -> None:
        super().__init__()
        self.at = 1_700_000_000.0
        self._due: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self.at

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        return False

    def later(self, seconds: float, act: Callable[[], None]) -> threading.Timer:
        self._due.append((self.at + seconds, act))
        return threading.Timer(seconds, act)  # never started: advance() runs the act

    def advance(self, seconds: float) -> None:
        end = self.at + seconds
        while ready := sorted((due for due in self._due if due[0] <= end), key=lambda due: due[0]):
            self._due.remove(ready[0])
            self.at = max(self.at, ready[0][0])
            ready[0][1]()
        self.at = end


class FakeMachines:
    """hung: instances whose guest ignores a shutdown. calls: (what, instance, more...)."""

    def __init__(self) -> None:
        self.on: dict[str, MachineSpec] = {}
        self.hung: set[str] = set()
        self.discarded: list[str] = []  # whose disk is gone
        self.calls: list[tuple[Any, ...]] = []
        self.cut = threading.Event()

    def boot(self, spec: MachineSpec) -> None:
        self.on[spec.instance_id] = spec
        self.calls.append(("boot", spec.instance_id))

    def shut_down(self, instance_id: str, *, timeout_s: float) -> bool:
        self.calls.append(("shut_down", instance_id, timeout_s))
        if instance_id in self.hung:
            self.cut.wait(5)
            return instance_id not in self.on
        self.on.pop(instance_id, None)
        return True

    def power_off(self, instance_id: str) -> None:
        self.calls.append(("power_off", instance_id))
        self.on.pop(instance_id, None)
        self.cut.set()

    def discard(self, instance_id: str) -> None:
        self.discarded.append(instance_id)

    def is_on(self, instance_id: str) -> bool:
        return instance_id in self.on

    def answers(self, instance_id: str) -> bool:
        return instance_id in self.on and instance_id not in self.hung

    def set_target_lifecycle_state(self, instance_id: str, state: str) -> None:
        self.calls.append(("target", instance_id, state))

    def console(self, instance_id: str) -> str:
        return f"console of {instance_id}\n"

    def add_address(self, instance_id: str, address: str) -> None:
        self.calls.append(("add_address", instance_id, address))

    def remove_address(self, instance_id: str, address: str) -> None:
        self.calls.append(("remove_address", instance_id, address))

    def add_interface(self, instance_id: str, spec: InterfaceSpec) -> None:
        self.calls.append(("add_interface", instance_id, spec.mac))

    def remove_interface(self, instance_id: str, mac: str) -> None:
        self.calls.append(("remove_interface", instance_id, mac))


class FakeNetwork:
    def __init__(self) -> None:
        self.routes: dict[str, str | None] = {}

    def route(self, public_address: str, private_address: str | None) -> None:
        self.routes[public_address] = private_address


class FakeEvents:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any], list[str]]] = []

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str] | None = None) -> None:
        self.sent.append((source, detail_type, detail, resources or []))

    def details(self, detail_type: str) -> list[dict[str, Any]]:
        return [detail for _, kind, detail, _ in self.sent if kind == detail_type]

    def states(self, instance_id: str) -> list[str]:
        changes = self.details("EC2 Instance State-change Notification")
        return [change["state"] for change in changes if change["instance-id"] == instance_id]


@cache
def session() -> Any:
    """One for all tests: reading the services' models takes most of a second."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")


class Bench:
    """boto3 clients against moto in this process, under our engines, on a clock turned by hand."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.machines, self.network, self.events = HandClock(), FakeMachines(), FakeNetwork(), FakeEvents()
        self.world = World(lab_dir=folder, clock=self.clock, journal=Journal(folder / "journal.jsonl"), delays=Delays())
        self.world.machines = self.machines  # type: ignore[assignment]  # what these engines call of it
        self.world.network = self.network  # type: ignore[assignment]
        self.world.events = self.events
        images.install()
        lab.ec2.install(self.world)
        lab.groups.install(self.world)
        self.ec2: Any = session().client("ec2")
        self.asg: Any = session().client("autoscaling")
        self.iam: Any = session().client("iam")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self._subnet("10.20.1.0/24", "us-east-1a"), self._subnet("10.20.2.0/24", "us-east-1b")]

    def _subnet(self, cidr: str, zone: str) -> str:
        return str(self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"])

    def template(self, **data: Any) -> str:
        wanted = {"ImageId": "ami-0deb12000000000a6", "InstanceType": "t4g.small", **data}
        return str(
            self.ec2.create_launch_template(LaunchTemplateName="lt", LaunchTemplateData=wanted)["LaunchTemplate"]["LaunchTemplateId"]
        )

    def run_instance(self, **more: Any) -> str:
        wanted = {"ImageId": "ami-0deb12000000000a6", "InstanceType": "t4g.small", "SubnetId": self.subnets[0], **more}
        return str(self.ec2.run_instances(MinCount=1, MaxCount=1, **wanted)["Instances"][0]["InstanceId"])

    def running_instance(self, **more: Any) -> str:
        instance = self.run_instance(**more)
        self.clock.advance(60)
        return instance

    def instance(self, instance_id: str) -> dict[str, Any]:
        return dict(self.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0])

    def state(self, instance_id: str) -> str:
        return str(self.instance(instance_id)["State"]["Name"])

    def settle(self) -> None:
        """Let EC2's shutdown threads end."""
        for thread in threading.enumerate():
            if thread.name.startswith(("ec2-shutting-down-", "ec2-stopping-")):
                thread.join(5)

    # --- groups
    def create_group(self, **more: Any) -> None:
        wanted: dict[str, Any] = {
            "AutoScalingGroupName": "g",
            "MinSize": 1,
            "MaxSize": 1,
            "DesiredCapacity": 1,
            "VPCZoneIdentifier": ",".join(self.subnets),
            **more,
        }
        if "LaunchTemplate" not in wanted and "MixedInstancesPolicy" not in wanted:
            wanted["LaunchTemplate"] = {"LaunchTemplateId": self.template(), "Version": "$Latest"}
        self.asg.create_auto_scaling_group(**wanted)

    def tick(self, seconds: float = 0.0) -> None:
        """Let time pass in ticks of 0.5 s (at least one), EC2's threads included."""
        engine = lab.groups.groups_of(self.world)
        for _ in range(max(1, round(seconds / 0.5))):
            if seconds:
                self.clock.advance(0.5)
            engine.tick()
            self.settle()

    def group(self) -> dict[str, Any]:
        return dict(self.asg.describe_auto_scaling_groups(AutoScalingGroupNames=["g"])["AutoScalingGroups"][0])

    def members(self) -> dict[str, str]:
        return {member["InstanceId"]: member["LifecycleState"] for member in self.group()["Instances"]}

    def pool(self) -> dict[str, str]:
        """Who is in the warm pool, and how."""
        return {row["InstanceId"]: row["LifecycleState"] for row in self.asg.describe_warm_pool(AutoScalingGroupName="g")["Instances"]}

    def pooled(self, state: str) -> str:
        """The one instance of the warm pool, in that state."""
        found = self.pool()
        assert list(found.values()) == [state], f"in {state}: {found}"
        return next(iter(found))

    def only(self, state: str) -> str:
        """The one member in that state."""
        found = [instance for instance, now in self.members().items() if now == state]
        assert len(found) == 1, f"in {state}: {self.members()}"
        return found[0]

    def complete(self, hook: str, instance_id: str, result: str = "CONTINUE") -> None:
        self.asg.complete_lifecycle_action(
            AutoScalingGroupName="g", LifecycleHookName=hook, InstanceId=instance_id, LifecycleActionResult=result
        )


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A bench under moto's in-process server, cleaned up after."""
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    with mock_aws():
        made = Bench(folder)
        _keep_what_is_loaded()
        yield made
        made.machines.cut.set()
        made.settle()
        for account in get_backend("ec2").values():
            account.clear()  # moto's reset would make each anew, only to throw it away


@cache
def _keep_what_is_loaded() -> None:
    """Services' models and moto are there to stay: a full collection that looks at them all takes longer than a test."""
    gc.collect()
    gc.freeze()


def eventually(holds: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait for another thread to have done its part."""
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.005)


LAUNCH_HOOK = {
    "LifecycleHookName": "admit",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
    "HeartbeatTimeout": 600,
    "DefaultResult": "ABANDON",
    "NotificationMetadata": "understudy/demo/counter",
}
TERMINATE_HOOK = {
    "LifecycleHookName": "retire",
    "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
    "HeartbeatTimeout": 180,
    "DefaultResult": "CONTINUE",
    "NotificationMetadata": "understudy/demo/counter",
}
