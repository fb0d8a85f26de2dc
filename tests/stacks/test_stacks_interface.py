"""A front that is a network interface: one of its own in the one zone, moved by move_front alone, between tagged ends only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core import names
from lambdas.adapters import environment
from tests.stacks.conftest import Template, as_list

MOVES = {"ec2:AttachNetworkInterface", "ec2:DetachNetworkInterface"}


@pytest.fixture(scope="module")
def template(every: Path) -> Template:
    return Template(json.loads((every / "understudy-zonal.template.json").read_text()))


def test_it_lies_in_the_subnet_that_the_group_launches_into(template: Template) -> None:
    """An interface is attached within its zone only: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html"""
    interface = template.only("AWS::EC2::NetworkInterface")

    assert template.only("AWS::AutoScaling::AutoScalingGroup")["VPCZoneIdentifier"] == [interface["SubnetId"]]


def test_clients_within_the_network_come_in_by_it_and_not_by_the_nodes_own_address(template: Template) -> None:
    [group] = [group["Fn::GetAtt"][0] for group in template.only("AWS::EC2::NetworkInterface")["GroupSet"]]
    [rule] = template.resources[group]["Properties"]["SecurityGroupIngress"]
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == ("10.20.0.0/16", 8080, 8080)

    kind = "AWS::EC2::SecurityGroup"
    others = [properties for id_, properties in zip(template.ids(kind), template.of(kind), strict=True) if id_ != group]
    assert not [rule for properties in others for rule in properties.get("SecurityGroupIngress", ()) if rule["FromPort"] == 8080]


def test_move_front_and_nobody_else_moves_interfaces_and_only_between_tagged_ends(template: Template) -> None:
    """Service Authorization Reference, Amazon EC2: both actions know the instance and the interface as resources."""
    moving = [s for s in template.statements(template.role_of("move_front")) if MOVES & set(as_list(s["Action"]))]

    assert moving == [s for s in template.statements() if MOVES & set(as_list(s["Action"]))]
    [statement] = moving
    assert set(statement["Action"]) == MOVES
    assert statement["Condition"] == {"StringEquals": {f"aws:ResourceTag/{names.TAG_DEPLOYABLE}": "zonal"}}
    kinds = {"".join(p for p in r["Fn::Join"][1] if isinstance(p, str)).rsplit(":", 1)[-1] for r in as_list(statement["Resource"])}
    assert kinds == {"instance/*", "network-interface/*"}
    assert {"Key": names.TAG_DEPLOYABLE, "Value": "zonal"} in template.only("AWS::EC2::NetworkInterface")["Tags"]


def test_who_moves_an_interface_may_move_nothing_else(template: Template) -> None:
    actions = {action for statement in template.statements() for action in as_list(statement["Action"])}

    assert not {"ec2:AssociateAddress", "ec2:DescribeAddresses", "route53:ChangeResourceRecordSets"} & actions


def test_the_node_is_told_the_address_and_the_functions_the_interface(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    [made] = template.ids("AWS::EC2::NetworkInterface")
    address = {"Fn::GetAtt": [made, "PrimaryPrivateIpAddress"]}
    assert f"{names.ENV_FRONT}=${{{json.dumps(address)}}}" in template.user_data()
    assert template.body["Outputs"]["CounterFront"]["Value"] == address

    told = template.resources[template.function("move_front")]["Properties"]["Environment"]["Variables"][names.ENV_FRONTS]
    parts = [
        part if isinstance(part, str) else {"Id": "eni-1", "PrimaryPrivateIpAddress": "10.20.0.9"}[part["Fn::GetAtt"][1]]
        for part in told["Fn::Join"][1]
    ]
    monkeypatch.setenv(names.ENV_FRONTS, "".join(parts))
    environment._fronts.cache_clear()
    assert environment.front_of("counter") == environment.FrontInterface(interface="eni-1", address="10.20.0.9", ports=(8080,))
    environment._fronts.cache_clear()


def test_it_goes_with_the_stack(template: Template) -> None:
    """A network with an interface in it could not be deleted: https://docs.aws.amazon.com/vpc/latest/userguide/delete-vpc.html"""
    [made] = template.ids("AWS::EC2::NetworkInterface")

    assert "DeletionPolicy" not in template.resources[made]
