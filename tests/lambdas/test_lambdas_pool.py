"""A group's warm pool against moto: hooks answered, former versions ended, nobody permitted, and what is said of it read from AWS."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from core.lifecycle.admission import BOOT_S
from core.records import Phase
from lambdas import admit_node, recover_assembly, retire_node, tick
from lambdas.adapters import clients, groups, table

find = groups.find  # before the `cloud` fixture takes its place
TEMPLATE = "lt-0123456789abcdef0"


def served(cloud: Any, lifecycle: str = "Warmed:Stopped", *, former: bool = False) -> tuple[str, str]:
    """One node serves, and another instance is in the pool: both, by name."""
    (node,) = cloud.members()
    tags = [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in cloud.tags.items()]}]
    (row,) = cloud.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, TagSpecifications=tags)["Instances"]
    cloud.pool = {row["InstanceId"]: (lifecycle, not former)}
    cloud.now_ms = int(row["LaunchTime"].timestamp() * 1000) + 10_000
    cloud.permit(node)
    cloud.report(node)
    return node, row["InstanceId"]


def admit(cloud: Any, instance: str) -> Any:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html"""
    event = cloud.event("instance_launch_hook", instance)
    event["detail"] |= {"Origin": "EC2", "Destination": "WarmPool"}
    return admit_node.handler(event, cloud.context())


def test_an_instance_that_enters_the_pool_is_let_go_on_when_it_is_laid_out_and_gets_nothing(cloud: Any) -> None:
    _, spare = served(cloud, "Warmed:Pending:Wait")
    before = table.permit("demo", "counter")
    cloud.while_asleep = lambda: cloud.report(spare, epoch=0, phase=Phase.PREPARED)

    did = admit(cloud, spare)

    assert "laid out" in did["did"]
    assert cloud.hooks == [("admit", spare, "CONTINUE")]
    assert table.permit("demo", "counter") == before
    assert not cloud.signals
    assert cloud.asked == [], "neither looked at nor given the front"


def test_one_that_is_never_laid_out_is_abandoned_and_why_is_kept(cloud: Any) -> None:
    _, spare = served(cloud, "Warmed:Pending:Wait")
    cloud.now_ms += int(BOOT_S * 1000)

    admit(cloud, spare)

    assert cloud.hooks == [("admit", spare, "ABANDON")]
    assert cloud.evidence()


def test_one_that_ends_in_the_pool_is_let_go(cloud: Any) -> None:
    _, spare = served(cloud, "Warmed:Terminating:Wait")
    event = cloud.event("instance_terminate_hook", spare)
    event["detail"] |= {"Origin": "WarmPool", "Destination": "EC2"}

    retire_node.handler(event, cloud.context())

    assert cloud.hooks == [("retire", spare, "CONTINUE")]


def test_tick_finds_a_hook_in_the_pool_whose_event_was_lost(cloud: Any) -> None:
    _, spare = served(cloud, "Warmed:Pending:Wait")

    tick.handler(cloud.event("schedule"), cloud.context())

    named = {"deployable": "demo", "assembly": "counter"}
    assert ("admit", {"assembly": named, "instance": spare, "group": "counter-group"}) in cloud.woken


def test_what_lies_in_the_pool_of_a_former_version_is_ended_once_and_no_incident_is_opened(cloud: Any) -> None:
    node, spare = served(cloud, former=True)
    tick.handler(cloud.event("schedule"), cloud.context())
    [(_, wake)] = [(who, payload) for who, payload in cloud.woken if who == "recover"]

    recover_assembly.handler(wake, cloud.context())

    assert (cloud.state(spare), cloud.state(node)) == ("terminated", "running")
    assert cloud.incident() is None


@pytest.mark.parametrize("event", ["instance_terminated"])
def test_an_instance_of_the_pool_that_stops_is_no_failure(cloud: Any, event: str) -> None:
    node, spare = served(cloud)
    cloud.client("ec2").stop_instances(InstanceIds=[spare])

    recover_assembly.handler(cloud.event(event, spare), cloud.context())

    assert cloud.incident() is None
    assert cloud.state(node) == "running"


def test_the_pools_instances_are_read_where_there_is_one_each_with_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeWarmPool.html"""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    now, before = ({"LaunchTemplateId": TEMPLATE, "Version": version} for version in ("2", "1"))
    kept = {
        "AvailabilityZone": "us-east-1a", "LifecycleState": "Warmed:Stopped", "HealthStatus": "Healthy", "ProtectedFromScaleIn": False,
    }  # fmt: skip
    row: dict[str, Any] = {
        "AutoScalingGroupName": "g", "MinSize": 1, "MaxSize": 1, "DesiredCapacity": 1, "DefaultCooldown": 300, "HealthCheckType": "EC2",
        "AvailabilityZones": ["us-east-1a"], "CreatedTime": datetime(2026, 11, 21, tzinfo=UTC), "Instances": [], "LaunchTemplate": now,
    }  # fmt: skip
    instances = [{"InstanceId": "i-1", **kept, "LaunchTemplate": before}, {"InstanceId": "i-2", **kept, "LaunchTemplate": now}]
    with Stubber(clients.client("autoscaling")) as aws:
        aws.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [row]})
        plain = find("demo", "counter")
        aws.add_response("describe_auto_scaling_groups", {"AutoScalingGroups": [{**row, "WarmPoolConfiguration": {"MinSize": 1}}]})
        aws.add_response("describe_warm_pool", {"Instances": instances}, {"AutoScalingGroupName": "g"})
        pooled = find("demo", "counter")

    assert plain is not None
    assert pooled is not None
    assert plain.pool is None
    assert pooled.pool is not None
    assert {name: member.current for name, member in pooled.pool.items()} == {"i-1": False, "i-2": True}
    assert pooled.members == {}, "none of them is a member"
