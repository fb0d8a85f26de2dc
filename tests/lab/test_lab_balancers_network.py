"""A load balancer in the lab's own network: an address that clients reach, a target in another namespace, a program that may die."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lab.balancers.engine import Balancers
from lab.balancers.patches import patch
from lab.clock import Clock
from lab.delays import Delays
from lab.drills.watch import ask
from lab.journal import Journal, read
from lab.network import VpcNetwork
from lab.world import World

pytestmark = pytest.mark.lab
CIDR = "10.20.0.0/16"
SCALE = 20.0  # a check each quarter of a second


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def target_group(elb: Any, vpc: str) -> str:
    """Its ARN; what is behind it is asked every five seconds."""
    checked = {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2}
    made = elb.create_target_group(Name="t", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="instance", **checked)
    return str(made["TargetGroups"][0]["TargetGroupArn"])


def test_clients_reach_a_target_by_the_balancers_address_and_again_when_its_program_died(
    in_space: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""
    for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}.items():
        monkeypatch.setenv(name, value)
    network = VpcNetwork()
    network.ensure_vpc(CIDR)
    world = World(lab_dir=tmp_path, clock=Clock(SCALE), journal=Journal(tmp_path / "journal.jsonl"), delays=Delays(), network=network)
    balancers = Balancers(world)
    patch(balancers)
    with mock_aws():
        ec2, elb = (boto3.client(service, region_name="us-east-1") for service in ("ec2", "elbv2"))
        vpc = ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")
        ]
        made = elb.create_load_balancer(Name="b", Subnets=subnets, Scheme="internet-facing", Type="application")["LoadBalancers"][0]
        group = target_group(elb, vpc)
        action = {"Type": "forward", "TargetGroupArn": group}
        elb.create_listener(LoadBalancerArn=made["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[action])
        node = ec2.run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=subnets[1])["Instances"][0]
        prefix = network.attach("node", node["PrivateIpAddress"])
        application = subprocess.Popen(
            [*prefix, sys.executable, "-m", "http.server", "8080", "--directory", str(tmp_path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            balancers.start()
            name = made["DNSName"].lower()
            wait_until(lambda: name in world.names, "it was given no address")
            [address] = world.names[name]
            assert not ask(address, 80).ok, "nobody is behind it yet"

            elb.register_targets(TargetGroupArn=group, Targets=[{"Id": node["InstanceId"]}])
            wait_until(lambda: ask(address, 80).ok, "its target is not served")

            def state() -> str:
                rows = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
                return str(rows[0]["TargetHealth"]["State"])

            wait_until(lambda: state() == "healthy", "its target is not found healthy")
            balancers._running[made["LoadBalancerArn"]].process.kill()
            wait_until(lambda: not ask(address, 80).ok, "it is served by nobody")
            wait_until(lambda: ask(address, 80).ok, "it does not come back")

            application.kill()
            wait_until(lambda: state() == "unhealthy", "nobody asks its target any more")
        finally:
            balancers.stop()
            application.kill()

    delays = [line for line in read(tmp_path / "journal.jsonl")[0] if line["kind"] == "delay"]
    assert [line["name"] for line in delays] == ["alb_target"]
