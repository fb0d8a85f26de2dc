"""The constructs in a stack of somebody's own, as the example uses them (examples/own_stack/app.py)."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import Duration, Size

from core import names
from core.report.operating import readable
from spec.front import FrontSection
from spec.state import StateSection
from stacks.own import Front, State
from tests.stacks.conftest import ROOT, Template, _environment, as_list

GROUP = "AWS::AutoScaling::AutoScalingGroup"
EXAMPLE = ROOT / "examples/own_stack/app.py"


ALONE = """
import sys
from aws_cdk import App, Stack
from aws_cdk import aws_ec2 as ec2
from stacks.own import Application, SingletonAssembly, State
app = App(outdir=sys.argv[1], analytics_reporting=False)
stack = Stack(app, "alone", analytics_reporting=False)
subnets = [ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)]
vpc = ec2.Vpc(stack, "Vpc", max_azs=2, nat_gateways=0, restrict_default_security_group=False, subnet_configuration=subnets)
run = [Application(name="app", systemd_unit="app.service")]
SingletonAssembly(stack, "Scheduler", vpc=vpc, applications=run, instance_types=[ec2.InstanceType("t4g.small")], state=State.none())
app.synth()
"""


@pytest.fixture(scope="module")
def template(every: Path) -> Template:
    return Template(json.loads((every / "own-stack.template.json").read_text()))


def test_the_example_uses_only_what_is_offered() -> None:
    imported = [node for node in ast.walk(ast.parse(EXAMPLE.read_text())) if isinstance(node, ast.ImportFrom)]

    assert {node.module for node in imported if (node.module or "").startswith("stacks")} == {"stacks.own"}


def test_one_group_of_exactly_one_comes_after_all_that_handles_its_hooks(template: Template) -> None:
    group = template.only(GROUP)
    (id_,) = template.ids(GROUP)
    handled = {one for kind in ("AWS::Lambda::Function", "AWS::Events::Rule", "AWS::IAM::Policy") for one in template.ids(kind)}
    handled = {one for one in handled if not one.startswith("Operators")}  # people's, whom no hook waits for

    assert (group["MinSize"], group["MaxSize"]) == ("1", "1")
    assert {hook["NotificationMetadata"] for hook in group["LifecycleHookSpecificationList"]} == {
        names.hook_metadata("counting", "counter")
    }
    assert handled <= template.before(id_)


def test_all_functions_are_there_and_know_the_network_that_was_given(template: Template) -> None:
    ours = [function for function in template.of("AWS::Lambda::Function") if function["Handler"].startswith("lambdas.")]
    network = {json.dumps(function["Environment"]["Variables"][names.ENV_NETWORK]) for function in ours}

    assert len(ours) == 6
    assert len(network) == 1
    assert "CidrBlock" in network.pop(), "it is known when it is deployed"


def test_nodes_and_the_prober_live_in_the_network_that_was_given(template: Template) -> None:
    (vpc,) = template.ids("AWS::EC2::VPC")
    subnets = set(template.ids("AWS::EC2::Subnet"))

    assert {json.dumps(group["VpcId"]) for group in template.of("AWS::EC2::SecurityGroup")} == {json.dumps({"Ref": vpc})}
    assert {subnet["Ref"] for subnet in template.only(GROUP)["VPCZoneIdentifier"]} == subnets
    looked_at = template.resources[template.function("probe_nodes")]["Properties"]["VpcConfig"]["SubnetIds"]
    assert {subnet["Ref"] for subnet in looked_at} == subnets
    assert len(template.of("AWS::EC2::VPCEndpoint")) == 2, "those of the stack, and none of ours besides"


def test_a_bucket_grants_to_it_as_to_any_principal(template: Template) -> None:
    (exports,) = (
        id_ for id_ in template.ids("AWS::S3::Bucket") if "VersioningConfiguration" not in template.resources[id_].get("Properties", {})
    )
    puts = [s for s in template.statements(template.node_role()) if "s3:PutObject" in as_list(s["Action"])]

    assert any(exports in json.dumps(statement["Resource"]) for statement in puts)


def test_connections_open_its_nodes_to_another_group(template: Template) -> None:
    (helpers,) = (id_ for id_ in template.ids("AWS::EC2::SecurityGroup") if "who else" in json.dumps(template.resources[id_]))
    rules = template.of("AWS::EC2::SecurityGroupIngress")

    assert [r["FromPort"] for r in rules if r.get("SourceSecurityGroupId", {}).get("Fn::GetAtt", [""])[0] == helpers] == [8080]


def test_its_metric_is_the_one_that_our_own_alarm_reads(template: Template) -> None:
    read = [
        tuple((dimension["Name"], dimension["Value"]) for dimension in alarm["Dimensions"])
        for alarm in template.of("AWS::CloudWatch::Alarm")
        if alarm.get("MetricName") == names.METRIC_HEALTHY
    ]

    assert len(read) == 2
    assert len(set(map(frozenset, read))) == 1


def test_state_on_s3_is_kept_below_a_prefix_of_its_own_and_what_it_replaced_is_given_back(template: Template) -> None:
    (state,) = (s for s in template.statements(template.node_role()) if as_list(s["Action"]) == ["s3:GetObject", "s3:PutObject"])
    (bucket,) = (b for b in template.of("AWS::S3::Bucket") if "VersioningConfiguration" in b)
    rules = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if rule["Prefix"] == "state/"]

    assert "/state/counting/counter/*" in json.dumps(state["Resource"])
    assert {"ExpirationInDays", "NoncurrentVersionExpiration", "ExpiredObjectDeleteMarker"} <= {key for rule in rules for key in rule}


def test_an_operator_may_do_what_the_printed_policy_says_and_nothing_of_ec2(template: Template) -> None:
    (role,) = (id_ for id_ in template.ids("AWS::IAM::Role") if id_.startswith("Operators"))
    statements = template.statements(role)
    allowed = {action: statement for statement in statements for action in as_list(statement["Action"])}

    assert set(allowed) == {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "s3:GetObject", "sns:ListSubscriptionsByTopic"}
    keys = {
        action: allowed[action]["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] for action in allowed if "Item" in action
    }
    assert keys == {"dynamodb:PutItem": ["INTENT#counting"], "dynamodb:GetItem": readable("counting", ["counter"])}


def test_what_is_overridden_beneath_arrives(template: Template) -> None:
    (group,) = template.ids(GROUP)

    assert template.resources[group]["Metadata"] == {"Contact": "counting@example.com"}


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("two architectures", "architecture"),
        ("an address without a port", "opens no port"),
        ("a word that no file knows", "is no key of a deployable file"),
        ("another network than its foundation's", "vpc is another one"),
        ("a volume in two zones", "the volume of one lives in one zone"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_said_and_by_the_constructs_path(every: Path, asked: str, answer: str) -> None:
    said = json.loads((every / "refused.json").read_text())[asked]

    assert answer in said
    assert said.startswith("stack/")


@pytest.mark.parametrize(
    "front",
    [
        Front.none(),
        Front.elastic_ip(ports=[80]),
        Front.dns(record_name="counter.inside.internal", ports=[80]),
        Front.alb(ports=[80], target_port=8080, access_logs=True, clients=["10.0.0.0/8"]),
        Front.nlb(ports=[80, 81], internal=True, deletion_protection=False),
    ],
    ids=lambda front: str(front.said["kind"]),
)
def test_fronts_are_said_in_the_files_words(front: Front) -> None:
    read = FrontSection.model_validate(dict(front.said))

    assert {key: getattr(read, key) for key in front.said} == front.said


@pytest.mark.parametrize(
    "state",
    [
        State.none(),
        State.s3(path="/var/lib/app", save_interval=Duration.seconds(2), snapshot=["/opt/app/copy"]),
        State.ebs(path="/var/lib/app", size=Size.gibibytes(8)),
        State.efs(path="/var/lib/app"),
    ],
    ids=lambda state: str(state.said["keep"]),
)
def test_states_are_said_in_the_files_words(state: State) -> None:
    assert StateSection.model_validate(dict(state.said)).keep == state.said["keep"]


@pytest.mark.heavy  # some seconds
def test_an_assembly_whose_stack_has_no_foundation_brings_one_of_its_own(tmp_path: Path) -> None:
    program = [sys.executable, "-c", ALONE, str(tmp_path)]
    environment = {**_environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    alone = Template(json.loads((tmp_path / "alone.template.json").read_text()))

    tags = {tag["Key"]: tag["Value"] for tag in alone.only(GROUP)["Tags"]}
    assert (tags[names.TAG_DEPLOYABLE], tags[names.TAG_ASSEMBLY]) == ("scheduler", "scheduler")
    assert {function["Handler"].split(".")[1] for function in alone.of("AWS::Lambda::Function")} == {
        "tick", "probe_nodes", "recover_assembly", "admit_node", "retire_node", "move_front",
    }  # fmt: skip
    assert len(alone.of("AWS::DynamoDB::Table")) == len(alone.of("AWS::S3::Bucket")) == len(alone.of("AWS::SNS::Topic")) == 1
