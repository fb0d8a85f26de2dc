"""Fronts that are a name: a zone of that name, one record that move_front alone writes, and ways from node to node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core import names
from lambdas.adapters import environment
from tests.stacks.conftest import Synth, Template, as_list

FILE = """\
deployable: ledger
assemblies:
  - name: platform
    image: debian-12
    instances: [t4g.small]
    front: {kind: dns, name: platform.ledger.internal, ports: [6790, 9000]}
    state: {keep: none}
    reaches: [worker]
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: worker
    image: debian-12
    instances: [t4g.small]
    front: {kind: dns, name: worker.example.com, ports: [9001], ttl: 30s, zone: {id: Z0THERE, name: example.com}}
    state: {keep: none}
    after: [platform]
    reaches: [platform]
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: hidden
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
WRITES = "route53:ChangeResourceRecordSets"


@pytest.fixture(scope="module")
def template(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("dns")
    (folder / "ledger.yaml").write_text(FILE)
    done = synth(folder / "out", folder / "ledger.yaml")
    assert done.returncode == 0, done.stderr
    return Template(json.loads((folder / "out" / "understudy-ledger.template.json").read_text()))


def group_of(template: Template, assembly: str) -> str:
    (found,) = (
        id_
        for id_ in template.ids("AWS::EC2::SecurityGroup")
        if template.resources[id_]["Properties"]["GroupDescription"] == f"Nodes of ledger/{assembly}"
    )
    return found


def test_a_zone_is_made_for_the_name_alone_bound_to_the_network_and_kept(template: Template) -> None:
    """Route 53 deletes no zone with a record in it: https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html"""
    [id_] = template.ids("AWS::Route53::HostedZone")
    zone = template.resources[id_]

    assert zone["Properties"]["Name"] == "platform.ledger.internal"
    [vpc] = zone["Properties"]["VPCs"]
    assert vpc == {"VPCId": {"Ref": template.ids("AWS::EC2::VPC")[0]}, "VPCRegion": {"Ref": "AWS::Region"}}
    assert (zone["DeletionPolicy"], zone["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_network_answers_names_of_private_zones(template: Template) -> None:
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html"""
    vpc = template.only("AWS::EC2::VPC")

    assert vpc["EnableDnsHostnames"] is vpc["EnableDnsSupport"] is True


def test_no_record_stands_in_the_template_so_that_no_deploy_sets_it_back(template: Template) -> None:
    assert not template.of("AWS::Route53::RecordSet")
    assert not template.of("AWS::Route53::RecordSetGroup")


def test_move_front_and_nobody_else_writes_one_address_record_of_one_zone_each(template: Template) -> None:
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html"""
    [made] = template.ids("AWS::Route53::HostedZone")
    writing = [s for s in template.statements(template.role_of("move_front")) if WRITES in as_list(s["Action"])]

    assert writing == [s for s in template.statements() if WRITES in as_list(s["Action"])]
    for statement, name, zone in zip(
        writing, ("platform.ledger.internal", "worker.example.com"), ({"Fn::GetAtt": [made, "Id"]}, "Z0THERE"), strict=True
    ):
        assert statement["Condition"] == {
            "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name],
                "route53:ChangeResourceRecordSetsRecordTypes": ["A"],
                "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
            }
        }
        assert (zone if isinstance(zone, str) else json.dumps(zone)) in json.dumps(statement["Resource"])


def test_who_moves_no_elastic_ip_may_not(template: Template) -> None:
    actions = {action for statement in template.statements() for action in as_list(statement["Action"])}

    assert not {"ec2:AssociateAddress", "ec2:DescribeAddresses"} & actions
    assert not template.of("AWS::EC2::EIP")


def test_only_who_looks_after_fronts_reads_records(template: Template) -> None:
    reading = {
        module
        for module in ("tick", "probe_nodes", "recover_assembly", "admit_node", "retire_node", "move_front")
        for statement in template.statements(template.role_of(module))
        if "route53:ListResourceRecordSets" in as_list(statement["Action"])
    }

    assert reading == {"tick", "move_front"}


def test_clients_come_from_within_the_network(template: Template) -> None:
    for assembly, ports in {"platform": [6790, 9000], "worker": [9001]}.items():
        rules = template.resources[group_of(template, assembly)]["Properties"]["SecurityGroupIngress"]

        assert [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in rules] == [("10.20.0.0/16", port, port) for port in ports]


def test_assemblies_that_reach_each_other_go_from_group_to_group_by_rules_of_their_own(template: Template) -> None:
    platform, worker = ({"Fn::GetAtt": [group_of(template, name), "GroupId"]} for name in ("platform", "worker"))

    out = [(r["GroupId"], r["DestinationSecurityGroupId"], r["FromPort"]) for r in template.of("AWS::EC2::SecurityGroupEgress")]
    into = [(r["SourceSecurityGroupId"], r["GroupId"], r["FromPort"]) for r in template.of("AWS::EC2::SecurityGroupIngress")]

    wanted = [(platform, worker, 9001), (worker, platform, 6790), (worker, platform, 9000)]
    assert sorted(out, key=str) == sorted(wanted, key=str)
    assert sorted((way for way in into if way[0] in (platform, worker)), key=str) == sorted(wanted, key=str)


def test_a_node_is_launched_once_its_ways_are_open(template: Template) -> None:
    ways = {*template.ids("AWS::EC2::SecurityGroupEgress")}

    groups = template.ids("AWS::AutoScaling::AutoScalingGroup")
    assert ways == {way for group in groups for way in template.before(group) & ways}


def test_names_are_no_part_of_what_a_node_boots_with(template: Template) -> None:
    told = json.dumps([launch["LaunchTemplateData"]["UserData"] for launch in template.of("AWS::EC2::LaunchTemplate")])

    assert f"{names.ENV_FRONT}=" not in told
    assert f"{names.ENV_NEIGHBOURS}=" not in told


def test_the_functions_understand_what_they_are_told_of_it(template: Template, monkeypatch: pytest.MonkeyPatch) -> None:
    [made] = template.ids("AWS::Route53::HostedZone")
    told = template.resources[template.function("move_front")]["Properties"]["Environment"]["Variables"][names.ENV_FRONTS]
    text = "".join(part if isinstance(part, str) else "Z1MADE" for part in told["Fn::Join"][1])
    assert [part for part in told["Fn::Join"][1] if not isinstance(part, str)] == [{"Fn::GetAtt": [made, "Id"]}]
    monkeypatch.setenv(names.ENV_FRONTS, text)
    environment._fronts.cache_clear()

    found = {name: environment.front_of(name) for name in ("platform", "worker", "hidden")}

    environment._fronts.cache_clear()
    assert found["platform"] == environment.FrontName(name="platform.ledger.internal", zone="Z1MADE", ttl_s=10, ports=(6790, 9000))
    assert isinstance(found["worker"], environment.FrontName)
    assert (found["worker"].zone, found["worker"].ttl_s) == ("Z0THERE", 30)
    assert found["hidden"] is None


def test_outputs_say_the_name(template: Template) -> None:
    outputs = template.body["Outputs"]

    assert (outputs["PlatformFront"]["Value"], outputs["PlatformPorts"]["Value"]) == ("platform.ledger.internal", "6790,9000")


@pytest.mark.heavy  # a synth of its own
def test_a_public_name_lets_the_world_in_by_its_ports_and_makes_no_zone(synth: Synth, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(PUBLIC)
    done = synth(tmp_path / "out", tmp_path / "shop.yaml")
    assert done.returncode == 0, done.stderr
    template = Template(json.loads((tmp_path / "out" / "understudy-shop.template.json").read_text()))

    assert template.ids("AWS::Route53::HostedZone") == []
    open_to_all = [
        (rule["FromPort"], rule["ToPort"])
        for group in template.of("AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", ())
        if rule.get("CidrIp") == "0.0.0.0/0"
    ]
    assert open_to_all == [(8080, 8080)]
    [writing] = [s for s in template.statements() if "route53:ChangeResourceRecordSets" in as_list(s["Action"])]
    assert writing["Resource"]["Fn::Join"][1][-1] == ":route53:::hostedzone/Z0THERE"
    names_of = writing["Condition"]["ForAllValues:StringEquals"]
    assert names_of["route53:ChangeResourceRecordSetsNormalizedRecordNames"] == ["shop.example.com"]
    assert all(subnet["MapPublicIpOnLaunch"] for subnet in template.of("AWS::EC2::Subnet"))


PUBLIC = """\
deployable: shop
network: {egress: public_ip}
assemblies:
  - name: web
    image: debian-12
    instances: [t4g.small]
    state: {keep: none}
    front: {kind: dns, name: shop.example.com, ports: [8080], zone: {id: Z0THERE, name: example.com, public: true}}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""
