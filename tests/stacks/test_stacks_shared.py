"""A foundation that several deployables share, and a deployable on it: what each stack holds, and what lets them meet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core import names
from core.estimate.estimating import estimate, estimate_foundation
from core.watching.register import read_register
from spec import load, load_foundation
from spec.rates import load_rates
from tests.stacks.conftest import ROOT, Synth, Template, as_list
from tests.stacks.test_stacks_costs import COUNTED, FREE, metrics_of

FILES = {"shared": ROOT / "deployables" / "foundations" / "shared.yaml", "tenant": ROOT / "deployables" / "tenant.yaml"}
RATES = load_rates().rates


def template_in(folder: Path) -> Template:
    (path,) = folder.glob("*.template.json")
    return Template(json.loads(path.read_text()))


@pytest.fixture(scope="module")
def made(synth: Synth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What synth writes of the foundation; its deployable lies in a folder beside it."""
    folder = tmp_path_factory.mktemp("shared")
    for which, file in FILES.items():
        done = synth(folder / which, file)
        assert done.returncode == 0, done.stderr
    return folder / "shared"


@pytest.fixture(scope="module")
def foundation(made: Path) -> Template:
    return template_in(made)


@pytest.fixture(scope="module")
def tenant(made: Path) -> Template:
    return template_in(made.parent / "tenant")


def told(foundation: Template) -> dict[str, Any]:
    return {parameter["Name"]: parameter["Value"] for parameter in foundation.of("AWS::SSM::Parameter")}


def looked_up(tenant: Template) -> dict[str, str]:
    """The parameter that each of the template's own stands for."""
    return {id_: parameter["Default"] for id_, parameter in tenant.body["Parameters"].items() if "SSM::Parameter" in parameter["Type"]}


def filled(value: Any, known: dict[str, str]) -> str:
    """A text with its references replaced."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        between, parts = value["Fn::Join"]
        return str(between).join(filled(part, known) for part in parts)
    return known.get(str(value.get("Ref")), "10.0.0.1")


# --- how they meet --------------------------------------------------------------------------------------------------------


def test_a_deployable_finds_by_name_only_what_the_foundation_says(foundation: Template, tenant: Template) -> None:
    asked = {name for name in looked_up(tenant).values() if name.startswith(f"/{names.PRODUCT}/")}

    assert asked
    assert asked <= set(told(foundation))


def test_no_export_holds_either_stack(foundation: Template, tenant: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html: an export in use cannot change."""
    for template in (foundation, tenant):
        assert not any("Export" in output for output in template.body["Outputs"].values())
        assert "Fn::ImportValue" not in json.dumps(template.body)


def test_what_a_deployable_registers_is_read_as_its_fleet_and_its_fronts(tenant: Template) -> None:
    known = {id_: "10.30.0.0/16" for id_, name in looked_up(tenant).items() if name.endswith("/cidr")}
    texts = {parameter["Name"]: filled(parameter["Value"], known) for parameter in tenant.of("AWS::SSM::Parameter")}
    register, bad = read_register(texts)

    assert bad == ()
    assert all(name.startswith(names.register_path("shared") + "/tenant/") for name in texts)
    assert [(w.deployable, w.name, w.front.ports) for w in register.fleet.assemblies] == [("tenant", "counter", (8080,))]
    assert register.fronts["tenant"]["counter"]["kind"] == "elastic_ip"


def test_nothing_of_a_foundation_is_made_twice(tenant: Template) -> None:
    types = {resource["Type"] for resource in tenant.resources.values()}

    assert not types & {"AWS::Lambda::Function", "AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"}
    assert not types & {"AWS::EC2::VPC", "AWS::KMS::Key", "AWS::Events::Rule"}


def test_a_node_comes_after_all_that_looks_after_it(tenant: Template) -> None:
    before = tenant.before(tenant.ids("AWS::AutoScaling::AutoScalingGroup")[0])
    kinds = {tenant.resources[id_]["Type"] for id_ in before}

    assert {"AWS::SSM::Parameter", "AWS::IAM::Policy", "AWS::Lambda::Permission", "AWS::CloudWatch::Alarm"} <= kinds
    assert set(tenant.ids("AWS::EC2::SecurityGroupEgress")) <= before


def test_the_prober_reaches_a_tenants_nodes_on_their_two_ports_and_is_let_in(tenant: Template) -> None:
    prober = {id_ for id_, name in looked_up(tenant).items() if name.endswith("/prober-group")}
    out = [rule for rule in tenant.of("AWS::EC2::SecurityGroupEgress") if rule["GroupId"]["Ref"] in prober]
    into = [rule for rule in tenant.of("AWS::EC2::SecurityGroupIngress") if rule["SourceSecurityGroupId"]["Ref"] in prober]

    assert {rule["FromPort"] for rule in out} == {rule["FromPort"] for rule in into} == {names.HA_PORT, names.HTTP_PORT}
    assert {json.dumps(rule["DestinationSecurityGroupId"]) for rule in out} == {json.dumps(rule["GroupId"]) for rule in into}


def test_a_foundation_is_not_deleted_under_its_deployables_by_mistake(made: Path) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html"""
    artifacts = json.loads((made / "manifest.json").read_text())["artifacts"]

    assert artifacts["understudy-shared-foundation"]["properties"]["terminationProtection"] is True


# --- who may do what ------------------------------------------------------------------------------------------------------


def test_functions_of_a_shared_foundation_act_on_what_bears_its_tag_alone(foundation: Template) -> None:
    acting = [
        statement
        for statement in foundation.statements()
        if any(action.split(":")[0] in ("autoscaling", "ec2") and ":Describe" not in action for action in as_list(statement["Action"]))
        and statement["Effect"] == "Allow"
        and "ec2:CreateNetworkInterface" not in as_list(statement["Action"])
    ]

    assert acting
    for statement in acting:
        assert statement["Condition"]["StringEquals"] == {f"aws:ResourceTag/{names.TAG_FOUNDATION}": "shared"}


def test_a_tenants_group_bears_the_foundations_tag_and_hands_it_to_its_nodes(tenant: Template) -> None:
    tags = {tag["Key"]: tag for tag in tenant.only("AWS::AutoScaling::AutoScalingGroup")["Tags"]}

    assert tags[names.TAG_FOUNDATION]["Value"] == "shared"
    assert tags[names.TAG_FOUNDATION]["PropagateAtLaunch"] is True


def test_functions_write_their_kind_of_item_for_whoever_stands_on_the_foundation(foundation: Template) -> None:
    of_recovery = {"INCIDENT", "HISTORY", names.BUDGET_PK}
    for module, kinds in (("probe_nodes", {"LOOK"}), ("admit_node", {"PERMIT"}), ("recover_assembly", of_recovery)):
        writes = [
            key
            for statement in foundation.statements(foundation.role_of(module))
            if "dynamodb:PutItem" in as_list(statement["Action"])
            for key in statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        ]
        assert {key.split("#")[0] for key in writes} == kinds


def test_a_tenants_node_writes_its_own_partition_and_evidence_alone(tenant: Template) -> None:
    statements = tenant.statements(tenant.node_role())
    (write,) = (statement for statement in statements if statement["Action"] == "dynamodb:PutItem")
    (put,) = (statement for statement in statements if statement["Action"] == "s3:PutObject")

    assert write["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [names.node_pk("tenant", "counter")]}}
    assert filled(put["Resource"], {}).endswith("/evidence/tenant/counter/*")


def test_a_tenant_hands_the_shared_roles_leave_for_its_own_stack_and_front_alone(tenant: Template) -> None:
    roles = {id_: name.rsplit("/", 1)[1] for id_, name in looked_up(tenant).items() if name.endswith("-role")}
    given = {roles[policy["Roles"][0]["Ref"]]: policy for policy in tenant.of("AWS::IAM::Policy") if policy["Roles"][0].get("Ref") in roles}

    assert {policy["PolicyName"] for policy in given.values()} == {"understudy-tenant"}  # of two with one name the later would stay
    signal = given["admit-role"]["PolicyDocument"]["Statement"]
    assert signal == [{"Action": "cloudformation:SignalResource", "Effect": "Allow", "Resource": {"Ref": "AWS::StackId"}}]
    moves = [s for s in given["front-role"]["PolicyDocument"]["Statement"] if s["Action"] == "ec2:AssociateAddress"]
    assert moves[0]["Condition"] == {"StringEquals": {f"aws:ResourceTag/{names.TAG_DEPLOYABLE}": "tenant"}}


def test_only_functions_that_can_reach_it_read_the_register(foundation: Template) -> None:
    for module in ("tick", "recover_assembly", "admit_node", "retire_node", "move_front"):
        reads = [s for s in foundation.statements(foundation.role_of(module)) if s["Action"] == "ssm:GetParametersByPath"]
        assert [filled(s["Resource"], {}).rsplit(":parameter", 1)[1] for s in reads] == [names.register_path("shared")]
    prober = foundation.statements(foundation.role_of("probe_nodes"))
    assert not any("ssm:" in action for statement in prober for action in as_list(statement["Action"]))


# --- what it costs --------------------------------------------------------------------------------------------------------


def test_the_bucket_gives_back_what_a_tenant_that_keeps_state_on_s3_needs_no_more(foundation: Template) -> None:
    rules = foundation.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]

    assert {"ExpirationInDays", "NoncurrentVersionExpiration"} <= {key for rule in rules if rule["Prefix"] == "state/" for key in rule}


def test_a_further_deployable_costs_at_most_a_dollar_and_a_half() -> None:
    assert estimate(load(FILES["tenant"]), RATES).added.usd <= 1.5


def test_the_two_estimates_are_those_of_a_deployable_of_its_own() -> None:
    alone = estimate(load(ROOT / "deployables" / "demo.yaml"), RATES).added.usd
    together = estimate_foundation(load_foundation(FILES["shared"]), RATES).added.usd + estimate(load(FILES["tenant"]), RATES).added.usd

    assert together == pytest.approx(alone, abs=0.01)


def test_each_stack_is_paid_for_as_its_estimate_says(foundation: Template, tenant: Template) -> None:
    lines = {
        id(foundation): estimate_foundation(load_foundation(FILES["shared"]), RATES).lines,
        id(tenant): estimate(load(FILES["tenant"]), RATES).lines,
    }
    for template in (foundation, tenant):
        types = {resource["Type"] for resource in template.resources.values()}
        assert types <= FREE | set(COUNTED)
        alarms = sum(map(metrics_of, template.of("AWS::CloudWatch::Alarm"))) + len(template.of("AWS::CloudWatch::CompositeAlarm"))
        assert alarms == sum(line.quantity for line in lines[id(template)] if line.part == "alarms")


def test_the_sweeps_of_all_are_one_metric(foundation: Template) -> None:
    (sweeps,) = (alarm for alarm in foundation.of("AWS::CloudWatch::Alarm") if alarm.get("MetricName") == names.METRIC_SWEEPS)

    assert sweeps["Dimensions"] == [{"Name": names.DIM_FOUNDATION, "Value": "shared"}]
