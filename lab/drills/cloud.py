"""The drill's view of the deployed system: what an operator with read access and a console would see."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

from lab.control_token import TOKEN_FILE
from lab.drills import balanced
from lab.drills.lookup import Lookup, is_name
from lab.drills.model import IncidentSummary
from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.world import PORT, REGION

_SERVICES = ("cloudformation", "autoscaling", "ec2", "dynamodb", "cloudwatch", "s3", "lambda", "iam", "sqs", "route53")


class LabGone(RuntimeError):
    """The emulator does not answer any more."""


@dataclass(frozen=True, slots=True)
class Slot:
    """An assembly as its stack's outputs and group describe it. front: an address or a name, "" when it has none.

    resolver: where a front that is a name is looked up. node_port: the node's port behind the front's first one.
    tls: clients speak HTTPS to the front.
    """

    deployable: str
    assembly: str
    group: str
    front: str
    ports: tuple[int, ...]
    resolver: str = ""
    node_port: int = 0
    tls: bool = False

    def finder(self) -> Callable[[], str]:
        """Gives the address to connect to at the moment; of a name, by one cache for all who share what is given here."""
        if not is_name(self.front):
            return lambda: self.front
        return Lookup(self.front, self.resolver).address


@dataclass(frozen=True, slots=True)
class Instance:
    """address, public: what it has of either kind, or an empty text."""

    id: str
    state: str
    address: str
    lifecycle: str
    public: str = ""

    def at(self, *, private: bool) -> str:
        """What the record of a private zone holds of it, or that of a public one."""
        return self.address if private else self.public


class Cloud:
    """Reads and breaks; every call is bounded."""

    def __init__(self, lab_dir: Path, stack: str) -> None:
        self._lab_dir = lab_dir
        self.stack = stack
        config = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 2})
        keys: dict[str, Any] = {"region_name": REGION, "aws_access_key_id": ADMIN_KEY, "aws_secret_access_key": ADMIN_SECRET}
        self.clients: dict[str, Any] = {
            name: boto3.client(name, endpoint_url=f"http://localhost:{PORT}", config=config, **keys)
            for name in (*_SERVICES, "elbv2", "rds")
        }
        outputs = self.clients["cloudformation"].describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
        self.outputs: dict[str, str] = {o["OutputKey"]: o["OutputValue"] for o in outputs}

    def slots(self) -> tuple[Slot, ...]:
        """Every assembly of the stack, from its outputs and its groups' tags."""
        found = []
        for key, group in sorted(self.outputs.items()):
            if not key.endswith("Group"):
                continue
            name = key.removesuffix("Group")
            tags = {t["Key"]: t["Value"] for t in self._group(group)["Tags"]}
            front = self.outputs.get(f"{name}Front", "-")
            ports = tuple(int(p) for p in re.findall(r"\d+", self.outputs.get(f"{name}Ports", "")))
            front = "" if front == "-" else front
            resolver = self._resolver_of(group) if is_name(front) else ""
            plain = (next(iter(ports), 0), False)
            inner, tls = balanced.behind(self.clients["elbv2"], front, ports[0]) if balanced.is_balancer(front) else plain
            found.append(Slot(tags["understudy:deployable"], tags["understudy:assembly"], group, front, ports, resolver, inner, tls))
        return tuple(found)

    def _group(self, name: str) -> dict[str, Any]:
        groups = self.clients["autoscaling"].describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        if not groups:
            raise LookupError(f"the group {name} does not exist")
        return dict(groups[0])

    def _resolver_of(self, group: str) -> str:
        """Each VPC's is at its base address plus two: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"""
        subnet = self._group(group)["VPCZoneIdentifier"].split(",")[0]
        vpc = self.clients["ec2"].describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
        cidr = self.clients["ec2"].describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"]
        return str(ipaddress.IPv4Network(cidr)[2])

    def instances(self, slot: Slot) -> tuple[Instance, ...]:
        """Every instance that carries the assembly's tag, the terminated ones too, oldest first."""
        members = {m["InstanceId"]: m["LifecycleState"] for m in self._group(slot.group)["Instances"]} | self.pool(slot)
        filters = [
            {"Name": "tag:understudy:deployable", "Values": [slot.deployable]},
            {"Name": "tag:understudy:assembly", "Values": [slot.assembly]},
        ]
        rows = [i for r in self.clients["ec2"].describe_instances(Filters=filters)["Reservations"] for i in r["Instances"]]
        rows.sort(key=lambda i: i["LaunchTime"])
        return tuple(
            Instance(
                i["InstanceId"],
                i["State"]["Name"],
                i.get("PrivateIpAddress", ""),
                members.get(i["InstanceId"], "-"),
                i.get("PublicIpAddress", ""),
            )
            for i in rows
        )

    def pool(self, slot: Slot) -> dict[str, str]:
        """Instance to lifecycle state, of those in the group's warm pool; empty where it has none."""
        return {row["InstanceId"]: str(row["LifecycleState"]) for row in self.pooled(slot)}

    def pooled(self, slot: Slot) -> list[dict[str, Any]]:
        if not self._group(slot.group).get("WarmPoolConfiguration"):
            return []
        return list(self.clients["autoscaling"].describe_warm_pool(AutoScalingGroupName=slot.group)["Instances"])

    def has_pool(self, slot: Slot) -> bool:
        return bool(self._group(slot.group).get("WarmPoolConfiguration"))

    def addresses(self, slot: Slot) -> dict[str, str]:
        """Instance to private address, of the machines that could serve."""
        return {i.id: i.address for i in self.instances(slot) if i.state in ("running", "shutting-down", "stopping") and i.address}

    def front_holder(self, slot: Slot) -> str:
        if balanced.is_balancer(slot.front):
            return balanced.holder(self.clients["elbv2"], slot.front)
        if is_name(slot.front):
            return self._named(slot)
        rows = self.clients["ec2"].describe_addresses(Filters=[{"Name": "public-ip", "Values": [slot.front]}])["Addresses"]
        return str(rows[0].get("InstanceId", "")) if rows else self._attached(slot.front)

    def _attached(self, address: str) -> str:
        """The instance that the interface of that address is attached to by now; "" for nobody."""
        filters = [{"Name": "addresses.private-ip-address", "Values": [address]}]
        rows = self.clients["ec2"].describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
        return next((str(row["Attachment"]["InstanceId"]) for row in rows if row.get("Attachment", {}).get("Status") == "attached"), "")

    def _named(self, slot: Slot) -> str:
        """The instance at the address that the record holds by now; "" for nobody."""
        route53, wanted = self.clients["route53"], f"{slot.front}."
        zones = [zone for zone in route53.list_hosted_zones()["HostedZones"] if f".{wanted}".endswith(f".{zone['Name']}")]
        for zone in sorted(zones, key=lambda zone: -len(zone["Name"]))[:1]:
            rows = route53.list_resource_record_sets(HostedZoneId=zone["Id"], StartRecordName=wanted, StartRecordType="A", MaxItems="1")
            for row in rows["ResourceRecordSets"]:
                if (row["Name"], row["Type"]) == (wanted, "A"):
                    values = {value["Value"] for value in row["ResourceRecords"]}
                    private = zone["Config"]["PrivateZone"]
                    return next((i.id for i in self.instances(slot) if i.at(private=private) in values and i.state != "terminated"), "")
        return ""

    def belongings(self, slot: Slot) -> frozenset[str]:
        """The names of what an assembly has, as the journal tells of it: machines past and present, group, front, alarms, and so on."""
        tags = [
            {"Name": "tag:understudy:deployable", "Values": [slot.deployable]},
            {"Name": "tag:understudy:assembly", "Values": [slot.assembly]},
        ]
        ec2 = self.clients["ec2"]
        found = {slot.group, slot.front, *(instance.id for instance in self.instances(slot))}
        found |= {interface["NetworkInterfaceId"] for interface in ec2.describe_network_interfaces(Filters=tags)["NetworkInterfaces"]}
        found |= {volume["VolumeId"] for volume in ec2.describe_volumes(Filters=tags)["Volumes"]}
        for alarm in self.clients["cloudwatch"].describe_alarms()["MetricAlarms"]:
            about = {dimension["Name"]: dimension["Value"] for dimension in alarm.get("Dimensions", [])}
            if (about.get("Deployable"), about.get("Assembly")) == (slot.deployable, slot.assembly):
                found.add(alarm["AlarmName"])
        return frozenset(found - {""})

    def items(self, pk: str, *, below: str = "~") -> list[dict[str, Any]]:
        """A partition of the state table, as plain values; of it what sorts before a text."""
        pages = self.clients["dynamodb"].query(
            TableName=self.outputs["Table"],
            KeyConditionExpression="pk = :p AND sk < :s",
            ExpressionAttributeValues={":p": {"S": pk}, ":s": {"S": below}},
            ConsistentRead=True,
        )
        plain = TypeDeserializer()
        return [{key: plain.deserialize(value) for key, value in item.items()} for item in pages["Items"]]

    def permit(self, slot: Slot) -> tuple[str, int]:
        """(instance, epoch) of the assembly's permit; ("", 0) while there is none."""
        rows = self.items(f"PERMIT#{slot.deployable}#{slot.assembly}")
        return (str(rows[0]["instance"]), int(rows[0]["epoch"])) if rows else ("", 0)

    def incidents(self, slot: Slot) -> list[dict[str, Any]]:
        """Recovery's own: without the steps in which each was decided, which are many and sort behind them, and what is held for it."""
        return [row for row in self._incidents(slot) if row.get("cause") != "aws"]

    def mended(self, slot: Slot) -> list[dict[str, Any]]:
        """What AWS mended by itself and is over."""
        return [row for row in self._incidents(slot) if row.get("cause") == "aws" and row["sk"] == row["id"]]

    def _incidents(self, slot: Slot) -> list[dict[str, Any]]:
        rows = self.items(f"INCIDENT#{slot.deployable}#{slot.assembly}", below="STEP#")
        return [row for row in rows if row["sk"] != "HOLD"]

    def resize(self, slot: Slot, *, most: int, desired: int) -> None:
        """What an operator does; rebalancing and instance refresh do the same when they launch before they terminate.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-maintenance-policy-overview-and-considerations.html
        """
        group = slot.group
        self.clients["autoscaling"].update_auto_scaling_group(AutoScalingGroupName=group, MaxSize=most, DesiredCapacity=desired)

    def take_out(self, instance: str) -> None:
        """Terminate this very member, and let the group be one smaller.

        https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html
        """
        self.clients["autoscaling"].terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=True)

    def health(self, slot: Slot) -> float | None:
        """The newest datapoint of the assembly's health metric within the last minute; None when there is none.

        Three bad ones in a row ring the alarm, so without a good one between two faults the second would be noticed too soon.
        """
        now = datetime.now(UTC)
        points = self.clients["cloudwatch"].get_metric_statistics(
            Namespace="Understudy",
            MetricName="Healthy",
            Dimensions=[{"Name": "Deployable", "Value": slot.deployable}, {"Name": "Assembly", "Value": slot.assembly}],
            StartTime=now - timedelta(minutes=1),
            EndTime=now + timedelta(seconds=10),
            Period=1,
            Statistics=["Minimum"],
        )["Datapoints"]
        return float(max(points, key=lambda point: point["Timestamp"])["Minimum"]) if points else None

    def alarms(self) -> dict[str, str]:
        rows = self.clients["cloudwatch"].describe_alarms()["MetricAlarms"]
        return {row["AlarmName"]: row["StateValue"] for row in rows}

    def control(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Ask the lab to do something no operator could. Raises LookupError with the lab's words, LabGone."""
        connection = http.client.HTTPConnection("localhost", PORT, timeout=30)
        try:
            token = (self._lab_dir / TOKEN_FILE).read_text()
            connection.request("POST", f"/_lab/{verb}", json.dumps(arguments), {"X-Lab-Token": token})
            response = connection.getresponse()
            body = json.loads(response.read())
        except (OSError, http.client.HTTPException) as error:
            raise LabGone(f"the emulator does not answer: {error}") from error
        finally:
            connection.close()
        if response.status != 200:
            raise LookupError(body.get("error", f"status {response.status}"))
        return dict(body)


def summary_of(incident: dict[str, Any]) -> IncidentSummary:
    """The four durations of a stored incident."""
    durations = incident.get("durations", incident)
    seconds = [round(float(durations.get(f"{name}_s") or durations.get(f"{name}_ms", 0) / 1000), 3) for name in _DURATIONS]
    return IncidentSummary(str(incident.get("reason", "")), *seconds)


_DURATIONS = ("detect", "decide", "act", "verify")


def wait_for(condition: Any, *, timeout_s: float, every_s: float = 0.2) -> bool:
    """Poll a condition; False when it never turned true. Never sleeps past the time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(every_s)
    return bool(condition())
