"""Policies are enforced as the IAM user guide says; what the lab cannot judge is an error, not a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from lab.policy import asks as asks_module
from lab.policy.asks import asks
from lab.policy.conditions import PolicyError, arn_like, holds, like
from lab.policy.matching import Ask, rule
from lab.policy.requests import ApiCall, UnknownCall

TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/state"


def statement(action: str, resource: str = "*", effect: str = "Allow", **condition: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"Effect": effect, "Action": action, "Resource": resource}
    return {"Statement": [body | ({"Condition": condition} if condition else {})]}


class TestMatching:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html"""

    def test_nothing_is_allowed_without_a_statement_that_says_so(self) -> None:
        assert not rule([], Ask("s3:GetObject", "arn:aws:s3:::b/k", {})).allowed

    def test_an_explicit_deny_wins_over_an_allow(self) -> None:
        both = [statement("s3:*"), statement("s3:DeleteObject", effect="Deny")]

        assert rule(both, Ask("s3:GetObject", "arn:aws:s3:::b/k", {})).allowed
        assert not rule(both, Ask("s3:DeleteObject", "arn:aws:s3:::b/k", {})).allowed

    def test_actions_are_compared_without_case_and_resources_with_it(self) -> None:
        policy = [statement("S3:getobject", "arn:aws:s3:::b/K")]

        assert rule(policy, Ask("s3:GetObject", "arn:aws:s3:::b/K", {})).allowed
        assert not rule(policy, Ask("s3:GetObject", "arn:aws:s3:::b/k", {})).allowed

    def test_a_nodes_state_ends_at_its_own_prefix(self) -> None:
        """stacks/kept_state.py: get and put below it; neither another's, nor a list, nor a delete."""
        policy = [statement(action, "arn:aws:s3:::b/state/ledger/worker/*") for action in ("s3:GetObject", "s3:PutObject")]
        own, others = "arn:aws:s3:::b/state/ledger/worker/manifest", ("ledger/worker2", "ledger/other", "another/worker")

        assert all(rule(policy, Ask(action, own, {})).allowed for action in ("s3:GetObject", "s3:PutObject"))
        assert not any(rule(policy, Ask("s3:GetObject", f"arn:aws:s3:::b/state/{one}/manifest", {})).allowed for one in others)
        assert not rule(policy, Ask("s3:DeleteObject", own, {})).allowed
        assert not rule(policy, Ask("s3:ListBucket", "arn:aws:s3:::b", {})).allowed

    def test_a_target_group_of_another_deployable_is_not_ones_own(self) -> None:
        mine, theirs = (f"arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/{name}/0123456789abcdef" for name in ("a", "b"))
        policy = [statement("elasticloadbalancing:RegisterTargets", mine)]

        assert rule(policy, Ask("elasticloadbalancing:RegisterTargets", mine, {})).allowed
        assert not rule(policy, Ask("elasticloadbalancing:RegisterTargets", theirs, {})).allowed

    def test_a_statement_with_an_unknown_element_cannot_be_judged(self) -> None:
        with pytest.raises(PolicyError, match="Principal"):
            rule([{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}], Ask("a:B", "*", {}))


class TestConditions:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""

    def test_an_unknown_key_is_an_error_of_the_lab(self) -> None:
        with pytest.raises(PolicyError, match="aws:MoonPhase"):
            holds({"StringEquals": {"aws:MoonPhase": "full"}}, {})

    def test_an_unknown_operator_is_an_error_of_the_lab(self) -> None:
        with pytest.raises(PolicyError, match="DateLessThan"):
            holds({"DateLessThan": {"aws:PrincipalArn": "x"}}, {"aws:principalarn": ("x",)})

    def test_a_missing_key_fails_a_plain_test_and_passes_ifexists(self) -> None:
        assert not holds({"StringEquals": {"aws:ResourceTag/a": "1"}}, {})
        assert holds({"StringEqualsIfExists": {"aws:ResourceTag/a": "1"}}, {})

    def test_for_all_values_holds_only_when_every_value_matches(self) -> None:
        block = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["NODE#a", "NODE#b"]}}

        assert holds(block, {"dynamodb:leadingkeys": ("NODE#a", "NODE#b")})
        assert not holds(block, {"dynamodb:leadingkeys": ("NODE#a", "PERMIT#a")})

    def test_several_values_need_a_set_operator(self) -> None:
        with pytest.raises(PolicyError, match="ForAllValues"):
            holds({"StringEquals": {"dynamodb:LeadingKeys": "x"}}, {"dynamodb:leadingkeys": ("x", "y")})

    def test_wildcards_match_runs_and_single_characters(self) -> None:
        assert like("evidence/*/i-?", "evidence/a/b/i-1")
        assert not like("a?", "a")
        assert not like("a", "ab")

    def test_arn_wildcards_stay_within_their_part(self) -> None:
        assert arn_like("arn:aws:sns:*:*:t", "arn:aws:sns:us-east-1:1:t")
        assert not arn_like("arn:aws:*:t", "arn:aws:sns:us-east-1:1:t")


KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


class FixedDirectory:
    account, region = "123456789012", "us-east-1"

    def ec2_tags(self, resource_id: str) -> Mapping[str, str]:
        return {"understudy:deployable": "demo"} if resource_id != "i-other" else {}

    def group(self, name: str) -> tuple[str, Mapping[str, str]]:
        return f"arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:u:autoScalingGroupName/{name}", {"k": "v"}

    def group_of(self, instance_id: str) -> str:
        return "g"

    def instance_of_address(self, association_id: str) -> str:
        return "eipalloc-1 i-1"

    def topic_key(self, topic_arn: str) -> str:
        return KEY if topic_arn.endswith(":encrypted") else ""

    def ends_of_interface(self, attachment_id: str) -> tuple[str, str]:
        return "eni-1", "i-1"

    def hash_key(self, table: str) -> str:
        return "pk"


class TestAsks:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""

    @pytest.mark.parametrize(
        ("operation", "parameters", "keys"),
        [
            ("PutItem", {"TableName": "state", "Item": {"pk": {"S": "NODE#a"}, "sk": {"S": "x"}}}, ("NODE#a",)),
            ("GetItem", {"TableName": "state", "Key": {"pk": {"S": "PERMIT#a"}, "sk": {"S": "x"}}}, ("PERMIT#a",)),
            (
                "Query",
                {
                    "TableName": "state",
                    "KeyConditionExpression": "#p = :p AND begins_with(sk, :s)",
                    "ExpressionAttributeNames": {"#p": "pk"},
                    "ExpressionAttributeValues": {":p": {"S": "NODE#a"}, ":s": {"S": "REPORT#"}},
                },
                ("NODE#a",),
            ),
        ],
        ids=["put", "get", "query"],
    )
    def test_a_dynamodb_call_is_judged_by_its_leading_keys(self, operation: str, parameters: dict[str, Any], keys: tuple[str, ...]) -> None:
        (ask,) = asks(ApiCall("dynamodb", operation, parameters), FixedDirectory())

        assert ask == Ask(f"dynamodb:{operation}", TABLE, {"dynamodb:leadingkeys": keys})

    def test_a_transaction_asks_for_each_of_its_writes(self) -> None:
        items = [{"Put": {"TableName": "state", "Item": {"pk": {"S": "A"}}}}, {"Update": {"TableName": "state", "Key": {"pk": {"S": "B"}}}}]

        got = asks(ApiCall("dynamodb", "TransactWriteItems", {"TransactItems": items}), FixedDirectory())

        pairs = [(a.action, a.context["dynamodb:leadingkeys"]) for a in got]
        assert pairs == [("dynamodb:PutItem", ("A",)), ("dynamodb:UpdateItem", ("B",))]

    def test_moving_an_address_asks_for_both_sides_with_their_tags(self) -> None:
        got = asks(ApiCall("ec2", "AssociateAddress", {"AllocationId": "eipalloc-1", "InstanceId": "i-other"}), FixedDirectory())

        assert [a.resource.split(":")[-1] for a in got] == ["elastic-ip/eipalloc-1", "instance/i-other"]
        assert "aws:resourcetag/understudy:deployable" in got[0].context
        assert got[1].context == {}

    @pytest.mark.parametrize(
        ("named", "may"),
        [
            ({"MaxSize": "2", "DesiredCapacity": "2"}, True),
            ({"MaxSize": "1", "DesiredCapacity": "1"}, True),
            ({"MaxSize": "3", "DesiredCapacity": "3"}, False),
            ({"DesiredCapacity": "0"}, False),
            ({"MaxSize": "2", "MinSize": "0"}, False),
            ({"MaxSize": "2", "LaunchTemplate.LaunchTemplateId": "lt-1", "LaunchTemplate.Version": "7"}, False),
            ({"MaxSize": "2", "LaunchTemplate.LaunchTemplateId": "lt-1", "LaunchTemplate.Version": "$Latest"}, False),
            ({"MaxSize": "2", "MixedInstancesPolicy.LaunchTemplate.Overrides.member.1.InstanceType": "m5.24xlarge"}, False),
            ({"MaxSize": "2", "LaunchConfigurationName": "mine"}, False),
            ({"MaxSize": "2", "VPCZoneIdentifier": "subnet-1,subnet-2"}, False),
        ],
    )
    def test_room_in_a_group_is_for_two_at_most_and_changes_nothing_else(self, named: dict[str, str], may: bool) -> None:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html; stacks/permissions.py."""
        keys = ("InstanceTypes", "LaunchConfigurationName", "LaunchTemplateVersionSpecified", "VPCZoneIdentifiers", "MinSize")
        conditions: dict[str, Any] = {
            "NumericLessThanEquals": {"autoscaling:MaxSize": "2"},
            "Null": {f"autoscaling:{key}": "true" for key in keys},
        }
        call = ApiCall("autoscaling", "UpdateAutoScalingGroup", {"AutoScalingGroupName": "g", **named})

        (ask,) = asks(call, FixedDirectory())

        assert rule([statement("autoscaling:UpdateAutoScalingGroup", **conditions)], ask).allowed is may

    def test_a_signal_asks_for_its_stack(self) -> None:
        stack = "arn:aws:cloudformation:us-east-1:123456789012:stack/understudy-demo/7d2e3dd0"
        signal = ApiCall("cloudformation", "SignalResource", {"StackName": stack})

        assert asks(signal, FixedDirectory()) == (Ask("cloudformation:SignalResource", stack, {}),)

    def test_parameters_below_a_path_are_asked_for_by_the_path(self) -> None:
        """https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-retrieval-authorization.html"""
        call = ApiCall("ssm", "GetParametersByPath", {"Path": "/understudy/shared/deployables", "Recursive": True})
        resource = "arn:aws:ssm:us-east-1:123456789012:parameter/understudy/shared/deployables"

        assert asks(call, FixedDirectory()) == (Ask("ssm:GetParametersByPath", resource, {}),)

    def test_publishing_to_an_encrypted_topic_asks_for_its_key_too(self) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: kms:GenerateDataKey and kms:Decrypt."""
        topic = "arn:aws:sns:us-east-1:123456789012:encrypted"
        got = asks(ApiCall("sns", "Publish", {"TopicArn": topic}), FixedDirectory())

        assert [(ask.action, ask.resource) for ask in got] == [("sns:Publish", topic), ("kms:GenerateDataKey", KEY), ("kms:Decrypt", KEY)]
        assert got[1].context == {"kms:viaservice": ("sns.us-east-1.amazonaws.com",)}

    @pytest.mark.parametrize(("source", "allowed"), [("understudy", True), ("aws.ec2", False)])
    def test_events_may_be_put_under_the_source_that_the_policy_names(self, source: str, allowed: bool) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
        (ask,) = asks(ApiCall("events", "PutEvents", {"Entries": [{"Source": source, "DetailType": "x"}]}), FixedDirectory())

        assert ask.action == "events:PutEvents"
        assert holds({"StringEquals": {"events:source": "understudy"}}, ask.context) is allowed

    def test_a_call_outside_the_table_is_an_error_of_the_lab(self) -> None:
        with pytest.raises(UnknownCall, match="RunInstances"):
            asks(ApiCall("ec2", "RunInstances", {}), FixedDirectory())
        with pytest.raises(UnknownCall, match="glacier"):
            asks(ApiCall("glacier", "DeleteVault", {}), FixedDirectory())

    def test_registering_a_target_asks_for_its_group_and_reading_health_for_everything(self) -> None:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html"""
        group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/x/0123456789abcdef"
        for operation, on in (("RegisterTargets", group), ("DeregisterTargets", group), ("DescribeTargetHealth", "*")):
            call = ApiCall("elasticloadbalancing", operation, {"TargetGroupArn": group, "Targets.member.1.Id": "i-1"})

            assert asks(call, FixedDirectory()) == (Ask(f"elasticloadbalancing:{operation}", on, {}),)
        with pytest.raises(UnknownCall, match="DeleteLoadBalancer"):
            asks(ApiCall("elasticloadbalancing", "DeleteLoadBalancer", {}), FixedDirectory())

    def test_a_warm_pool_is_changed_as_its_group_and_described_without_one(self) -> None:
        """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html"""
        arn, tags = FixedDirectory().group("g")
        for operation in ("PutWarmPool", "DeleteWarmPool"):
            (ask,) = asks(ApiCall("autoscaling", operation, {"AutoScalingGroupName": "g"}), FixedDirectory())
            assert (ask.action, ask.resource) == (f"autoscaling:{operation}", arn)
            assert ask.context["autoscaling:resourcetag/k"] == (tags["k"],)
        (ask,) = asks(ApiCall("autoscaling", "DescribeWarmPool", {"AutoScalingGroupName": "g"}), FixedDirectory())
        assert (ask.action, ask.resource) == ("autoscaling:DescribeWarmPool", "*")

    def test_every_reader_is_for_a_service_name_that_signs_requests(self) -> None:
        assert {
            "dynamodb",
            "ec2",
            "autoscaling",
            "s3",
            "lambda",
            "sqs",
            "ssm",
            "sns",
            "events",
            "monitoring",
            "route53",
            "sts",
            "elasticloadbalancing",
            "cloudformation",
            "secretsmanager",
            "rds",
        } == set(asks_module._READERS)


class TestDatabases:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html"""

    def test_who_may_reboot_one_instance_is_refused_another(self) -> None:
        mine = "arn:aws:rds:us-east-1:123456789012:db:understudy-ledger"
        policy = statement("rds:RebootDBInstance", mine)
        for name, allowed in (("understudy-ledger", True), ("another", False)):
            (ask,) = asks(ApiCall("rds", "RebootDBInstance", {"DBInstanceIdentifier": name}), FixedDirectory())
            assert rule([policy], ask).allowed is allowed


class TestSecrets:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html"""

    def test_who_may_read_one_secret_is_refused_another(self) -> None:
        mine = "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1-AbCdEf"
        policy = statement("secretsmanager:GetSecretValue", mine)
        for secret, allowed in ((mine, True), (mine.replace("db-1", "db-2"), False)):
            call = ApiCall("secretsmanager", "GetSecretValue", {"SecretId": secret})
            (ask,) = asks(call, FixedDirectory())
            assert rule([policy], ask).allowed is allowed
