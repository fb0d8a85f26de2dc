"""Stacks on the emulator: loud failures, events, outputs, change sets, updates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.emulator_process import Emulator, emulator

TOPIC = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "pages"}}
ALARM_PROPERTIES = {
    "Namespace": "N", "MetricName": "M", "Statistic": "Minimum", "Period": 10, "EvaluationPeriods": 3, "DatapointsToAlarm": 3,
    "Threshold": 1, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "ignore",
}  # fmt: skip
ALARM = {"Type": "AWS::CloudWatch::Alarm", "Properties": ALARM_PROPERTIES}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab")) as running:
        yield running


def template(**resources: Any) -> dict[str, Any]:
    return {"Resources": resources}


def change(aws: Emulator, stack: str, body: dict[str, Any], kind: str, **more: Any) -> tuple[str, str]:
    """What cdk deploy does: delete a change set that may not be there, create one, execute it."""
    cloudformation = aws.api("cloudformation")
    names = {"StackName": stack, "ChangeSetName": "cdk-deploy-change-set"}
    if kind == "UPDATE":
        cloudformation.delete_change_set(**names)
    cloudformation.create_change_set(**names, ChangeSetType=kind, TemplateBody=json.dumps(body), **more)
    cloudformation.execute_change_set(**names)
    return aws.outcome(stack)


def test_an_unknown_type_fails_the_stack_by_name_and_nothing_is_made(aws: Emulator) -> None:
    """moto alone skips it in silence and says CREATE_COMPLETE."""
    status, why = aws.create("unknown", template(Pages=TOPIC, Odd={"Type": "AWS::Nope::Nothing"}))

    assert status == "CREATE_FAILED"
    assert "Unrecognized resource types: [AWS::Nope::Nothing (Odd)]" in why
    assert aws.api("sns").list_topics()["Topics"] == []


def test_an_unknown_property_fails_the_stack_by_name(aws: Emulator) -> None:
    status, why = aws.create("property", template(Queue={"Type": "AWS::SQS::Queue", "Properties": {"Colour": "red"}}))

    assert (status, "AWS::SQS::Queue Queue: the lab does not understand property Colour" in why) == ("CREATE_FAILED", True)


def test_a_value_the_api_refuses_fails_the_stack_with_its_words(aws: Emulator) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}, "ManagedPolicyArns": ["arn:aws:iam::aws:policy/Nope"]}}
    status, why = aws.create("refused", template(Node=role))

    assert status == "CREATE_FAILED"
    assert "AWS::IAM::Role Node: An error occurred" in why


def test_an_attribute_that_does_not_exist_fails_the_stack(aws: Emulator) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::GetAtt": ["Pages", "Colour"]}}}
    status, _ = aws.create("attribute", template(Pages={"Type": "AWS::SNS::Topic"}, Queue=queue))

    assert status == "CREATE_FAILED"


def test_a_circle_fails_the_stack(aws: Emulator) -> None:
    a = {"Type": "AWS::SNS::Topic", "DependsOn": "B"}
    status, why = aws.create("circle", template(A=a, B={"Type": "AWS::SNS::Topic", "DependsOn": "A"}))

    assert (status, "Circular dependency between resources" in why) == ("CREATE_FAILED", True)


def test_each_resource_has_its_events_in_order(aws: Emulator) -> None:
    aws.create("events", template(Watch={**ALARM, "DependsOn": "Notes"}, Notes={"Type": "AWS::Logs::LogGroup"}))
    events = aws.api("cloudformation").describe_stack_events(StackName="events")["StackEvents"]

    assert [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)] == [
        ("events", "CREATE_IN_PROGRESS"),
        ("Notes", "CREATE_IN_PROGRESS"),
        ("Notes", "CREATE_COMPLETE"),
        ("Watch", "CREATE_IN_PROGRESS"),
        ("Watch", "CREATE_COMPLETE"),
        ("events", "CREATE_COMPLETE"),
    ]


def test_a_change_set_leaves_outputs_and_exports(aws: Emulator) -> None:
    body = template(Notes={"Type": "AWS::Logs::LogGroup"}) | {
        "Outputs": {"Name": {"Value": {"Ref": "Notes"}, "Export": {"Name": "notes"}}, "Arn": {"Value": {"Fn::GetAtt": ["Notes", "Arn"]}}}
    }
    status, why = change(aws, "outputs", body, "CREATE")
    outputs = aws.api("cloudformation").describe_stacks(StackName="outputs")["Stacks"][0]["Outputs"]
    importer = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "notes"}}}

    assert (status, why) == ("CREATE_COMPLETE", "")
    assert {output["OutputKey"] for output in outputs} == {"Name", "Arn"}
    assert aws.create("importer", template(Pages=importer))[0] == "CREATE_COMPLETE"


def test_a_failing_change_set_fails_the_stack_not_the_call(aws: Emulator) -> None:
    status, why = change(aws, "failing", template(Odd={"Type": "AWS::Nope::Nothing"}), "CREATE")

    assert (status, "AWS::Nope::Nothing (Odd)" in why) == ("CREATE_FAILED", True)


def test_deleting_a_change_set_that_is_not_there_is_no_error(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html"""
    aws.api("cloudformation").delete_change_set(StackName="nowhere", ChangeSetName="never-was")


def test_an_update_adds_changes_and_removes(aws: Emulator) -> None:
    kept = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "kept"}}
    gone = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "gone"}}
    change(aws, "update", template(Watch=ALARM, Kept=kept, Gone=gone), "CREATE")
    slower = {**ALARM, "Properties": {**ALARM_PROPERTIES, "Period": 60}}
    status, why = change(
        aws, "update", template(Watch=slower, Kept={**kept, "Metadata": {"a": 1}}, Pages={"Type": "AWS::SNS::Topic"}), "UPDATE"
    )
    name = aws.physical("update", "Watch")
    groups = aws.api("logs").describe_log_groups()["logGroups"]

    assert (status, why) == ("UPDATE_COMPLETE", "")
    assert aws.api("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["Period"] == 60
    assert {"kept"} == {group["logGroupName"] for group in groups} & {"kept", "gone"}
    assert aws.physical("update", "Pages").startswith("arn:aws:sns")


def test_an_update_without_a_change_set_works_too(aws: Emulator) -> None:
    """cdk deploy --method=direct"""
    aws.create("direct", template(Watch=ALARM))
    slower = template(Watch={**ALARM, "Properties": {**ALARM_PROPERTIES, "Period": 60}})
    aws.api("cloudformation").update_stack(StackName="direct", TemplateBody=json.dumps(slower))

    assert aws.outcome("direct") == ("UPDATE_COMPLETE", "")


def test_a_change_set_is_found_by_its_name_and_its_stack(aws: Emulator) -> None:
    """CDK gives every stack's change set one name."""
    cloudformation = aws.api("cloudformation")
    for stack in ("one", "two"):
        change(aws, stack, template(Notes={"Type": "AWS::Logs::LogGroup"}), "CREATE")
    described = cloudformation.describe_change_set(StackName="one", ChangeSetName="cdk-deploy-change-set")

    assert described["StackName"] == "one"
    with pytest.raises(cloudformation.exceptions.ChangeSetNotFoundException):
        cloudformation.describe_change_set(StackName="one", ChangeSetName="another")


def test_a_change_that_cannot_be_made_in_place_says_so(aws: Emulator) -> None:
    change(aws, "place", template(Net={"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}}), "CREATE")
    status, why = change(aws, "place", template(Net={"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.2.0.0/16"}}), "UPDATE")

    assert (status, "AWS::EC2::VPC Net: the lab cannot change this type in place: start a fresh lab" in why) == (
        "UPDATE_ROLLBACK_COMPLETE",
        True,
    )


def test_an_update_that_fails_leaves_the_stack_as_it_was(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html: the default"""
    kept = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 1}}
    change(aws, "back", template(Kept=kept), "CREATE")
    slower = {**kept, "Properties": {"DelaySeconds": 9}}
    new = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "of-the-update"}}
    status, why = change(aws, "back", template(Kept=slower, New=new, Odd={"Type": "AWS::SQS::Queue", "Properties": {"Odd": 1}}), "UPDATE")
    url = aws.physical("back", "Kept")
    groups = aws.api("logs").describe_log_groups(logGroupNamePrefix="of-the-update")["logGroups"]

    assert (status, "does not understand property Odd" in why) == ("UPDATE_ROLLBACK_COMPLETE", True)
    assert aws.api("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]["DelaySeconds"] == "1"
    assert groups == []
    assert change(aws, "back", template(Kept=slower), "UPDATE")[0] == "UPDATE_COMPLETE"


def test_what_names_a_changed_value_changes_with_it(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html"""
    said = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "one"}}
    follows = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Said", "Value"]}}}
    change(aws, "follows", template(Said=said, Follows=follows), "CREATE")
    status, _ = change(aws, "follows", template(Said={**said, "Properties": {"Type": "String", "Value": "two"}}, Follows=follows), "UPDATE")
    name = aws.physical("follows", "Follows")

    assert status == "UPDATE_COMPLETE"
    assert aws.api("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "two"


def test_use_previous_value_of_a_parameter_never_passed_means_its_default(aws: Emulator) -> None:
    """CDK sends it for every parameter when it updates; moto alone answers 500."""
    name = "/aws/service/debian/release/12/latest/arm64"
    body = template(Watch=ALARM) | {"Parameters": {"Image": {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": name}}}
    change(aws, "previous", body, "CREATE")
    previous = [{"ParameterKey": "Image", "UsePreviousValue": True}]
    slower = template(Watch={**ALARM, "Properties": {**ALARM_PROPERTIES, "Period": 60}}) | {"Parameters": body["Parameters"]}

    assert change(aws, "previous", slower, "UPDATE", Parameters=previous) == ("UPDATE_COMPLETE", "")


def test_the_debian_image_is_named_by_its_public_parameters_and_exists(aws: Emulator) -> None:
    """https://wiki.debian.org/Cloud/AmazonEC2Image/Bookworm"""
    for last, architecture in (("arm64", "arm64"), ("amd64", "x86_64")):
        name = f"/aws/service/debian/release/12/latest/{last}"
        image = aws.api("ssm").get_parameter(Name=name)["Parameter"]["Value"]

        assert aws.api("ec2").describe_images(ImageIds=[image])["Images"][0]["Architecture"] == architecture


def test_no_name_is_longer_than_aws_allows(aws: Emulator) -> None:
    stack = "a-stack-whose-name-is-already-so-long-that-names-made-of-it-would-not-fit"
    queue = {"Type": "AWS::SQS::Queue"}
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}}
    assert aws.create(stack, template(Queue=queue, Role=role, Bucket={"Type": "AWS::S3::Bucket"}))[0] == "CREATE_COMPLETE"

    assert len(aws.physical(stack, "Queue").rsplit("/", 1)[1]) <= 80
    assert len(aws.physical(stack, "Role")) <= 64
    assert len(aws.physical(stack, "Bucket")) <= 63


def test_a_protected_stack_is_not_deleted_until_its_protection_is_lifted(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html"""
    cloudformation = aws.api("cloudformation")
    aws.create("kept", template(Pages={"Type": "AWS::SNS::Topic"}))
    cloudformation.update_termination_protection(StackName="kept", EnableTerminationProtection=True)

    with pytest.raises(ClientError, match=r"Stack \[kept\] cannot be deleted while TerminationProtection is enabled"):
        cloudformation.delete_stack(StackName="kept")
    assert aws.outcome("kept")[0] == "CREATE_COMPLETE"

    cloudformation.update_termination_protection(StackName="kept", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="kept")
    assert "kept" not in {stack["StackName"] for stack in cloudformation.describe_stacks()["Stacks"]}


def test_what_depends_on_others_goes_first(aws: Emulator) -> None:
    """A security group that another names cannot go before it: https://docs.aws.amazon.com/vpc/latest/userguide/deleting-security-groups.html"""
    network = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}}
    group = {"Type": "AWS::EC2::SecurityGroup", "Properties": {"GroupDescription": "g", "VpcId": {"Ref": "Net"}}}
    aws.create("goes", template(Net=network, Group=group, Table={"Type": "AWS::Logs::LogGroup", "DeletionPolicy": "Retain"}))
    before = len(aws.api("ec2").describe_vpcs()["Vpcs"])

    aws.api("cloudformation").delete_stack(StackName="goes")

    assert len(aws.api("ec2").describe_vpcs()["Vpcs"]) == before - 1
    assert len(aws.api("logs").describe_log_groups(logGroupNamePrefix="goes")["logGroups"]) == 1
