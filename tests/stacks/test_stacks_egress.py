"""Ways out in the template: who may go where, and by what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.conftest import Synth, Template

FILE = """\
deployable: ways
network: {cidr: 10.20.0.0/16, zones: 2, egress: %s}
assemblies:
  - name: a
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""


def template_of(egress: str, synth: Synth, folder: Path) -> Template:
    (folder / "ways.yaml").write_text(FILE % egress)
    done = synth(folder / "out", folder / "ways.yaml")
    assert done.returncode == 0, done.stderr
    return Template(json.loads((folder / "out" / "understudy-ways.template.json").read_text()))


@pytest.fixture(scope="module")
def nat(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Template:
    return template_of("nat", synth, tmp_path_factory.mktemp("nat"))


@pytest.fixture(scope="module")
def public(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Template:
    return template_of("public_ip", synth, tmp_path_factory.mktemp("public"))


def group(template: Template, words: str) -> dict[str, Any]:
    (found,) = (group for group in template.of("AWS::EC2::SecurityGroup") if words in group["GroupDescription"])
    return found


def nodes_subnets(template: Template) -> set[str]:
    return {subnet["Ref"] for subnet in template.only("AWS::AutoScaling::AutoScalingGroup")["VPCZoneIdentifier"]}


def test_behind_nat_each_zone_of_nodes_has_a_gateway_of_its_own_in_another_subnet(nat: Template) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html"""
    table_of = {a["SubnetId"]["Ref"]: a["RouteTableId"]["Ref"] for a in nat.of("AWS::EC2::SubnetRouteTableAssociation")}
    out_by = {r["RouteTableId"]["Ref"]: r["NatGatewayId"]["Ref"] for r in nat.of("AWS::EC2::Route") if "NatGatewayId" in r}
    homes = {id_: nat.resources[id_]["Properties"]["SubnetId"]["Ref"] for id_ in nat.ids("AWS::EC2::NatGateway")}
    zones = {id_: nat.resources[id_]["Properties"]["AvailabilityZone"] for id_ in nat.ids("AWS::EC2::Subnet")}

    for subnet in nodes_subnets(nat):
        gateway = out_by[table_of[subnet]]
        assert homes[gateway] not in nodes_subnets(nat)
        assert zones[homes[gateway]] == zones[subnet]
    assert len(set(out_by.values())) == 2


def test_the_free_endpoints_serve_wherever_nodes_are(nat: Template) -> None:
    """https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html"""
    table_of = {a["SubnetId"]["Ref"]: a["RouteTableId"]["Ref"] for a in nat.of("AWS::EC2::SubnetRouteTableAssociation")}
    for endpoint in nat.of("AWS::EC2::VPCEndpoint"):
        assert {table_of[subnet] for subnet in nodes_subnets(nat)} <= {table["Ref"] for table in endpoint["RouteTableIds"]}


def test_only_nodes_with_public_addresses_get_them_from_their_subnet(nat: Template, public: Template) -> None:
    assert {subnet["MapPublicIpOnLaunch"] for subnet in public.of("AWS::EC2::Subnet")} == {True}
    assert {subnet["MapPublicIpOnLaunch"] for subnet in nat.of("AWS::EC2::Subnet")} == {False}


def test_a_way_out_is_the_nodes_and_opens_nothing_inwards(nat: Template, public: Template) -> None:
    for template in (nat, public):
        nodes, prober = group(template, "Nodes of"), group(template, "prober")

        assert {(rule["IpProtocol"], rule["FromPort"]) for rule in nodes["SecurityGroupEgress"]} >= {("tcp", 0), ("udp", 0)}
        assert {rule["FromPort"] for rule in prober["SecurityGroupEgress"]} == {443, 7810, 7880}
        assert "SecurityGroupIngress" not in nodes
