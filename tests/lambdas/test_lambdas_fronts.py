"""One contract for every kind of front, kept by each on moto's AWS; then what is each one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from core import names
from lambdas import move_front
from lambdas.adapters import balancers, clients, dns, environment, fronts, interface, trying
from lambdas.adapters.instances import NotYet
from tests.lambdas.conftest import A, D

NAME = "counter.demo.internal"
MOVE = {"assembly": {"deployable": D, "assembly": A}}


def launched(cloud: Any) -> str:
    """Another node of the assembly."""
    tags = [{"Key": names.TAG_DEPLOYABLE, "Value": D}, {"Key": names.TAG_ASSEMBLY, "Value": A}]
    specification = [{"ResourceType": "instance", "Tags": tags}]
    made = cloud.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, TagSpecifications=specification)
    return str(made["Instances"][0]["InstanceId"])


def address_of(cloud: Any, instance: str) -> str:
    (row,) = cloud.client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
    return str(row["Instances"][0]["PrivateIpAddress"])


def told(monkeypatch: pytest.MonkeyPatch, **entry: Any) -> None:
    monkeypatch.setenv(names.ENV_FRONTS, json.dumps({A: entry}))
    environment._fronts.cache_clear()


@pytest.fixture
def zone(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The assembly's front is a name in this zone from here on."""
    vpc = {"VPCId": "vpc-1", "VPCRegion": "us-east-1"}
    made = cloud.client("route53").create_hosted_zone(
        Name=NAME, CallerReference="x", HostedZoneConfig={"PrivateZone": True, "Comment": ""}, VPC=vpc
    )
    zone = str(made["HostedZone"]["Id"].rsplit("/", 1)[-1])
    told(monkeypatch, kind="dns", name=NAME, zone=zone, ttl=10, ports=[8080])
    dns._on_their_way.clear()
    return zone


@pytest.fixture
def eni(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The assembly's front is this network interface from here on."""
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    made = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    told(monkeypatch, kind="network_interface", interface=made["NetworkInterfaceId"], address=made["PrivateIpAddress"], ports=[8080])
    return str(made["NetworkInterfaceId"])


@pytest.fixture(params=["elastic_ip", "dns", "network_interface", "balancer"])
def front(request: pytest.FixtureRequest, cloud: Any) -> fronts.Front:
    needs = {"dns": "zone", "network_interface": "eni", "balancer": "target_groups"}
    if request.param in needs:
        request.getfixturevalue(needs[request.param])
    found = fronts.front_of(D, A)
    assert found is not None
    return found


class TestEveryFront:
    def test_nobody_holds_it_at_first(self, front: fronts.Front) -> None:
        assert front.who_holds() is None

    def test_whoever_it_was_attached_to_last_holds_it(self, front: fronts.Front, cloud: Any) -> None:
        (old,), new = cloud.members(), launched(cloud)

        front.attach(old)
        assert front.who_holds() == old
        front.attach(new)
        assert front.who_holds() == new

    def test_attaching_it_again_changes_nothing(self, front: fronts.Front, cloud: Any) -> None:
        (node,) = cloud.members()

        front.attach(node)
        front.attach(node)

        assert front.who_holds() == node

    def test_an_instance_that_ec2_does_not_know_cannot_hold_it_yet(self, front: fronts.Front, cloud: Any) -> None:
        (node,) = cloud.members()
        front.attach(node)

        with pytest.raises(NotYet):
            front.attach("i-0123456789abcdef0")
        assert front.who_holds() == node

    def test_a_terminated_instance_holds_it_no_longer_once_another_one_does(self, front: fronts.Front, cloud: Any) -> None:
        (old,), new = cloud.members(), launched(cloud)
        front.attach(old)
        cloud.client("ec2").terminate_instances(InstanceIds=[old])

        front.attach(new)

        assert front.who_holds() == new

    def test_clients_get_through_or_aws_says_that_it_is_there(self, front: fronts.Front, cloud: Any) -> None:
        (node,) = cloud.members()
        front.attach(node)

        assert front.verify(5.0) in (True, None)

    def test_a_refusal_of_aws_is_an_error(self, front: fronts.Front, monkeypatch: pytest.MonkeyPatch) -> None:
        def refused(*_: object, **__: object) -> Any:
            raise clients.WorldFailed("x", "AccessDenied", "no")

        monkeypatch.setattr(fronts, "client", refused)
        monkeypatch.setattr(dns, "client", refused)
        monkeypatch.setattr(interface, "client", refused)
        monkeypatch.setattr(balancers, "client", refused)

        with pytest.raises(clients.WorldFailed):
            front.who_holds()


def records(cloud: Any, zone: str) -> list[dict[str, Any]]:
    found = cloud.client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return [record for record in found if record["Type"] == "A"]


class TestAName:
    def test_it_is_one_record_with_the_files_ttl_and_the_nodes_private_address(self, cloud: Any, zone: str) -> None:
        (node,) = cloud.members()
        cloud.permit(node)

        assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": None, "moved": True}

        [record] = records(cloud, zone)
        assert (record["Name"], record["TTL"]) == (f"{NAME}.", 10)
        assert record["ResourceRecords"] == [{"Value": address_of(cloud, node)}]

    def test_it_is_written_on_difference_only(self, cloud: Any, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
        (node,) = cloud.members()
        cloud.permit(node)
        move_front.handler(MOVE, cloud.context())
        monkeypatch.setattr(clients.client("route53"), "change_resource_record_sets", None)

        assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": None, "moved": False}

    @pytest.mark.parametrize(("ttl", "value"), [(11, "own"), (10, "192.0.2.1")])
    def test_a_record_that_is_not_as_it_should_be_is_written_anew(self, cloud: Any, zone: str, ttl: int, value: str) -> None:
        (node,) = cloud.members()
        cloud.permit(node)
        record = {
            "Name": NAME,
            "Type": "A",
            "TTL": ttl,
            "ResourceRecords": [{"Value": address_of(cloud, node) if value == "own" else value}],
        }
        changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
        cloud.client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

        assert move_front.handler(MOVE, cloud.context())["moved"]

        [found] = records(cloud, zone)
        assert (found["TTL"], found["ResourceRecords"]) == (10, [{"Value": address_of(cloud, node)}])

    def test_the_address_of_a_terminated_node_is_its_successors(self, cloud: Any, zone: str) -> None:
        """A subnet gives an address again as soon as it is free; whoever had it before may still be described with it."""
        (old,), front = cloud.members(), fronts.front_of(D, A)
        assert front is not None
        front.attach(old)
        cloud.client("ec2").terminate_instances(InstanceIds=[old])

        assert front.who_holds() is None

    def test_another_assemblys_node_at_the_address_does_not_hold_it(self, cloud: Any, zone: str) -> None:
        stranger = cloud.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        front = fronts.front_of(D, A)
        assert front is not None

        front.attach(stranger)

        assert front.who_holds() is None

    def test_in_a_public_zone_it_holds_the_nodes_public_address_which_is_tried(self, cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        made = cloud.client("route53").create_hosted_zone(Name="example.com", CallerReference="y")["HostedZone"]["Id"]
        told(monkeypatch, kind="dns", name="shop.example.com", zone=made.rsplit("/", 1)[-1], ttl=10, ports=[8080], public=True)
        dns._on_their_way.clear()
        (node,) = cloud.members()
        cloud.permit(node)
        (row,) = cloud.client("ec2").describe_instances(InstanceIds=[node])["Reservations"]
        public = row["Instances"][0]["PublicIpAddress"]
        answers = iter([False, True, True])
        asked: list[str] = []

        def accepts(address: str, ports: tuple[int, ...]) -> bool:
            asked.append(f"{address}:{ports}")
            return next(answers)

        monkeypatch.setattr(trying, "accepts", accepts)

        assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": True, "moved": True}
        assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": True, "moved": False}

        [record] = records(cloud, made)
        assert record["ResourceRecords"] == [{"Value": public}]
        assert public != address_of(cloud, node)
        assert asked == [f"{public}:(8080,)"] * 3

    def test_in_a_public_zone_a_node_that_does_not_answer_there_is_said_not_to(self, cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        made = cloud.client("route53").create_hosted_zone(Name="example.com", CallerReference="y")["HostedZone"]["Id"]
        told(monkeypatch, kind="dns", name="shop.example.com", zone=made.rsplit("/", 1)[-1], ttl=10, ports=[8080], public=True)
        dns._on_their_way.clear()
        (node,) = cloud.members()
        cloud.permit(node)
        monkeypatch.setattr(trying, "accepts", lambda address, ports: False)

        assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": False, "moved": True}

    def test_while_the_change_is_on_its_way_clients_do_not_get_through(
        self, cloud: Any, zone: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html"""
        (node,) = cloud.members()
        cloud.permit(node)
        said = iter(["PENDING"] * 12 + ["INSYNC"])
        answer: Callable[..., Any] = lambda **_: {"ChangeInfo": {"Status": next(said)}}  # noqa: E731 - a stand-in
        monkeypatch.setattr(clients.client("route53"), "get_change", answer)
        began_ms = cloud.now_ms

        first = move_front.handler(MOVE, cloud.context())
        waited_s = (cloud.now_ms - began_ms) / 1000
        second = move_front.handler(MOVE, cloud.context())

        assert first == {"held_by": node, "tried": False, "moved": True}
        assert waited_s <= move_front.TRY_FOR_S + dns.ASK_EVERY_S
        assert second == {"held_by": node, "tried": None, "moved": False}
        assert move_front.handler(MOVE, cloud.context())["tried"] is None, "there is nothing left to ask for"
