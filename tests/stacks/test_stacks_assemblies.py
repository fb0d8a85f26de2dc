"""Several assemblies in one deployable: each its own group, role and front, and open to each other only as the file says."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core import names
from tests.stacks.conftest import Synth, Template

FILE = """\
deployable: ledger
assemblies:
  - name: platform
    image: debian-12
    instances: [t4g.small]
    front: {kind: elastic_ip, ports: [6790, 9000]}
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: execution
    image: debian-12
    instances: [t4g.small]
    front: {kind: elastic_ip, ports: [9001]}
    state: {keep: none}
    after: [platform]
    reaches: [platform]
    host_names: [{name: platform.mz.internal, resolves: front, of: platform}]
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
  - name: my-other
    image: debian-12
    instances: [m7i.large, m7i.xlarge]
    state: {keep: none}
    applications: [{name: app, run: {exec: [/usr/bin/env]}}]
"""


@pytest.fixture(scope="module")
def out(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assemblies")
    (folder / "ledger.yaml").write_text(FILE)
    done = synth(folder / "out", folder / "ledger.yaml")
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def template(out: Path) -> Template:
    return Template(json.loads((out / "understudy-ledger.template.json").read_text()))


def tags(resource: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def address_of(template: Template, assembly: str) -> str:
    (id_,) = (id_ for id_ in template.ids("AWS::EC2::EIP") if tags(template.resources[id_]["Properties"])[names.TAG_ASSEMBLY] == assembly)
    return id_


def nodes_group(template: Template, assembly: str) -> dict[str, Any]:
    """Properties of the security group of an assembly's nodes."""
    (found,) = (group for group in template.of("AWS::EC2::SecurityGroup") if group["GroupDescription"] == f"Nodes of ledger/{assembly}")
    return found


def test_each_assembly_is_a_group_of_exactly_one_with_hooks_of_its_own(template: Template) -> None:
    groups = {tags(group)[names.TAG_ASSEMBLY]: group for group in template.of("AWS::AutoScaling::AutoScalingGroup")}

    assert set(groups) == {"platform", "execution", "my-other"}
    for assembly, group in groups.items():
        assert (group["MinSize"], group["MaxSize"]) == ("1", "1")
        told = {hook["NotificationMetadata"] for hook in group["LifecycleHookSpecificationList"]}
        assert told == {names.hook_metadata("ledger", assembly)}


def test_a_role_writes_its_own_assemblys_partition_alone(template: Template) -> None:
    profiles = template.of("AWS::IAM::InstanceProfile")
    writes = [
        statement["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]
        for profile in profiles
        for statement in template.statements(str(profile["Roles"][0]["Ref"]))
        if statement["Action"] == "dynamodb:PutItem"
    ]

    assert sorted(writes) == sorted([names.node_pk("ledger", assembly)] for assembly in ("platform", "execution", "my-other"))


def test_the_hooks_of_all_are_listened_to_by_one_rule_each(template: Template) -> None:
    for detail in ("launch", "terminate"):
        (rule,) = (
            rule
            for rule in template.of("AWS::Events::Rule")
            if rule.get("EventPattern", {}).get("detail-type") == [f"EC2 Instance-{detail} Lifecycle Action"]
        )
        told = rule["EventPattern"]["detail"]["NotificationMetadata"]
        assert told == [names.hook_metadata("ledger", assembly) for assembly in ("platform", "execution", "my-other")]


def test_who_starts_after_whom_is_told_to_the_functions(template: Template, out: Path) -> None:
    (key,) = {function["Code"]["S3Key"] for function in template.of("AWS::Lambda::Function")}
    with zipfile.ZipFile(out / f"asset.{key}") as archive:
        fleet = json.loads(archive.read(names.FLEET_FILE))
    told = {entry["n"]: entry.get("a", []) for entry in fleet["d"]["ledger"]}

    assert told == {"platform": [], "execution": ["platform"], "my-other": []}


def test_nodes_may_go_to_the_fronts_that_the_file_names_and_to_no_others(template: Template) -> None:
    ways = {
        assembly: [
            (json.dumps(rule["CidrIp"]), rule["FromPort"])
            for rule in nodes_group(template, assembly)["SecurityGroupEgress"]
            if rule["FromPort"] != 443
        ]
        for assembly in ("platform", "execution", "my-other")
    }
    platform = json.dumps({"Fn::Join": ["", [{"Ref": address_of(template, "platform")}, "/32"]]})

    assert ways == {"platform": [], "execution": [(platform, 6790), (platform, 9000)], "my-other": []}


def test_a_node_is_told_the_fronts_of_its_neighbours(template: Template) -> None:
    told = {}
    for launch in template.of("AWS::EC2::LaunchTemplate"):
        script = launch["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
        assembly = tags(launch["LaunchTemplateData"]["TagSpecifications"][0])[names.TAG_ASSEMBLY]
        told[assembly] = [
            script[at + 1] for at, part in enumerate(script) if isinstance(part, str) and part.endswith(f"{names.ENV_NEIGHBOURS}=platform=")
        ]

    assert told == {"platform": [], "execution": [{"Ref": address_of(template, "platform")}], "my-other": []}


def test_an_assembly_without_a_front_has_no_address_and_tries_its_instance_types_in_order(template: Template) -> None:
    assert len(template.of("AWS::EC2::EIP")) == 2
    images = [parameter["Default"] for parameter in template.body["Parameters"].values() if "debian" in parameter["Default"]]
    assert sorted(image.rpartition("/")[2] for image in images) == ["amd64", "arm64"]
    outputs = template.body["Outputs"]
    assert (outputs["MyOtherFront"]["Value"], outputs["MyOtherPorts"]["Value"]) == ("-", "-")
    assert "MyOtherGroup" in outputs
    assert "SecurityGroupIngress" not in nodes_group(template, "my-other"), "nothing is open to clients"

    (group,) = (group for group in template.of("AWS::AutoScaling::AutoScalingGroup") if "MixedInstancesPolicy" in group)
    policy = group["MixedInstancesPolicy"]
    assert [override["InstanceType"] for override in policy["LaunchTemplate"]["Overrides"]] == ["m7i.large", "m7i.xlarge"]
    assert policy["InstancesDistribution"] == {"OnDemandAllocationStrategy": "prioritized", "OnDemandPercentageAboveBaseCapacity": 100}
