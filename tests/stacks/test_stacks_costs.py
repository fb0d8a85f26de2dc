"""The estimate against the template: nothing is deployed that costs by the month and has no line."""

from __future__ import annotations

from pathlib import Path

import spec
from core.estimate.estimating import estimate
from spec.rates import load_rates
from tests.stacks.conftest import Resource, Template

ROOT = Path(__file__).resolve().parents[2]
LINES = estimate(spec.load(ROOT / "deployables" / "demo.yaml"), load_rates().rates).lines

# What costs nothing by being there. Whoever adds a type adds its line to core/estimate/, or the type here when AWS's page says so.
FREE = {
    "AWS::AutoScaling::AutoScalingGroup",
    "AWS::EC2::InternetGateway",
    "AWS::EC2::LaunchTemplate",
    "AWS::EC2::Route",
    "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation",
    "AWS::EC2::VPC",
    "AWS::EC2::VPCGatewayAttachment",
    "AWS::Events::Rule",  # on AWS's own events and on a schedule: https://aws.amazon.com/eventbridge/pricing/
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::EventSourceMapping",  # its polls are counted with the queues; a stream's cost Lambda nothing
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::QueuePolicy",
    "AWS::SSM::Parameter",  # a standard one: https://aws.amazon.com/systems-manager/pricing/
}
# What is paid for by use, or held to its quantity below: the part of the estimate that speaks for it.
COUNTED = {
    "AWS::CloudWatch::Alarm": "alarms",
    "AWS::CloudWatch::CompositeAlarm": "alarms",
    "AWS::CloudWatch::Dashboard": "dashboard",
    "AWS::DynamoDB::Table": "table",
    "AWS::EC2::EIP": "public address",
    "AWS::EC2::VPCEndpoint": "endpoints",
    "AWS::KMS::Key": "key",
    "AWS::Lambda::Function": "functions",
    "AWS::Logs::LogGroup": "logs",
    "AWS::Route53::HostedZone": "zone",
    "AWS::S3::Bucket": "bucket",
    "AWS::SNS::Topic": "topic",
    "AWS::SQS::Queue": "queue",
}


def counted(part: str, rate: str) -> float:
    return sum(line.quantity for line in LINES if line.part == part and line.rate_name == rate)


def metrics_of(alarm: Resource) -> int:
    """AWS charges for each metric that an alarm reads."""
    return sum("MetricStat" in query for query in alarm["Metrics"]) if "Metrics" in alarm else 1


def test_nothing_is_deployed_that_the_estimate_does_not_know(template: Template) -> None:
    types = {resource["Type"] for resource in template.resources.values()}

    assert types <= FREE | set(COUNTED), "add its line to core/estimate/, or the type to FREE"


def test_what_is_counted_by_use_has_its_lines(template: Template) -> None:
    parts = {COUNTED[resource["Type"]] for resource in template.resources.values() if resource["Type"] in COUNTED}

    assert parts - {"endpoints"} <= {line.part for line in LINES}


def test_alarms_are_counted_by_the_metrics_that_they_read(template: Template) -> None:
    alarms = template.of("AWS::CloudWatch::Alarm")
    quick = [alarm for alarm in alarms if alarm.get("Period", 60) < 60]

    assert sum(map(metrics_of, quick)) == counted("alarms", "cloudwatch_alarm_high_resolution")
    assert sum(metrics_of(alarm) for alarm in alarms if alarm not in quick) == counted("alarms", "cloudwatch_alarm")
    assert len(template.of("AWS::CloudWatch::CompositeAlarm")) == counted("alarms", "cloudwatch_alarm_composite")


def test_metrics_of_our_own_are_counted_once_for_each_set_of_dimensions(template: Template) -> None:
    ours = {
        (alarm["MetricName"], str(alarm.get("Dimensions")))
        for alarm in template.of("AWS::CloudWatch::Alarm")
        if alarm.get("Namespace") == "Understudy"
    }

    # Those of an incident's phases are there only in the hour in which something was sent, and no alarm reads them.
    always = [line.quantity for line in LINES if line.part == "metrics" and line.rate_name == "cloudwatch_metric" and line.quantity >= 1]
    assert len(ours) == sum(always)


def test_every_queue_that_lambda_polls_is_counted(template: Template) -> None:
    polled = [mapping for mapping in template.of("AWS::Lambda::EventSourceMapping") if "StartingPosition" not in mapping]

    assert len(polled) == len([line for line in LINES if line.part == "queue"])


def test_every_key_is_counted_and_none_is_rotated_which_would_cost_another(template: Template) -> None:
    """https://aws.amazon.com/kms/pricing/: the first two rotations add a dollar a month each."""
    keys = template.of("AWS::KMS::Key")

    assert len(keys) == counted("key", "kms_key")
    assert not any(key.get("EnableKeyRotation") for key in keys)


def test_endpoints_are_gateways_which_cost_nothing(template: Template) -> None:
    paid = [endpoint for endpoint in template.of("AWS::EC2::VPCEndpoint") if endpoint.get("VpcEndpointType") != "Gateway"]

    assert len(paid) * 730 == counted("endpoints", "interface_endpoint_hour")


def test_functions_run_on_the_processor_whose_rate_is_taken(template: Template) -> None:
    """lambda_gb_second is arm64's."""
    assert all(function["Architectures"] == ["arm64"] for function in template.of("AWS::Lambda::Function"))


def test_nodes_have_the_disk_and_the_address_that_are_paid_for(template: Template) -> None:
    disks = [disk["Ebs"] for node in template.of("AWS::EC2::LaunchTemplate") for disk in node["LaunchTemplateData"]["BlockDeviceMappings"]]

    assert {disk["VolumeType"] for disk in disks} == {"gp3"}
    assert sum(disk["VolumeSize"] for disk in disks) == counted("disk", "ebs_gp3_gb")
    assert len(template.of("AWS::EC2::EIP")) * 730 == counted("public address", "public_ipv4_hour")
