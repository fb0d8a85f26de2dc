"""What the demo's template holds: order, safety, and the settings that recovery leans on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from core import names
from tests.stacks.conftest import Template, as_list

GROUP = "AWS::AutoScaling::AutoScalingGroup"


# --- the group -------------------------------------------------------------------------------------


def test_the_group_keeps_one_over_all_zones(template: Template) -> None:
    group = template.only(GROUP)
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"]) == ("1", "1", "1")
    assert len(group["VPCZoneIdentifier"]) == len(template.of("AWS::EC2::Subnet")) == 2
    assert (group["HealthCheckType"], group["HealthCheckGracePeriod"]) == ("EC2", 120)


def test_both_hooks_stand_in_the_group_so_that_no_first_instance_slips_by(template: Template) -> None:
    launch, terminate = template.only(GROUP)["LifecycleHookSpecificationList"]
    assert template.of("AWS::AutoScaling::LifecycleHook") == []
    assert (launch["LifecycleHookName"], launch["DefaultResult"], launch["HeartbeatTimeout"]) == ("admit", "ABANDON", 600)
    assert launch["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_LAUNCHING"
    assert (terminate["LifecycleHookName"], terminate["DefaultResult"], terminate["HeartbeatTimeout"]) == ("retire", "CONTINUE", 180)
    assert terminate["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert launch["NotificationMetadata"] == terminate["NotificationMetadata"] == names.hook_metadata("demo", "counter")


def test_the_group_is_created_after_everything_else(template: Template) -> None:
    (group,) = template.ids(GROUP)
    assert template.before(group) == set(template.resources) - {group}


def test_the_group_tags_its_instances_as_ours(template: Template) -> None:
    tags = {tag["Key"]: (tag["Value"], tag["PropagateAtLaunch"]) for tag in template.only(GROUP)["Tags"]}
    assert tags == {names.TAG_DEPLOYABLE: ("demo", True), names.TAG_ASSEMBLY: ("counter", True)}


# --- the node --------------------------------------------------------------------------------------


def test_nodes_answer_metadata_to_tokens_only_and_within_one_hop(template: Template) -> None:
    options = template.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["MetadataOptions"]
    assert options == {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_the_root_disk_is_encrypted(template: Template) -> None:
    (disk,) = template.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["BlockDeviceMappings"]
    assert (disk["Ebs"]["Encrypted"], disk["Ebs"]["VolumeType"]) == (True, "gp3")


def test_a_nodes_interface_bears_the_tag_that_moving_an_address_asks_for(template: Template) -> None:
    tagged = {
        specification["ResourceType"]: {tag["Key"]: tag["Value"] for tag in specification["Tags"]}
        for specification in template.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["TagSpecifications"]
    }
    assert tagged["network-interface"][names.TAG_DEPLOYABLE] == "demo"
    (address,) = template.of("AWS::EC2::EIP")
    assert {"Key": names.TAG_DEPLOYABLE, "Value": "demo"} in address["Tags"]


def test_the_image_is_debians_newest_at_deploy_time_without_a_look_up(template: Template) -> None:
    (image,) = (parameter for parameter in template.body["Parameters"].values() if "EC2::Image::Id" in parameter["Type"])
    assert image["Default"] == "/aws/service/debian/release/12/latest/arm64"


def test_user_data_fits_with_room_for_what_its_tokens_become(template: Template) -> None:
    assert len(template.user_data().encode()) < 15 * 1024


def test_user_data_names_every_object_by_its_hash_and_the_role_may_get_just_those(
    template: Template, synthesized: tuple[Path, str]
) -> None:
    manifest = template.user_data().split("<<'UNDERSTUDY-MANIFEST'\n")[1].split("\nUNDERSTUDY-MANIFEST\n")[0]
    items = json.loads("{" + manifest[manifest.index('"items"') :])["items"]
    assert [item["to"].rpartition("/")[2] for item in items] == ["agent", "agent.json", "counter"]
    for item in items:
        content = (synthesized[0] / f"asset.{item['key']}").read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (item["size"], item["sha256"])
    (may_get,) = (s["Resource"] for s in template.statements(template.node_role()) if s["Action"] == "s3:GetObject")
    assert sorted(arn["Fn::Join"][1][-1].strip("/") for arn in may_get) == sorted(item["key"] for item in items)


def test_a_node_is_told_the_address_that_clients_use(template: Template) -> None:
    environment = template.user_data().split("<<'UNDERSTUDY-ENV'\n")[1].split("\nUNDERSTUDY-ENV\n")[0]
    (address,) = template.ids("AWS::EC2::EIP")

    assert f'{names.ENV_FRONT}=${{{{"Ref": "{address}"}}}}' in environment.splitlines()


# --- the network -----------------------------------------------------------------------------------


def test_there_is_no_nat_and_nobody_gets_a_public_address_by_itself(template: Template) -> None:
    assert template.of("AWS::EC2::NatGateway") == []
    assert [subnet["MapPublicIpOnLaunch"] for subnet in template.of("AWS::EC2::Subnet")] == [False, False]
    assert {json.dumps(subnet["AvailabilityZone"]) for subnet in template.of("AWS::EC2::Subnet")} == {
        json.dumps({"Fn::Select": [index, {"Fn::GetAZs": ""}]}) for index in (0, 1)
    }


def test_the_table_and_the_bucket_are_reached_by_free_endpoints_from_every_subnet(template: Template) -> None:
    endpoints = template.of("AWS::EC2::VPCEndpoint")
    assert [endpoint["VpcEndpointType"] for endpoint in endpoints] == ["Gateway", "Gateway"]
    services = {str(endpoint["ServiceName"]["Fn::Join"][1][-1]).lstrip(".") for endpoint in endpoints}
    assert services == {"s3", "dynamodb"}
    assert all(len(endpoint["RouteTableIds"]) == 2 for endpoint in endpoints)


def test_a_node_is_open_to_clients_on_its_front_and_to_the_prober_on_its_own_ports(template: Template) -> None:
    inline = [rule for group in template.of("AWS::EC2::SecurityGroup") for rule in group.get("SecurityGroupIngress", [])]
    assert [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in inline] == [("0.0.0.0/0", 8080, 8080)]
    by_prober = template.of("AWS::EC2::SecurityGroupIngress")
    assert sorted(rule["FromPort"] for rule in by_prober) == [7810, 7880]
    assert all("SourceSecurityGroupId" in rule and "CidrIp" not in rule for rule in by_prober)


# --- what keeps state ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::S3::Bucket"])
def test_what_holds_state_outlives_the_stack(template: Template, kind: str) -> None:
    (id_,) = template.ids(kind)
    assert (template.resources[id_]["DeletionPolicy"], template.resources[id_]["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_the_table_expires_items_streams_their_new_image_and_can_be_restored(template: Template) -> None:
    table = template.only("AWS::DynamoDB::Table")
    assert [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]] == [("pk", "HASH"), ("sk", "RANGE")]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True


def test_the_bucket_is_private_versioned_and_encrypted(template: Template) -> None:
    bucket = template.only("AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]


@pytest.mark.parametrize("kind", ["AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"])
def test_nobody_speaks_to_it_without_tls(template: Template, kind: str) -> None:
    for policy in template.of(kind):
        assert any(
            statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in policy["PolicyDocument"]["Statement"]
        )


def test_queues_are_encrypted_and_give_up_into_the_dead_letters(template: Template) -> None:
    queues = template.of("AWS::SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] for queue in queues)
    assert sorted(queue.get("RedrivePolicy", {}).get("maxReceiveCount", 0) for queue in queues) == [0, 2, 3]


def test_a_message_stays_hidden_for_as_long_as_its_function_may_take(template: Template) -> None:
    for mapping in template.of("AWS::Lambda::EventSourceMapping"):
        source = template.resources[mapping["EventSourceArn"]["Fn::GetAtt"][0]]
        if source["Type"] == "AWS::SQS::Queue":
            function = template.resources[mapping["FunctionName"]["Ref"]]["Properties"]
            assert source["Properties"]["VisibilityTimeout"] > function["Timeout"]


# --- alarms ----------------------------------------------------------------------------------------


def test_a_failing_assembly_wakes_recovery_itself_and_missing_data_changes_nothing(template: Template) -> None:
    (alarm,) = (alarm for alarm in template.of("AWS::CloudWatch::Alarm") if alarm.get("MetricName") == names.METRIC_HEALTHY)
    assert alarm["AlarmActions"] == [{"Fn::GetAtt": [template.function("recover_assembly"), "Arn"]}]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (10, 3, 3)
    assert (alarm["ComparisonOperator"], alarm["Threshold"], alarm["TreatMissingData"]) == ("LessThanThreshold", 1, "ignore")
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {"Deployable": "demo", "Assembly": "counter"}


def test_that_alarm_and_no_other_may_invoke_recovery(template: Template) -> None:
    (permission,) = (p for p in template.of("AWS::Lambda::Permission") if "alarms" in str(p["Principal"]))
    source = permission["SourceArn"]["Fn::GetAtt"][0]
    assert template.resources[source]["Properties"]["MetricName"] == names.METRIC_HEALTHY
    assert permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    assert "SourceAccount" in permission


def test_people_hear_of_a_silent_watcher(template: Template) -> None:
    (alarm,) = (alarm for alarm in template.of("AWS::CloudWatch::Alarm") if alarm.get("MetricName") == names.METRIC_SWEEPS)
    (topic,) = template.ids("AWS::SNS::Topic")
    assert alarm["AlarmActions"] == alarm["OKActions"] == alarm["InsufficientDataActions"] == [{"Ref": topic}]
    assert alarm["TreatMissingData"] == "missing", "a first deployment has no sweeps yet, and must page nobody"


def _on(template: Template, metric: str) -> dict[str, Any]:
    """The one alarm on a sum, or on the maximum, of a metric."""
    (found,) = (
        alarm
        for alarm in template.of("AWS::CloudWatch::Alarm")
        if metric
        in (alarm.get("MetricName"), *(q["MetricStat"]["Metric"]["MetricName"] for q in alarm.get("Metrics", []) if "MetricStat" in q))
    )
    return found


def _summed(alarm: dict[str, Any]) -> set[str]:
    """The functions whose metrics the alarm adds up."""
    (expression,) = (query for query in alarm["Metrics"] if "Expression" in query)
    metrics = {query["Id"]: query["MetricStat"] for query in alarm["Metrics"] if "MetricStat" in query}
    assert expression.get("ReturnData", True) is True
    assert sorted(expression["Expression"].split(" + ")) == sorted(metrics), "each of its metrics, once"
    assert {stat["Stat"] for stat in metrics.values()} == {"Sum"}
    return {dimension["Value"]["Ref"] for stat in metrics.values() for dimension in stat["Metric"]["Dimensions"]}


def test_one_alarm_adds_up_the_errors_of_all_functions_whose_failing_is_not_silence(template: Template) -> None:
    """Where the clock or the prober fails there are no sweeps."""
    sweeping = {template.function("tick"), template.function("probe_nodes")}

    assert _summed(_on(template, "Errors")) == set(template.ids("AWS::Lambda::Function")) - sweeping


def test_throttles_are_told_of_where_they_are_met_first_and_where_they_hurt(template: Template) -> None:
    assert _summed(_on(template, "Throttles")) == {template.function("probe_nodes"), template.function("recover_assembly")}


def test_a_step_that_waits_is_told_of_before_it_is_lost(template: Template) -> None:
    alarm = _on(template, "ApproximateAgeOfOldestMessage")
    ((name, value),) = ((dimension["Name"], dimension["Value"]) for dimension in alarm["Dimensions"])
    queue = template.resources[value["Fn::GetAtt"][0]]["Properties"]
    (mapping,) = (
        m for m in template.of("AWS::Lambda::EventSourceMapping") if m["EventSourceArn"] == {"Fn::GetAtt": [value["Fn::GetAtt"][0], "Arn"]}
    )

    assert (name, alarm["Statistic"]) == ("QueueName", "Maximum")
    assert mapping["FunctionName"] == {"Ref": template.function("recover_assembly")}
    tries = queue["RedrivePolicy"]["maxReceiveCount"]
    assert (tries - 1) * queue["VisibilityTimeout"] < alarm["Threshold"] < tries * queue["VisibilityTimeout"]
    assert alarm["Threshold"] < queue["MessageRetentionPeriod"]


@pytest.mark.parametrize("metric", ["Errors", "Throttles", "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"])
def test_what_people_are_told_of_our_own_parts_pages_nobody_at_a_first_deployment(template: Template, metric: str) -> None:
    alarm = _on(template, metric)

    assert not {"OKActions", "InsufficientDataActions"} & alarm.keys()
    assert alarm["TreatMissingData"] == "notBreaching", "there is no data yet"
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["Threshold"] >= 1


def test_people_hear_once_of_functions_in_trouble_and_of_silence_and_lost_work_in_any_case(template: Template) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html"""
    (topic,) = template.ids("AWS::SNS::Topic")
    people = template.only("AWS::CloudWatch::CompositeAlarm")
    parts = people["AlarmRule"]["Fn::Join"][1]
    under = {
        json.dumps(template.resources[part["Fn::GetAtt"][0]]["Properties"], sort_keys=True) for part in parts if isinstance(part, dict)
    }
    told = [_on(template, metric) for metric in ("Errors", "Throttles", "ApproximateAgeOfOldestMessage")]

    assert under == {json.dumps(alarm, sort_keys=True) for alarm in told}
    assert "".join(part for part in parts if isinstance(part, str)) == 'ALARM("") OR ALARM("") OR ALARM("")'
    assert people["AlarmActions"] == [{"Ref": topic}]
    assert not {"AlarmName", "OKActions", "InsufficientDataActions"} & people.keys(), "a new one acts by what it finds at once"
    assert not any("AlarmActions" in alarm for alarm in told), "each would be told of twice"
    for alone in (_on(template, names.METRIC_SWEEPS), _on(template, "ApproximateNumberOfMessagesVisible")):
        assert alone["AlarmActions"] == [{"Ref": topic}]


def test_no_alarm_reads_more_metrics_than_aws_lets_it(template: Template) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html"""
    assert all(
        len([query for query in alarm.get("Metrics", []) if "MetricStat" in query]) <= 10 for alarm in template.of("AWS::CloudWatch::Alarm")
    )


def test_every_alarm_says_whose_it_is_and_what_it_means(template: Template) -> None:
    assert all(
        alarm["AlarmDescription"].startswith("demo") and len(alarm["AlarmDescription"]) > 20
        for alarm in (*template.of("AWS::CloudWatch::Alarm"), *template.of("AWS::CloudWatch::CompositeAlarm"))
    )


def test_alarms_may_publish_to_the_topic_and_through_its_key_and_in_this_account_only(template: Template) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""
    (key,) = template.ids("AWS::KMS::Key")
    assert template.only("AWS::SNS::Topic")["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}

    of_topic = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    of_key = template.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    for statements, actions in ((of_topic, {"sns:Publish"}), (of_key, {"kms:Decrypt", "kms:GenerateDataKey*"})):
        (alarms,) = (s for s in statements if s["Principal"] == {"Service": "cloudwatch.amazonaws.com"})
        assert set(as_list(alarms["Action"])) == actions
        assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_a_rule_of_yours_may_tell_the_same_people(template: Template) -> None:
    """A condition on its source would never hold at the key: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html,
    and tests/lab/test_lab_topic_key.py, where such a key delivers nothing."""
    of_topic = template.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    of_key = template.only("AWS::KMS::Key")["KeyPolicy"]["Statement"]
    for statements, actions in ((of_topic, {"sns:Publish"}), (of_key, {"kms:Decrypt", "kms:GenerateDataKey*"})):
        (rules,) = (s for s in statements if s["Principal"] == {"Service": "events.amazonaws.com"})
        assert set(as_list(rules["Action"])) == actions
        assert "Condition" not in rules


def test_there_are_no_custom_resources_and_no_fixed_names(template: Template) -> None:
    assert not [r["Type"] for r in template.resources.values() if r["Type"].startswith(("Custom::", "AWS::CloudFormation::"))]
    fixed = ("TableName", "BucketName", "TopicName", "QueueName", "RoleName", "FunctionName", "AlarmName", "LogGroupName")
    owners = {"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission"}
    for resource in template.resources.values():
        if resource["Type"] not in owners:
            assert not set(fixed) & resource.get("Properties", {}).keys()


def test_outputs_say_what_drills_and_people_need(template: Template) -> None:
    outputs = template.body["Outputs"]
    assert set(outputs) == {"CounterFront", "CounterPorts", "CounterGroup", "Assemblies", "Policy", "Table", "Bucket", "Topic"}
    assert outputs["CounterPorts"]["Value"] == "8080"
    assert (outputs["Assemblies"]["Value"], outputs["Policy"]["Value"]) == ("counter", "{}")
