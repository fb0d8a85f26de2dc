"""What is sent to AWS, to the letter, and how its refusals are told apart."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from core.lifecycle.rollout import Word
from core.records import Permit
from core.recovery.budget import Budget, Entry, with_entry
from core.recovery.snapshot import StackPlace
from lambdas.adapters import clients, deploys, environment, fronts, groups, instances, queues, table
from lambdas.adapters.clients import Lost, Unknown, WorldFailed

complete_hook, keep_alive, signal = groups.complete_hook, groups.keep_alive, deploys.signal  # before the `cloud` fixture takes their place
find = groups.find


@pytest.fixture(autouse=True)
def _fresh_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    clients.client.cache_clear()


def permit(epoch: int, instance: str = "i-1") -> Permit:
    return Permit(deployable="demo", assembly="counter", instance=instance, epoch=epoch, at_ms=1)


def test_a_conditional_write_is_sent_once_and_a_read_may_be_repeated() -> None:
    """https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html"""
    once, often = clients.client("dynamodb", once=True), clients.client("dynamodb")

    assert once.meta.config.retries["total_max_attempts"] == 1
    assert often.meta.config.retries["total_max_attempts"] == 3
    assert once.meta.config.read_timeout <= 5
    assert clients.client("dynamodb") is often


def test_a_permit_is_written_over_the_one_that_was_read_and_over_no_other(cloud: Any) -> None:
    table.put_permit(permit(1), None)
    with pytest.raises(Lost):
        table.put_permit(permit(1, "i-2"), None)

    table.put_permit(permit(2, "i-2"), permit(1))
    with pytest.raises(Lost):
        table.put_permit(permit(2, "i-3"), permit(1))
    assert table.permit("demo", "counter") == permit(2, "i-2")


def test_a_budget_that_somebody_else_spent_from_is_lost(cloud: Any) -> None:
    entry = Entry(at_ms=1, deployable="demo", assembly="counter", incident="x", replaced=True)
    first = with_entry(Budget(), entry)
    table.put_budget(first)
    table.put_budget(with_entry(table.budget(), entry))

    with pytest.raises(Lost):
        table.put_budget(with_entry(first, entry))


@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError])
def test_after_a_timeout_nobody_knows_whether_it_was_written(cloud: Any, monkeypatch: pytest.MonkeyPatch, error: Any) -> None:
    def silent(**_: object) -> None:
        raise error(endpoint_url="http://table")

    monkeypatch.setattr(clients.client("dynamodb", once=True), "put_item", silent)

    with pytest.raises(Unknown):
        table.put_permit(permit(1), None)


def test_a_refused_write_is_neither_lost_nor_unknown() -> None:
    with Stubber(clients.client("dynamodb", once=True)) as stub:
        stub.add_client_error("put_item", "AccessDeniedException")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("UNDERSTUDY_TABLE", "state")
            with pytest.raises(WorldFailed) as caught:
                table.put_permit(permit(1), None)

    assert type(caught.value) is WorldFailed


def test_a_hook_is_answered_by_instance_and_being_late_is_no_error() -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html"""
    with Stubber(clients.client("autoscaling")) as stub:
        wanted = {
            "AutoScalingGroupName": "g",
            "LifecycleHookName": "admit",
            "InstanceId": "i-1",
            "LifecycleActionResult": "ABANDON",
        }
        stub.add_response("complete_lifecycle_action", {}, wanted)
        assert complete_hook("g", "admit", "i-1", let_in=False) == "ABANDON"
        stub.add_client_error("complete_lifecycle_action", "ValidationError", "No active Lifecycle Action found with instance ID i-1")
        assert "not waiting any more" in complete_hook("g", "admit", "i-1", let_in=True)
        stub.add_client_error("complete_lifecycle_action", "AccessDenied")
        with pytest.raises(WorldFailed):
            complete_hook("g", "admit", "i-1", let_in=True)
        stub.add_response(
            "record_lifecycle_action_heartbeat", {}, {"AutoScalingGroupName": "g", "LifecycleHookName": "admit", "InstanceId": "i-1"}
        )
        keep_alive("g", "admit", "i-1")


def test_the_fence_keeps_the_groups_size_and_does_not_ask_the_operating_system() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-terminate-methods.html"""
    with Stubber(clients.client("autoscaling")) as stub:
        stub.add_response("terminate_instance_in_auto_scaling_group", {}, {"InstanceId": "i-1", "ShouldDecrementDesiredCapacity": False})
        groups.terminate("i-1")
        stub.add_client_error("terminate_instance_in_auto_scaling_group", "ScalingActivityInProgress")
        assert "at it already" in groups.terminate("i-1")
    with Stubber(clients.client("ec2")) as stub:
        stub.add_response("terminate_instances", {}, {"InstanceIds": ["i-1"], "SkipOsShutdown": True})
        instances.terminate("i-1", force=False)
        stub.add_response("terminate_instances", {}, {"InstanceIds": ["i-1"], "SkipOsShutdown": True, "Force": True})
        instances.terminate("i-1", force=True)
        stub.add_client_error("terminate_instances", "InvalidInstanceID.NotFound")
        assert "not know" in instances.terminate("i-1", force=False)


def test_when_ec2_says_when_it_ended_that_is_kept(cloud: Any) -> None:
    (node,) = cloud.members()
    assert instances.describe([node])[node].changed_ms is None
    assert instances.owner(node) == ("demo", "counter")

    row = cloud.client("ec2").describe_instances(InstanceIds=[node])["Reservations"][0]["Instances"][0]
    ended = instances._machine({**row, "StateTransitionReason": "User initiated (2026-11-21 09:00:00 GMT)"})
    assert ended.changed_ms == 1_795_251_600_000


def test_instances_that_ec2_does_not_know_are_simply_absent(cloud: Any) -> None:
    (node,) = cloud.members()

    assert list(instances.describe([node, "i-0123456789abcdef0"])) == [node]
    assert instances.describe([]) == {}
    assert instances.owner("i-0123456789abcdef0") is None


def test_six_messages_go_in_one_call_and_a_refused_one_is_an_error() -> None:
    with Stubber(clients.client("sqs")) as stub:
        entries = [{"Id": str(n), "MessageBody": f'{{"n":{n}}}', "DelaySeconds": n} for n in range(2)]
        failed = [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]
        stub.add_response("send_message_batch", {"Successful": [], "Failed": failed}, {"QueueUrl": "https://q", "Entries": entries})
        with pytest.raises(WorldFailed, match="InternalError"):
            queues.send_all("https://q", [({"n": 0}, 0), ({"n": 1}, 1)])


def test_messages_go_in_as_few_calls_as_aws_takes_them() -> None:
    """Ten in a call, and a quarter of a MiB: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html"""
    small, large = [({"n": n}, 0) for n in range(12)], [({"n": "x" * 100_000}, 10)] * 5
    with Stubber(clients.client("sqs")) as stub:
        for first, last in ((0, 10), (10, 12)):
            entries = [{"Id": str(n - first), "MessageBody": f'{{"n":{n}}}', "DelaySeconds": 0} for n in range(first, last)]
            stub.add_response("send_message_batch", {"Successful": [], "Failed": []}, {"QueueUrl": "https://q", "Entries": entries})
        queues.send_all("https://q", small)
        for many in (2, 2, 1):
            body = '{"n":"' + "x" * 100_000 + '"}'
            entries = [{"Id": str(n), "MessageBody": body, "DelaySeconds": 10} for n in range(many)]
            stub.add_response("send_message_batch", {"Successful": [], "Failed": []}, {"QueueUrl": "https://q", "Entries": entries})
        queues.send_all("https://q", large)
        stub.assert_no_pending_responses()


def test_a_front_counts_only_when_every_port_accepts(free_port: int) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def front(*ports: int) -> environment.FrontAddress:
            return environment.FrontAddress(allocation_id="a", address="127.0.0.1", ports=ports)

        assert fronts.accepts(front(port))
        assert not fronts.accepts(front(port, free_port))


@pytest.mark.parametrize(
    ("fronts_text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"counter": 1}', "counter is 1"),
        ('{"counter": {"kind": "pigeon"}}', "'pigeon'"),
        ('{"counter": {"kind": "nlb", "address": "a", "ports": [1]}}', "groups"),
        ('{"counter": {"kind": "elastic_ip"}}', "allocation_id"),
        ("", "UNDERSTUDY_FRONTS is missing"),
    ],
)
def test_a_bad_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch, fronts_text: str, complaint: str) -> None:
    monkeypatch.setenv("UNDERSTUDY_FRONTS", fronts_text)
    environment._fronts.cache_clear()

    with pytest.raises(environment.BadEnvironment, match=complaint):
        environment.front_of("counter")


PLACE = StackPlace(stack="arn:aws:cloudformation:us-east-1:123456789012:stack/understudy-demo/x", logical_id="CounterGroup")


def test_a_signal_names_the_stack_by_its_id_and_the_instance() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html"""
    with Stubber(clients.client("cloudformation")) as aws:
        sent = {"StackName": PLACE.stack, "LogicalResourceId": "CounterGroup", "UniqueId": "i-1", "Status": "SUCCESS"}
        aws.add_response("signal_resource", {}, sent)

        assert signal(PLACE, "i-1", Word.SUCCESS) == "a deploy was told SUCCESS"


def test_that_no_deploy_waits_is_no_error_and_anything_else_is() -> None:
    """github.com/aws-cloudformation/aws-cloudformation-templates/issues/34"""
    with Stubber(clients.client("cloudformation")) as aws:
        aws.add_client_error("signal_resource", "ValidationError", "Stack x is in CREATE_COMPLETE state and cannot be signaled")
        told = signal(PLACE, "i-1", Word.SUCCESS)
        assert told.startswith("no deploy heard SUCCESS: ")
        assert "Stack x is in CREATE_COMPLETE state and cannot be signaled" in told

        aws.add_client_error("signal_resource", "AccessDenied", "no")
        with pytest.raises(WorldFailed, match="AccessDenied"):
            signal(PLACE, "i-1", Word.SUCCESS)


def test_a_group_is_told_by_its_stack_and_its_members_by_the_version_that_it_launches_now() -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AutoScalingGroup.html"""
    now, before = {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": "2"}, {"LaunchTemplateId": "lt-0123456789abcdef0", "Version": "1"}
    members = [
        {
            "InstanceId": instance, "AvailabilityZone": "us-east-1a", "LifecycleState": "InService", "HealthStatus": "Healthy",
            "ProtectedFromScaleIn": False, "LaunchTemplate": template,
        }
        for instance, template in (("i-1", before), ("i-2", now))
    ]  # fmt: skip
    place = {"aws:cloudformation:stack-id": PLACE.stack, "aws:cloudformation:logical-id": PLACE.logical_id}
    row: dict[str, Any] = {
        "AutoScalingGroupName": "g", "MinSize": 1, "MaxSize": 1, "DesiredCapacity": 1, "DefaultCooldown": 300, "HealthCheckType": "EC2",
        "AvailabilityZones": ["us-east-1a"], "CreatedTime": datetime(2026, 11, 21, tzinfo=UTC), "Instances": members,
        "Tags": [{"Key": key, "Value": value} for key, value in place.items()],
    }  # fmt: skip
    mixed = {"MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": now}}}
    for launches in ({"LaunchTemplate": now}, mixed):
        with Stubber(clients.client("autoscaling")) as aws:
            aws.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [{**row, **launches}]})
            group = find("demo", "counter")

        assert group is not None
        assert group.stack == PLACE
        assert {member.instance: member.current for member in group.members.values()} == {"i-1": False, "i-2": True}
