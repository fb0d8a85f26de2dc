"""Names in the lab: a change takes its time, a resolver answers inside its network alone, and a client keeps what it was told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.route53.responses import Route53

from lab import dns_wire as wire
from lab.clock import Clock
from lab.conformance import check
from lab.delays import Delay, Delays
from lab.dns import patches
from lab.dns.existing import make_existing
from lab.dns.resolver import Resolvers
from lab.dns.zones import Zones
from lab.drills import lookup
from lab.drills.cloud import Instance
from lab.drills.lookup import Lookup, NotFound, is_name
from lab.drills.watch import ask_front
from lab.journal import Journal
from lab.world import World
from tests.lab.emulator_process import Emulator, emulator

NAME = "counter.inside.internal"
CIDR = "10.77.0.0/16"


class TestMessages:
    """RFC 1035, section 4."""

    def test_a_question_is_read_as_it_was_asked_in_small_letters(self) -> None:
        question = wire.read_question(wire.ask(7, "Counter.Inside.internal"))

        assert (question.id, question.name, question.asks_for_address) == (7, NAME, True)

    def test_an_answer_is_read_as_it_was_given(self) -> None:
        question = wire.read_question(wire.ask(7, NAME))

        given = wire.answer(question, ttl_s=10, addresses=("10.77.0.5", "10.77.0.6"))
        assert wire.read_answer(given, 7) == (wire.NOERROR, 10, ("10.77.0.5", "10.77.0.6"))
        assert wire.read_answer(wire.answer(question, code=wire.NXDOMAIN), 7) == (wire.NXDOMAIN, 0, ())

    def test_the_systems_own_resolver_would_understand_it(self) -> None:
        """The bytes of RFC 1035, 4.1.1 and 4.1.3, by hand: the name is a pointer to the question's."""
        question = wire.read_question(wire.ask(0x0102, "a.b"))

        asked = b"\x01a\x01b\x00\x00\x01\x00\x01"
        said = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x0a\x00\x04\x0a\x4d\x00\x05"
        assert wire.answer(question, ttl_s=10, addresses=("10.77.0.5",)) == b"\x01\x02\x85\x80\0\1\0\1\0\0\0\0" + asked + said

    @pytest.mark.parametrize("cut", range(0, 40, 3))
    def test_what_is_cut_short_or_another_querys_is_refused(self, cut: int) -> None:
        asked = wire.ask(7, NAME)
        given = wire.answer(wire.read_question(asked), ttl_s=10, addresses=("10.77.0.5",))

        with pytest.raises(ValueError, match=r"cut short|no query"):
            wire.read_question(asked[:cut])
        with pytest.raises(ValueError, match=r"cut short|another query"):
            wire.read_answer(given[:cut], 7)
        with pytest.raises(ValueError, match="another query"):
            wire.read_answer(given, 8)


class SteppedClock(Clock):
    """What is for later happens when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[float, Any]] = []

    def later(self, seconds: float, act: Any) -> Any:
        self.waiting.append((seconds, act))

    def arrive(self) -> None:
        self.waiting.pop(0)[1]()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(lab_dir=tmp_path, clock=SteppedClock(), journal=Journal(tmp_path / "journal.jsonl"), delays=Delays())


@pytest.fixture
def zones(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zones]:
    """moto in this process, with the lab's patches while the test runs."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("change_resource_record_sets", "get_change"):
        monkeypatch.setattr(Route53, name, getattr(Route53, name))  # put back afterwards
    made = Zones(world)
    with mock_aws():
        patches.patch(made)
        yield made


class Aws:
    """A private zone in a VPC, and what is written to it."""

    def __init__(self) -> None:
        ec2 = boto3.client("ec2", region_name="us-east-1")
        self.route53 = boto3.client("route53", region_name="us-east-1")
        vpc = ec2.create_vpc(CidrBlock=CIDR)["Vpc"]["VpcId"]
        self.zone = self.private(NAME, vpc)

    def private(self, name: str, vpc: str) -> str:
        made = self.route53.create_hosted_zone(
            Name=name,
            CallerReference=name,
            HostedZoneConfig={"PrivateZone": True, "Comment": ""},
            VPC={"VPCId": vpc, "VPCRegion": "us-east-1"},
        )
        return str(made["HostedZone"]["Id"])

    def point(self, address: str, ttl_s: int = 10) -> str:
        record = {"Name": NAME, "Type": "A", "TTL": ttl_s, "ResourceRecords": [{"Value": address}]}
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        return str(self.route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)["ChangeInfo"]["Id"])

    def status(self, change: str) -> str:
        return str(self.route53.get_change(Id=change)["ChangeInfo"]["Status"])

    def written(self) -> list[str]:
        found = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return [value["Value"] for record in found if record["Type"] == "A" for value in record["ResourceRecords"]]


class TestAChange:
    def test_it_is_pending_and_read_back_at_once_but_looked_up_only_when_it_has_arrived(self, zones: Zones, world: World) -> None:
        """https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html ("Change Propagation") and
        API_ListResourceRecordSets.html ("Resource record sets that are PENDING")."""
        aws = Aws()
        change = aws.point("10.77.0.5")

        assert (aws.status(change), aws.written(), zones.look_up(NAME, vpc_cidr=CIDR)) == ("PENDING", ["10.77.0.5"], None)
        world.clock.arrive()  # type: ignore[attr-defined]
        found = zones.look_up(NAME.upper() + ".", vpc_cidr=CIDR)
        assert found is not None
        assert (aws.status(change), found.ttl_s, found.addresses) == ("INSYNC", 10, ("10.77.0.5",))

    def test_an_older_one_that_arrives_late_changes_nothing(self, zones: Zones, world: World) -> None:
        aws = Aws()
        aws.point("10.77.0.5")
        aws.point("10.77.0.6")
        clock: Any = world.clock
        clock.waiting.reverse()
        clock.arrive()
        clock.arrive()

        found = zones.look_up(NAME, vpc_cidr=CIDR)
        assert found is not None
        assert found.addresses == ("10.77.0.6",)

    def test_a_change_that_there_was_not_is_said_to_be_none(self, zones: Zones) -> None:
        """https://docs.aws.amazon.com/Route53/latest/APIReference/API_GetChange.html#API_GetChange_Errors"""
        aws = Aws()

        with pytest.raises(aws.route53.exceptions.NoSuchChange):
            aws.status("C0NEVER")

    def test_a_zone_answers_in_its_own_network_alone(self, zones: Zones, world: World) -> None:
        """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zones-private.html"""
        Aws().point("10.77.0.5")
        world.clock.arrive()  # type: ignore[attr-defined]

        assert zones.look_up(NAME, vpc_cidr="10.78.0.0/16") is None
        assert zones.look_up(f"other.{NAME}", vpc_cidr=CIDR) is None
        assert zones.look_up("counter", vpc_cidr=CIDR) is None

    def test_a_public_zone_that_was_there_before_is_looked_up_everywhere_unless_a_private_one_hides_it(
        self, zones: Zones, world: World
    ) -> None:
        """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html"""
        make_existing("Z0123ABC=example.com")
        aws = Aws()
        record = {"Name": "shop.example.com", "Type": "A", "TTL": 10, "ResourceRecords": [{"Value": "198.51.100.7"}]}
        aws.route53.change_resource_record_sets(
            HostedZoneId="Z0123ABC", ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        )
        world.clock.arrive()  # type: ignore[attr-defined]

        for vpc in (CIDR, "10.78.0.0/16"):
            found = zones.look_up("shop.example.com", vpc_cidr=vpc)
            assert found is not None
            assert found.addresses == ("198.51.100.7",)
        ec2 = boto3.client("ec2", region_name="us-east-1")
        aws.private("example.com", ec2.create_vpc(CidrBlock="10.79.0.0/16")["Vpc"]["VpcId"])
        assert zones.look_up("shop.example.com", vpc_cidr="10.79.0.0/16") is None
        with pytest.raises(ValueError, match="expected ID=DOMAIN"):
            make_existing("example.com")

    def test_it_takes_as_long_as_aws_says(self) -> None:
        assert 0 < Delays()["record_change"].seconds <= 60

    def test_the_resolver_says_what_the_zone_says(self, zones: Zones, world: World) -> None:
        resolvers = Resolvers(world, zones)
        assert wire.read_answer(resolvers.reply(wire.ask(3, NAME), CIDR), 3) == (wire.NXDOMAIN, 0, ())

        Aws().point("10.77.0.5", ttl_s=2)
        world.clock.arrive()  # type: ignore[attr-defined]

        assert wire.read_answer(resolvers.reply(wire.ask(3, NAME), CIDR), 3) == (wire.NOERROR, 2, ("10.77.0.5",))


def test_the_record_of_a_public_zone_is_held_by_who_has_its_public_address() -> None:
    node = Instance("i-1", "running", "10.77.0.5", "InService", "198.51.100.7")

    assert (node.at(private=True), node.at(private=False)) == ("10.77.0.5", "198.51.100.7")


class TestTheClient:
    def test_it_keeps_an_answer_for_its_ttl_and_no_longer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """RFC 1035, 7.4."""
        now, asked = [100.0], []
        answers = iter([("10.77.0.5", 10), ("10.77.0.6", 10)])

        def ask(name: str, resolver: str) -> tuple[str, int]:
            asked.append((name, resolver))
            return next(answers)

        monkeypatch.setattr(lookup, "_ask", ask)
        monkeypatch.setattr(lookup.time, "monotonic", lambda: now[0])
        found = Lookup(NAME, "10.77.0.2")

        assert [found.address() for now[0] in (100.0, 105.0, 109.9)] == ["10.77.0.5"] * 3
        now[0] = 110.0
        assert found.address() == "10.77.0.6"
        assert asked == [(NAME, "10.77.0.2")] * 2

    def test_a_name_that_cannot_be_found_is_a_bad_sample_and_is_asked_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def nobody(_name: str, _resolver: str) -> tuple[str, int]:
            raise NotFound("no")

        monkeypatch.setattr(lookup, "_ask", nobody)

        assert not ask_front(Lookup(NAME, "10.77.0.2").address, 80).ok

    def test_it_asks_over_udp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            monkeypatch.setattr(lookup, "_PORT", server.getsockname()[1])

            def serve() -> None:
                for addresses in (("10.77.0.5",), ()):
                    message, asker = server.recvfrom(512)
                    server.sendto(wire.answer(wire.read_question(message), ttl_s=0, addresses=addresses), asker)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            found = Lookup(NAME, "127.0.0.1")

            assert found.address() == "10.77.0.5"
            with pytest.raises(NotFound, match="says that there is no"):
                found.address()
            thread.join(5)

    def test_an_address_is_not_looked_up(self) -> None:
        assert [is_name(front) for front in ("198.51.100.7", NAME, "")] == [False, True, False]


def test_what_the_lab_replaces_is_there_and_is_still_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto 5.2.5: every change has one and the same id."""
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setattr(Route53, "change_resource_record_sets", patches.MOTO_CHANGE)
    with mock_aws():
        plain = Aws()
        changes = {plain.point("10.77.0.5"), plain.point("10.77.0.6")}

    assert len(changes) == 1


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab"), engines="dns") as running:
        yield running


VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.20.0.0/16"}}
ZONE = {
    "Type": "AWS::Route53::HostedZone",
    "DeletionPolicy": "Retain",
    "Properties": {
        "Name": NAME,
        "VPCs": [{"VPCId": {"Ref": "Vpc"}, "VPCRegion": {"Ref": "AWS::Region"}}],
        "HostedZoneConfig": {"Comment": "ours"},
        "HostedZoneTags": [{"Key": "understudy:deployable", "Value": "inside"}],
    },
}


def test_a_private_zone_deploys_reads_back_and_is_found_missing(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-hostedzone.html"""
    template = {"Resources": {"Vpc": VPC, "Zone": ZONE}, "Outputs": {"Zone": {"Value": {"Fn::GetAtt": ["Zone", "Id"]}}}}
    assert aws.create("zoned", template) == ("CREATE_COMPLETE", "")
    assert [str(problem) for problem in check("zoned", template, endpoint=aws.endpoint)] == []
    zone = aws.physical("zoned", "Zone")
    [output] = aws.api("cloudformation").describe_stacks(StackName="zoned")["Stacks"][0]["Outputs"]
    assert output["OutputValue"] == zone

    wrong = {"Resources": {"Vpc": VPC, "Zone": {**ZONE, "Properties": {**ZONE["Properties"], "Name": "x.internal"}}}}  # type: ignore[dict-item]
    assert ["Name" in str(problem) for problem in check("zoned", wrong, endpoint=aws.endpoint)] == [True]
    aws.api("route53").delete_hosted_zone(Id=zone)
    assert "Zone (AWS::Route53::HostedZone)" in str(check("zoned", template, endpoint=aws.endpoint)[0])


def test_the_delay_has_its_source() -> None:
    delay = Delays()["record_change"]

    assert isinstance(delay, Delay)
    assert "API_ChangeResourceRecordSets" in delay.source
