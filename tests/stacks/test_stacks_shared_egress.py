"""Ways out of a network that several deployables share: the foundation makes them, and tells who takes them for what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.conftest import Synth, Template, as_list
from tests.stacks.test_stacks_shared import looked_up, template_in, told

FOUNDATION = "foundation: out\nnetwork: {cidr: 10.30.0.0/16, zones: 2, egress: %s}\n"
TENANT = """\
deployable: tenant
foundation: out
database: {engine: postgres, version: "16.13", instance: db.t4g.medium, auth: secret}
assemblies:
  - name: web
    image: amazon-linux-2023
    instances: [t4g.small]
    state: {keep: efs, path: /var/lib/web}
    front: {kind: alb, ports: [80], target_port: 8080}
    reaches: [database]
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
PUBLIC = "{kind: dns, name: shop.example.com, ports: [8080], zone: {id: Z0THERE, name: example.com, public: true}}"

pytestmark = pytest.mark.heavy  # four synths of their own


def made(egress: str, tenant: str, synth: Synth, folder: Path) -> tuple[Template, Template]:
    """(the foundation, the deployable on it)."""
    (folder / "foundations").mkdir()
    files = {"out": folder / "foundations/out.yaml", "tenant": folder / "tenant.yaml"}
    files["out"].write_text(FOUNDATION % egress)
    files["tenant"].write_text(tenant)
    for which, file in files.items():
        done = synth(folder / which, file)
        assert done.returncode == 0, done.stderr
    return template_in(folder / "out"), template_in(folder / "tenant")


@pytest.fixture(scope="module")
def nat(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> tuple[Template, Template]:
    return made("nat", TENANT, synth, tmp_path_factory.mktemp("nat"))


@pytest.fixture(scope="module")
def public(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> tuple[Template, Template]:
    tenant = TENANT.replace("{kind: alb, ports: [80], target_port: 8080}", PUBLIC)
    return made("public_ip", tenant, synth, tmp_path_factory.mktemp("public"))


@pytest.fixture(params=["nat", "public"])
def both(request: pytest.FixtureRequest) -> tuple[Template, Template]:
    found: tuple[Template, Template] = request.getfixturevalue(request.param)
    return found


def subnets(ids: list[Any], foundation: Template, tenant: Template) -> set[str]:
    """The foundation's subnets that a deployable's references stand for."""
    names = looked_up(tenant)
    return {told(foundation)[names[each["Ref"]]]["Ref"] for each in ids}


def routed_out(foundation: Template, by: str) -> set[str]:
    """The subnets with a way out by a kind of gateway."""
    tables = {route["RouteTableId"]["Ref"] for route in foundation.of("AWS::EC2::Route") if by in route}
    return {a["SubnetId"]["Ref"] for a in foundation.of("AWS::EC2::SubnetRouteTableAssociation") if a["RouteTableId"]["Ref"] in tables}


def test_a_deployable_finds_only_what_its_foundation_says(both: tuple[Template, Template]) -> None:
    foundation, tenant = both

    assert {name for name in looked_up(tenant).values() if name.startswith("/understudy/")} <= set(told(foundation))


def test_nodes_and_what_only_they_reach_stand_where_the_way_out_is(
    nat: tuple[Template, Template], public: tuple[Template, Template]
) -> None:
    for (foundation, tenant), by in ((nat, "NatGatewayId"), (public, "GatewayId")):
        nodes = subnets(tenant.only("AWS::AutoScaling::AutoScalingGroup")["VPCZoneIdentifier"], foundation, tenant)

        assert len(nodes) == 2
        assert nodes <= routed_out(foundation, by)
        assert subnets(tenant.only("AWS::RDS::DBSubnetGroup")["SubnetIds"], foundation, tenant) == nodes
        assert subnets([way["SubnetId"] for way in tenant.of("AWS::EFS::MountTarget")], foundation, tenant) == nodes


def test_behind_gateways_a_balancer_for_the_world_stands_in_the_public_subnets(nat: tuple[Template, Template]) -> None:
    foundation, tenant = nat
    balancers = subnets(tenant.only("AWS::ElasticLoadBalancingV2::LoadBalancer")["Subnets"], foundation, tenant)

    assert len(balancers) == 2
    assert balancers <= routed_out(foundation, "GatewayId")
    assert not balancers & routed_out(foundation, "NatGatewayId")


def test_gateways_are_the_foundations_and_nothing_of_the_network_is_made_twice(both: tuple[Template, Template]) -> None:
    _, tenant = both
    types = {resource["Type"] for resource in tenant.resources.values()}

    assert not types & {f"AWS::EC2::{kind}" for kind in ("VPC", "Subnet", "NatGateway", "InternetGateway", "Route", "VPCEndpoint")}


def test_nodes_go_wherever_they_have_a_way_to_and_the_functions_do_not(both: tuple[Template, Template]) -> None:
    foundation, tenant = both
    [nodes] = [group for group in tenant.of("AWS::EC2::SecurityGroup") if "Nodes of" in group["GroupDescription"]]
    [prober] = [group for group in foundation.of("AWS::EC2::SecurityGroup") if "prober" in group["GroupDescription"]]

    assert {(rule["IpProtocol"], rule["FromPort"]) for rule in nodes["SecurityGroupEgress"]} >= {("tcp", 0), ("udp", 0)}
    assert {rule["FromPort"] for rule in prober["SecurityGroupEgress"]} == {443}


def test_a_password_needs_no_endpoint_where_there_is_a_way_out(both: tuple[Template, Template]) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/userguide/vpc-endpoint-overview.html"""
    foundation, tenant = both

    assert [e for e in foundation.of("AWS::EC2::VPCEndpoint") if e.get("VpcEndpointType") == "Interface"] == []
    assert "/understudy/out/database-secrets" not in looked_up(tenant).values()


def test_who_takes_the_network_for_another_asks_for_what_is_not_there(nat: tuple[Template, Template], synth: Synth, tmp_path: Path) -> None:
    """The parameter's name is what CloudFormation refuses it by, before anything is made.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
    """
    (tmp_path / "alone.yaml").write_text(TENANT.replace("foundation: out\n", "foundation: out\nnetwork: {egress: public_ip}\n"))
    done = synth(tmp_path / "out", tmp_path / "alone.yaml")
    assert done.returncode == 0, done.stderr
    mistaken = template_in(tmp_path / "out")

    missing = {name for name in looked_up(mistaken).values() if name.startswith("/understudy/")} - set(told(nat[0]))

    assert missing == {"/understudy/out/subnet-1-public_ip", "/understudy/out/subnet-2-public_ip"}


def test_a_public_name_is_found_by_the_nodes_own_address(public: tuple[Template, Template]) -> None:
    foundation, tenant = public
    world = [
        (rule["FromPort"], rule["ToPort"])
        for group in tenant.of("AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", ())
        if rule.get("CidrIp") == "0.0.0.0/0"
    ]

    assert {subnet["MapPublicIpOnLaunch"] for subnet in foundation.of("AWS::EC2::Subnet")} == {True}
    assert world == [(8080, 8080)]
    [writing] = [s for s in tenant.statements() if "route53:ChangeResourceRecordSets" in as_list(s["Action"])]
    assert json.dumps(writing["Resource"]).endswith(':route53:::hostedzone/Z0THERE"]]}')
