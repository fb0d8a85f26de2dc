"""Network interfaces that move: AWS's rules through its API, and links that appear on machines and vanish from them."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab import netns
from lab.network import VpcNetwork
from lab.world import InterfaceSpec
from tests.lab.groups_bench import Bench, bench


@pytest.fixture
def b(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def interface(b: Bench, subnet: int = 0) -> str:
    return str(b.ec2.create_network_interface(SubnetId=b.subnets[subnet])["NetworkInterface"]["NetworkInterfaceId"])


def row(b: Bench, eni: str) -> dict[str, Any]:
    return dict(b.ec2.describe_network_interfaces(NetworkInterfaceIds=[eni])["NetworkInterfaces"][0])


def attach(b: Bench, eni: str, instance: str) -> str:
    return str(b.ec2.attach_network_interface(NetworkInterfaceId=eni, InstanceId=instance, DeviceIndex=1)["AttachmentId"])


def links(b: Bench) -> list[tuple[str, str]]:
    return [(call[0], call[1]) for call in b.machines.calls if call[0].endswith("_interface")]


def test_attaching_takes_its_time_and_then_a_link_appears(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterfaceAttachment.html (Status)"""
    instance, eni = b.running_instance(), interface(b)

    attach(b, eni, instance)
    assert (row(b, eni)["Attachment"]["Status"], links(b)) == ("attaching", [])
    b.clock.advance(3)

    attachment = row(b, eni)["Attachment"]
    assert (attachment["Status"], attachment["InstanceId"], attachment["DeviceIndex"]) == ("attached", instance, 1)
    assert attachment["DeleteOnTermination"] is False
    assert links(b) == [("add_interface", instance)]


def test_it_is_attached_within_its_zone_only(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html"""
    instance, elsewhere = b.running_instance(), interface(b, subnet=1)

    with pytest.raises(ClientError, match=r"InvalidParameterCombination.*same availability zone"):
        attach(b, elsewhere, instance)


def test_an_interface_in_use_and_an_instance_that_is_not_far_enough_are_refused(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    first, eni = b.running_instance(), interface(b)
    with pytest.raises(ClientError, match="IncorrectState"):
        attach(b, eni, b.run_instance())
    attach(b, eni, first)
    b.clock.advance(60)

    with pytest.raises(ClientError, match=r"InvalidNetworkInterface\.InUse"):
        attach(b, eni, b.running_instance())
    with pytest.raises(ClientError, match="device index"):
        attach(b, interface(b), first)


def test_detaching_takes_its_time_too_and_the_first_interface_never_leaves(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network-interface-attachments.html"""
    instance, eni = b.running_instance(), interface(b)
    attachment = attach(b, eni, instance)
    b.clock.advance(3)

    b.ec2.detach_network_interface(AttachmentId=attachment)
    assert row(b, eni)["Attachment"]["Status"] == "detaching"
    b.clock.advance(3)

    assert ("Attachment" not in row(b, eni), row(b, eni)["Status"]) == (True, "available")
    assert links(b)[-1] == ("remove_interface", instance)
    own = b.instance(instance)["NetworkInterfaces"][0]["Attachment"]["AttachmentId"]
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        b.ec2.detach_network_interface(AttachmentId=own)


def test_a_guest_that_hangs_keeps_it_until_it_is_forced(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachNetworkInterface.html (Force)"""
    instance, eni = b.running_instance(), interface(b)
    attachment = attach(b, eni, instance)
    b.clock.advance(3)
    b.machines.hung.add(instance)

    b.ec2.detach_network_interface(AttachmentId=attachment)
    b.clock.advance(60)
    assert row(b, eni)["Attachment"]["Status"] == "detaching"
    b.ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    b.clock.advance(3)

    assert row(b, eni)["Status"] == "available"


def test_termination_leaves_a_secondary_interface_to_nobody_and_there(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html"""
    instance, eni = b.running_instance(), interface(b)
    address = row(b, eni)["PrivateIpAddress"]
    attach(b, eni, instance)
    b.clock.advance(3)

    b.ec2.terminate_instances(InstanceIds=[instance], SkipOsShutdown=True)
    b.settle()

    left = row(b, eni)
    assert (left["Status"], left["PrivateIpAddress"], "Attachment" in left) == ("available", address, False)


def test_it_gets_an_address_that_nobody_has_and_aws_does_not_keep(b: Bench):
    """https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html: the first four and the last are AWS's."""
    taken = {row(b, interface(b))["PrivateIpAddress"] for _ in range(5)} | {b.instance(b.run_instance())["PrivateIpAddress"]}

    assert len(taken) == 6
    assert not taken & {f"10.20.1.{last}" for last in (0, 1, 2, 3, 255)}


def test_it_is_not_deleted_while_it_is_in_use(b: Bench):
    instance, eni = b.running_instance(), interface(b)
    attach(b, eni, instance)

    with pytest.raises(ClientError, match="currently in use"):
        b.ec2.delete_network_interface(NetworkInterfaceId=eni)


MAC, FRONT = "02:00:00:00:00:09", "10.20.1.9"
SPEC = InterfaceSpec(mac=MAC, private_ip=FRONT, index=1, interface_id="eni-1", subnet_id="subnet-1", subnet_cidr="10.20.1.0/24")
# What the agent does on a node, from the code that is shipped, without the rest of the agent.
AGENT = f"""
import ipaddress, json, sys
from agent import front_interface as own
from agent.ports import Attached
interface_of = {{"{MAC}": Attached(addresses=("{FRONT}",), subnet="10.20.1.0/24")}}.get
found = own.find("{FRONT}", interface_of, own.links())
for _ in range(2):  # twice is harmless
    own.configure("{FRONT}", found)
print(json.dumps([found.link, str(found.subnet)]))
"""


@pytest.mark.lab
def test_the_address_moves_with_the_link_once_the_node_has_configured_it(in_space: None) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/best-practices-for-configuring-network-interfaces.html"""
    network = VpcNetwork()
    network.ensure_vpc("10.20.0.0/16")
    listening = []
    for name, address in (("old", "10.20.1.5"), ("new", "10.20.1.6")):
        network.attach(name, address, subnet_cidr="10.20.1.0/24")
        listening.append(netns.listener(name, "0.0.0.0", 8080, hop_limit=64))

    def answers(within_s: float = 10.0) -> bool:
        try:
            socket.create_connection((FRONT, 8080), timeout=within_s).close()
        except OSError:
            return False
        return True

    def configured(name: str) -> list[str]:
        done = subprocess.run([*netns.prefix(name), "python3", "-c", AGENT], capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout))

    network.plug("old", "eth1", MAC)
    assert not answers(within_s=0.3)  # a link without an address is nobody's

    assert configured("old") == ["eth1", "10.20.1.0/24"]
    assert answers()
    route = subprocess.run([*netns.prefix("old"), "ip", "route", "get", "10.20.1.1", "from", FRONT], capture_output=True, text=True)
    assert "dev eth1" in route.stdout  # AWS drops an answer that leaves by the other interface

    network.unplug("old", MAC)
    assert not answers(within_s=0.3)
    network.plug("new", "eth1", MAC)
    configured("new")
    assert answers()
