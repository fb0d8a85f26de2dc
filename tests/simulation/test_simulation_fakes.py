"""What the simulation has in AWS's place, and moto's AWS: our own adapters cannot tell one from the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws

from core import names
from core.lifecycle.holding import Held
from core.records import Permit
from core.recovery.budget import Budget, Entry, with_entry
from core.recovery.incident import Cause, Incident, State
from core.recovery.intents import Kind, asked, intent_item
from lambdas.adapters import alarms, clients, environment, evidence, fronts, groups, instances, queues, table, topic
from lambdas.adapters.clients import Lost, WorldFailed
from lambdas.adapters.instances import NotYet
from simulation.table import Item
from simulation.world import World

D, A = "made-up", "a0"


@dataclass
class Aws:
    """One of the two. received: what a queue hands over at once. launched: an instance of the assembly's, in its group, that runs."""

    launched: str
    received: Callable[[str], list[Item]]
    kept: Callable[[str], bytes]
    told: Callable[[], list[str]]


def _made_up() -> Iterator[Aws]:
    world = World(1)
    world.build()
    got: list[tuple[str, Item]] = []
    world.schedule.run(world.schedule.now_ms + 10_000)
    world.schedule.clear()
    world.queues.receive = lambda queue, body, number: got.append((queue, json.loads(body)))

    def received(queue: str) -> list[Item]:
        world.schedule.run(world.schedule.now_ms + 1)
        return [body for where, body in got if where == queue]

    (machine,) = world.machines.all.values()
    yield Aws(machine.id, received, lambda key: world.bucket.objects[key], lambda: [subject for _, subject, _ in world.watch.told])


def _moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    caches: tuple[Any, ...] = (clients.client, environment.fleet, environment._fronts)
    with mock_aws():
        for cached in caches:
            cached.cache_clear()
        yield _furnished(monkeypatch)
    for cached in caches:
        cached.cache_clear()


@cache
def _session() -> boto3.Session:
    """One for all tests: reading the services' models takes most of a second."""
    return boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")


def _furnished(monkeypatch: pytest.MonkeyPatch) -> Aws:
    session = _session()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    ec2, sqs, sns, s3 = (session.client(name) for name in ("ec2", "sqs", "sns", "s3"))
    key = [{"AttributeName": n, "KeyType": k} for n, k in ((names.PK, "HASH"), (names.SK, "RANGE"))]
    kinds = [{"AttributeName": n, "AttributeType": "S"} for n in (names.PK, names.SK)]
    session.client("dynamodb").create_table(TableName="state", KeySchema=key, AttributeDefinitions=kinds, BillingMode="PAY_PER_REQUEST")
    s3.create_bucket(Bucket="bucket")
    arn = sns.create_topic(Name="people")["TopicArn"]
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("tick-queue", "recover-queue", "people")}
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:people")
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.micro"}
    template = ec2.create_launch_template(LaunchTemplateName="t", LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
    scaling = session.client("autoscaling")
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="group-a0", LaunchTemplate={"LaunchTemplateId": template}, MinSize=1, MaxSize=1, DesiredCapacity=1,
        AvailabilityZones=["us-east-1a"],
        Tags=[{"Key": k, "Value": v, "PropagateAtLaunch": True} for k, v in ((names.TAG_DEPLOYABLE, D), (names.TAG_ASSEMBLY, A))],
    )  # fmt: skip
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    front = {"kind": "elastic_ip", "allocation_id": allocation, "address": "192.0.2.1", "ports": [80]}
    for name, value in {
        names.ENV_TABLE: "state", names.ENV_BUCKET: "bucket", names.ENV_TOPIC: arn, names.ENV_TICK_QUEUE: urls["tick-queue"],
        names.ENV_RECOVER_QUEUE: urls["recover-queue"], names.ENV_FRONTS: json.dumps({A: front}),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    def received(queue: str) -> list[Item]:
        got = sqs.receive_message(QueueUrl=urls[queue], MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages", [])
        return [json.loads(message["Body"]) for message in got]

    (member,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"][0]["Instances"]
    kept = lambda wanted: s3.get_object(Bucket="bucket", Key=wanted)["Body"].read()  # noqa: E731
    return Aws(member["InstanceId"], received, kept, lambda: [message["Subject"] for message in received("people")])


# moto's half takes seconds to furnish each time: it runs with the heavy tests.
@pytest.fixture(params=["made up", pytest.param("moto", marks=pytest.mark.heavy)])
def aws(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    yield from _made_up() if request.param == "made up" else _moto(monkeypatch)


def url(name: str) -> str:
    return environment.text(name)


def permit(instance: str, epoch: int) -> Permit:
    return Permit(deployable=D, assembly=A, instance=instance, epoch=epoch, at_ms=1)


def an_incident(revision: int) -> Incident:
    return Incident(
        deployable=D, assembly=A, id="0001-i", revision=revision, instance="i", epoch=1, state=State.SUSPECTED, cause=Cause.NONE,
        reason="why",
        woken_by="tick", failed_ms=1, opened_ms=2, state_ms=2, evidence=("a", "b"),
    )  # fmt: skip


def test_a_permit_is_written_only_over_the_one_that_was_read(aws: Aws) -> None:
    table.put_permit(permit("i-1", 1), None)
    with pytest.raises(Lost):
        table.put_permit(permit("i-2", 1), None)
    with pytest.raises(Lost):
        table.put_permit(permit("i-2", 3), permit("i-1", 2))
    with pytest.raises(Lost):
        table.put_permit(permit("i-2", 2), permit("i-3", 1))
    table.put_permit(permit("i-2", 2), permit("i-1", 1))

    assert table.permit(D, A) == permit("i-2", 2)
    assert table.permit(D, "another") is None


def test_of_two_who_write_an_incident_the_second_has_lost(aws: Aws) -> None:
    table.put_incident(an_incident(1))
    with pytest.raises(Lost):
        table.put_incident(an_incident(1))
    table.put_incident(an_incident(2))
    with pytest.raises(Lost):
        table.put_incident(an_incident(2))
    table.keep_incident(an_incident(2))

    assert table.incident(D, A) == an_incident(2)
    assert [item[names.SK] for item in table.query(names.incident_pk(D, A))] == ["0001-i", "OPEN"]


def test_the_budget_counts_each_once(aws: Aws) -> None:
    one = with_entry(Budget(), Entry(at_ms=1, deployable=D, assembly=A, incident="x", replaced=True))
    table.put_budget(one)
    with pytest.raises(Lost):
        table.put_budget(one)

    assert table.budget() == one


def test_an_operators_word_is_read_as_it_was_written_and_one_that_cannot_be_read_hides_no_other(aws: Aws) -> None:
    said = asked(Kind.PAUSE, A, deployable=D, reason="work", who="ann", now_ms=100_000, for_s=60)
    table.put(intent_item(said))
    table.put({names.PK: names.intent_pk(D), names.SK: "NAP#a0", "version": 1})

    assert table.intents(D) == [said]
    assert table.intents("another") == []


def test_a_groups_processes_are_suspended_and_resumed_by_name(aws: Aws) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SuspendProcesses.html"""
    groups.suspend("group-a0", ["HealthCheck", "Launch"])
    found = groups.find(D, A)
    assert found is not None
    assert found.suspended == ("HealthCheck", "Launch")

    groups.resume("group-a0", ["Launch"])
    groups.resume("group-a0", [])
    found = groups.find(D, A)
    assert found is not None
    assert found.suspended == ("HealthCheck",)


def test_what_is_held_is_recorded_on_condition(aws: Aws) -> None:
    table.put_held(Held(revision=1, processes=("Launch",), reason="x"), D, A)
    with pytest.raises(Lost):
        table.put_held(Held(revision=1), D, A)
    table.put_held(Held(revision=2), D, A)

    assert table.held(D, A) == Held(revision=2)
    assert table.held(D, "another") == Held()


def test_a_group_is_found_by_its_tags_with_its_members(aws: Aws) -> None:
    group = groups.find(D, A)

    assert group is not None
    assert (group.name, group.wanted, list(group.members)) == ("group-a0", 1, [aws.launched])
    assert group.members[aws.launched].healthy
    assert groups.find(D, "another") is None


def test_an_instance_is_described_until_it_is_terminated_and_longer(aws: Aws) -> None:
    before = instances.describe([aws.launched, "i-00000000000000bad"])
    assert set(before) == {aws.launched}
    assert before[aws.launched].state == "running"
    assert before[aws.launched].address
    assert instances.owner(aws.launched) == (D, A)
    assert instances.at_address(D, A, before[aws.launched].address) == aws.launched

    assert instances.terminate(aws.launched, force=False) == "terminated without OS shutdown"
    assert instances.describe([aws.launched])[aws.launched].state in ("shutting-down", "terminated")
    assert instances.terminate("i-00000000000000bad", force=True) == "EC2 does not know it any more"


def test_a_group_terminates_its_own(aws: Aws) -> None:
    assert "terminates and replaces it" in groups.terminate(aws.launched)


def test_an_address_moves_to_a_running_instance_alone(aws: Aws) -> None:
    front = fronts.front_of(D, A)
    assert front is not None
    assert front.who_holds() is None

    front.attach(aws.launched)
    assert front.who_holds() == aws.launched

    instances.terminate(aws.launched, force=False)
    with pytest.raises(NotYet):
        front.attach("i-00000000000000bad")


def test_evidence_lies_under_its_key(aws: Aws) -> None:
    key = evidence.keep(D, A, aws.launched, "x.json", {"a": 1})

    assert json.loads(aws.kept(key)) == {"a": 1}


def test_messages_are_handed_over_after_their_delay(aws: Aws) -> None:
    queues.send_all(url(names.ENV_TICK_QUEUE), [({"n": 1}, 0), ({"n": 2}, 600)])
    queues.send(url(names.ENV_RECOVER_QUEUE), {"n": 3}, delay_s=0)

    assert aws.received("tick-queue") == [{"n": 1}]
    assert aws.received("recover-queue") == [{"n": 3}]
    with pytest.raises(WorldFailed):
        queues.send(url(names.ENV_RECOVER_QUEUE), {"n": 4}, delay_s=901)


def test_people_hear_what_is_published(aws: Aws) -> None:
    topic.publish("a subject", "a text")

    assert aws.told() == ["a subject"] or "a subject" in str(aws.told())


def test_no_alarm_rings_that_there_is_not(aws: Aws) -> None:
    assert alarms.rings(D, "another") is False
