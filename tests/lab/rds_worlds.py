"""A world of the lab in which database instances run, and what stands before there is one: for the tests of each engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lab.clock import Clock
from lab.delays import Delays
from lab.journal import Journal
from lab.network import VpcNetwork, _vpcs_of_moto
from lab.rds.instances import Instances
from lab.rds.patches import patch
from lab.world import REGION, World


@contextmanager
def with_databases(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Inside the lab's space; what serves ends with it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name, seconds in (("EVENT", "0.01"), ("DATABASE_FAILOVER", "0.5")):
        monkeypatch.setenv(f"LAB_DELAY_{name}", seconds)
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    world = World(lab_dir=folder, clock=Clock(), journal=Journal(folder / "journal.jsonl"), delays=Delays())
    world.network = VpcNetwork(_vpcs_of_moto)
    instances = Instances(world)
    with mock_aws():
        patch(instances)
        yield world
    instances.close()


def room_for(network: str, family: str, tls_only: tuple[str, str]) -> Any:
    """RDS's client, once there is a network of two zones, the subnet group `two` in it and the parameter group `tls`.

    network: the first two numbers of its addresses, such as 10.79. tls_only: the parameter that forces TLS, and its value.
    """
    ec2, rds = (boto3.client(name, region_name=REGION) for name in ("ec2", "rds"))
    vpc = ec2.create_vpc(CidrBlock=f"{network}.0.0/16")["Vpc"]["VpcId"]
    zones = ((f"{network}.0.0/24", "us-east-1a"), (f"{network}.1.0/24", "us-east-1b"))
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=c, AvailabilityZone=z)["Subnet"]["SubnetId"] for c, z in zones]
    rds.create_db_subnet_group(DBSubnetGroupName="two", DBSubnetGroupDescription="two", SubnetIds=subnets)
    rds.create_db_parameter_group(DBParameterGroupName="tls", DBParameterGroupFamily=family, Description="tls")
    name, value = tls_only
    force = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName="tls", Parameters=[force])
    return rds
