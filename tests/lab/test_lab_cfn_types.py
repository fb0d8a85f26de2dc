"""Every property of every type the emulator makes reads back through the API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from lab.conformance import check
from lab.emulator.cloudformation import types
from lab.emulator.cloudformation.provider import TYPES
from tests.lab.emulator_process import Emulator, emulator
from tests.lab.every_type import EVERYTHING, FUNCTIONS


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab")) as running:
        s3 = running.api("s3")
        s3.create_bucket(Bucket="lab-code")
        s3.put_object(Bucket="lab-code", Key="code.zip", Body=bytes.fromhex("504b0506") + bytes(18))
        yield running


def test_every_property_of_every_type_reads_back(aws: Emulator) -> None:
    status, why = aws.create("everything", {"Resources": EVERYTHING})
    problems = check("everything", {"Resources": EVERYTHING}, endpoint=aws.endpoint)

    assert (status, why) == ("CREATE_COMPLETE", "")
    assert [str(problem) for problem in problems] == []


# Zones are read back in test_lab_dns.py, balancers in test_lab_balancers.py; file systems, and databases, which start a server,
# whenever a deployable that has one is deployed. What a custom resource is only its function knows (test_lab_cfn_custom.py).
ELSEWHERE = {"AWS::CDK::Metadata", "AWS::CloudFormation::CustomResource", "AWS::Route53::HostedZone"}
ELSEWHERE |= {f"AWS::EFS::{kind}" for kind in ("AccessPoint", "FileSystem", "MountTarget")}
ELSEWHERE |= {f"AWS::ElasticLoadBalancingV2::{kind}" for kind in ("Listener", "LoadBalancer", "TargetGroup")}
ELSEWHERE |= {f"AWS::RDS::{kind}" for kind in ("DBInstance", "DBParameterGroup", "DBSubnetGroup")}


def test_every_type_the_emulator_makes_is_in_that_template() -> None:
    types.load()
    ours = {name for name, kind in TYPES.items() if kind.create.__module__.startswith("lab.emulator.")}  # groups bring theirs
    assert ours - ELSEWHERE == {resource["Type"] for resource in EVERYTHING.values()} - {"AWS::EC2::EIP"}  # addresses are lab.ec2's


def test_a_function_in_a_vpc_says_which(aws: Emulator) -> None:
    function = aws.api("lambda").get_function_configuration(FunctionName=aws.physical("everything", "Function"))

    assert function["VpcConfig"]["VpcId"] == aws.physical("everything", "Vpc")


def test_a_function_that_lost_its_setting_for_recursive_loops_is_found(aws: Emulator) -> None:
    api, name = aws.api("lambda"), aws.physical("everything", "Function")
    api.put_function_recursion_config(FunctionName=name, RecursiveLoop="Terminate")
    problems = check("everything", {"Resources": EVERYTHING}, endpoint=aws.endpoint)
    api.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")

    assert [problem.text for problem in problems] == ["RecursiveLoop: expected 'Allow', got 'Terminate'"]


def test_messages_wait_for_the_labs_own_pollers(aws: Emulator) -> None:
    """moto alone would invoke the function inside SendMessage, and take the message."""
    sqs, url = aws.api("sqs"), aws.physical("everything", "Work")
    sqs.send_message(QueueUrl=url, MessageBody="turn", DelaySeconds=0)
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]

    assert counts == {"ApproximateNumberOfMessages": "1"}


def test_a_denying_bucket_policy_is_kept_for_the_policy_engine_and_not_misread(aws: Emulator) -> None:
    """moto ignores Condition: this policy, which denies plain HTTP, would deny everything."""
    aws.api("s3").put_object(Bucket=aws.physical("everything", "Bucket"), Key="evidence/a", Body=b"a")


def test_a_function_changes_in_place(aws: Emulator) -> None:
    function = FUNCTIONS["Function"]
    changed = {"Timeout": 30, "MemorySize": 512, "RecursiveLoop": "Terminate"}
    faster = {**function, "Properties": {**function["Properties"], **changed}}
    after = {"Resources": EVERYTHING | {"Function": faster}}
    cloudformation = aws.api("cloudformation")
    names = {"StackName": "everything", "ChangeSetName": "faster"}
    cloudformation.create_change_set(**names, ChangeSetType="UPDATE", TemplateBody=json.dumps(after))
    cloudformation.execute_change_set(**names)

    assert aws.outcome("everything") == ("UPDATE_COMPLETE", "")
    assert [str(problem) for problem in check("everything", after, endpoint=aws.endpoint)] == []
