"""Load balancers in the lab: targets that take AWS's time, health that is really asked for, and connections really passed on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.acm.models import CertBundle

from lab.balancers import patches
from lab.balancers.checks import ask
from lab.balancers.proxy import Proxy
from lab.balancers.targets import CHECKING, HEALTHY, INITIAL, UNHEALTHY, Check, Pool, Target
from lab.conformance import check
from lab.delays import Delays
from lab.drills import balanced
from tests.lab.emulator_process import Emulator, emulator

CHECK = Check(protocol="HTTP", port=0, path="/readyz", every_s=0.05, timeout_s=0.5, healthy=2, unhealthy=2)
RAW = {"protocol": "HTTP", "port": 0, "path": "/readyz", "every_s": 0.05, "timeout_s": 0.5, "healthy": 2, "unhealthy": 2, "codes": "200"}


class TestATarget:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""

    def test_a_new_one_is_healthy_after_one_good_answer_and_one_that_was_not_after_as_many_as_said(self) -> None:
        target = Target("i-1", "127.0.0.1", 80)
        assert (target.state, target.reason) == (INITIAL, CHECKING)

        assert target.checked(CHECK, "")
        assert (target.state, target.reason) == (HEALTHY, "")
        assert [target.checked(CHECK, "Target.Timeout") for _ in range(2)] == [False, True]
        assert (target.state, target.reason) == (UNHEALTHY, "Target.Timeout")
        assert [target.checked(CHECK, "") for _ in range(2)] == [False, True]
        assert target.state == HEALTHY

    def test_one_that_never_answered_is_unhealthy_in_the_end(self) -> None:
        target = Target("i-1", "127.0.0.1", 80)

        assert [target.checked(CHECK, "Target.Timeout") for _ in range(2)] == [False, True]

    def test_with_every_target_unhealthy_it_fails_open_and_else_sends_to_the_healthy_alone(self) -> None:
        pool = Pool(CHECK)
        assert pool.choose() is None
        assert list(pool.update([{"id": "a", "address": "x", "port": 1}, {"id": "b", "address": "y", "port": 1}])) == []

        assert {target.id for _ in range(4) if (target := pool.choose())} == {"a", "b"}
        pool.targets["b"].checked(CHECK, "")
        assert {target.id for _ in range(4) if (target := pool.choose())} == {"b"}

    def test_codes_are_lists_and_ranges(self) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Matcher.html"""
        some = Check(protocol="HTTP", port=0, path="/", every_s=1, timeout_s=1, healthy=2, unhealthy=2, codes="200,300-302")

        assert [some.accepts(code) for code in (200, 201, 300, 302, 303)] == [True, False, True, True, False]


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answer) -> AsyncIterator[int]:
    """Its port, on loopback."""
    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with running:
        yield int(running.sockets[0].getsockname()[1])


async def says_its_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An application that is ready and repeats what it was asked."""
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(head) + head)
    await writer.drain()
    writer.close()


async def to_the_end(reader: asyncio.StreamReader) -> bytes:
    """A reset is an end too."""
    try:
        return await asyncio.wait_for(reader.read(), 5)
    except ConnectionError:
        return b""


def closed_port() -> int:
    with socket.socket() as here:
        here.bind(("127.0.0.1", 0))
        return int(here.getsockname()[1])


async def get(port: int, *, tls: ssl.SSLContext | None = None, path: str = "/") -> str:
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: shop.example:8080\r\nConnection: keep-alive\r\n\r\n".encode())
        found = (await reader.read()).decode("latin-1")
        writer.close()
        return found


def group(*targets: int, **more: Any) -> dict[str, Any]:
    """A group on loopback with a target at each port."""
    entries = [{"id": f"i-{number}", "address": "127.0.0.1", "port": port} for number, port in enumerate(targets)]
    return {"g": {"check": {**RAW, **more}, "targets": entries}}


class TestAProxy:
    def test_a_request_reaches_the_target_with_who_sent_it_and_the_answer_comes_back(self) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html"""

        async def play() -> str:
            async with server(says_its_head) as inner:
                proxy, port = Proxy(), closed_port()
                await proxy.become({"listeners": [{"port": port, "protocol": "HTTP", "group": "g"}], "groups": group(inner)})
                return await get(port)

        said = asyncio.run(play())
        assert said.startswith("HTTP/1.1 200 OK")
        assert "X-Forwarded-For: 127.0.0.1" in said
        assert "X-Forwarded-Proto: http" in said
        assert "Host: shop.example:8080" in said

    def test_without_a_target_503_and_with_one_that_refuses_502(self) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html"""

        async def play() -> list[str]:
            proxy, port = Proxy(), closed_port()
            listeners = [{"port": port, "protocol": "HTTP", "group": "g"}]
            said = []
            for targets in ((), (closed_port(),)):
                await proxy.become({"listeners": listeners, "groups": group(*targets)})
                said.append((await get(port)).split("\r\n")[0])
            return said

        assert asyncio.run(play()) == ["HTTP/1.1 503 Service Unavailable", "HTTP/1.1 502 Bad Gateway"]

    def test_https_ends_at_the_balancer_and_port_80_leads_there(self, tmp_path: Path) -> None:
        made = CertBundle.generate_cert("shop.example", "123456789012", "us-east-1")
        (tmp_path / "c.pem").write_bytes(made.cert + b"\n" + made.key)
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE

        async def play() -> tuple[str, str]:
            async with server(says_its_head) as inner:
                proxy, port, plain = Proxy(), closed_port(), closed_port()
                secure = {"port": port, "protocol": "HTTPS", "group": "g", "certificate": str(tmp_path / "c.pem")}
                redirect = {"port": plain, "protocol": "HTTP", "redirect": [301, "HTTPS", "443"]}
                await proxy.become({"listeners": [secure, redirect], "groups": group(inner)})
                return await get(port, tls=trust), await get(plain, path="/cart?x=1")

        secure, plain = asyncio.run(play())
        assert "X-Forwarded-Proto: https" in secure
        assert plain.startswith("HTTP/1.1 301 ")
        assert "Location: https://shop.example:443/cart?x=1\r\n" in plain

    def test_tcp_is_passed_on_both_ways_until_its_target_is_taken_out(self) -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(line)

        async def play() -> tuple[bytes, bytes]:
            async with server(echo) as inner:
                proxy, port = Proxy(), closed_port()
                listeners = [{"port": port, "protocol": "TCP", "group": "g"}]
                await proxy.become({"listeners": listeners, "groups": group(inner, protocol="TCP")})
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"hello\n")
                said = await asyncio.wait_for(reader.readline(), 5)
                await proxy.become({"listeners": listeners, "groups": group(protocol="TCP")})
                return said, await to_the_end(reader)

        assert asyncio.run(play()) == (b"hello\n", b"")

    def test_health_is_asked_for_over_the_network_and_told_when_it_changes(self, capsys: pytest.CaptureFixture[str]) -> None:
        async def play() -> None:
            ready = asyncio.Event()

            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 %s\r\n\r\n" % (b"200 OK" if ready.is_set() else b"503 Not yet"))
                writer.close()

            async with server(answer) as inner:
                await Proxy().become({"listeners": [], "groups": group(inner)})
                await asyncio.sleep(0.4)
                ready.set()
                await asyncio.sleep(0.4)

        asyncio.run(play())
        lines = capsys.readouterr().out.splitlines()
        assert ['"unhealthy"' in lines[0], "Target.ResponseCodeMismatch" in lines[0], '"healthy"' in lines[1]] == [True] * 3

    def test_who_does_not_answer_or_answers_garbage_fails_the_check(self) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html"""

        async def garbage(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            await reader.read()

        async def play() -> list[str]:
            async with server(garbage) as first, server(silence) as second:
                return [await ask(CHECK, Target("i-1", "127.0.0.1", port)) for port in (first, second, closed_port())]

        assert asyncio.run(play()) == ["Target.FailedHealthChecks", "Target.Timeout", "Target.FailedHealthChecks"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab"), engines="balancers") as running:
        yield running


def subnet(number: int) -> dict[str, Any]:
    """In the region's so-many-th zone."""
    zone = {"Fn::Select": [number, {"Fn::GetAZs": ""}]}
    properties = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.20.{number}.0/24", "AvailabilityZone": zone}
    return {"Type": "AWS::EC2::Subnet", "Properties": properties}


def template(kind: str, **attributes: str) -> dict[str, Any]:
    """A network with two zones, a balancer of a kind, its listener and target group."""
    protocol = {"application": "HTTP", "network": "TCP"}[kind]
    return {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.20.0.0/16"}},
            "One": subnet(0),
            "Two": subnet(1),
            "Balancer": {
                "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
                "Properties": {
                    "Type": kind,
                    "Scheme": "internal",
                    "Subnets": [{"Ref": "One"}, {"Ref": "Two"}],
                    "LoadBalancerAttributes": [{"Key": key, "Value": value} for key, value in attributes.items()],
                    "Tags": [{"Key": "understudy:deployable", "Value": "x"}],
                },
            },
            "Targets": {
                "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
                "Properties": {
                    "VpcId": {"Ref": "Vpc"},
                    "Port": 8080,
                    "Protocol": protocol,
                    "HealthCheckProtocol": "HTTP",
                    "HealthCheckPath": "/readyz",
                    "HealthCheckPort": "7880",
                    "HealthCheckIntervalSeconds": 5,
                    "HealthCheckTimeoutSeconds": 2,
                    "HealthyThresholdCount": 2,
                    "UnhealthyThresholdCount": 2,
                    "Matcher": {"HttpCode": "200"},
                    "TargetType": "instance",
                    "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}],
                },
            },
            "Listener": {
                "Type": "AWS::ElasticLoadBalancingV2::Listener",
                "Properties": {
                    "LoadBalancerArn": {"Ref": "Balancer"},
                    "Port": 80,
                    "Protocol": protocol,
                    "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}],
                },
            },
        },
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}}},
    }


class TestOnMoto:
    @pytest.mark.parametrize("kind", ["application", "network"])
    def test_a_balancer_deploys_reads_back_and_is_seen_by_drills(self, aws: Emulator, kind: str) -> None:
        body = template(kind)
        assert aws.create(kind, body) == ("CREATE_COMPLETE", "")
        assert [str(problem) for problem in check(kind, body, endpoint=aws.endpoint)] == []
        [output] = aws.api("cloudformation").describe_stacks(StackName=kind)["Stacks"][0]["Outputs"]
        name = str(output["OutputValue"])

        assert balanced.is_balancer(name)
        assert balanced.behind(aws.api("elbv2"), name, 80) == (8080, False)
        assert balanced.holder(aws.api("elbv2"), name) == ""

        wrong = template(kind)
        wrong["Resources"]["Targets"]["Properties"]["HealthCheckPath"] = "/healthz"
        assert ["HealthCheckPath" in str(problem) for problem in check(kind, wrong, endpoint=aws.endpoint)] == [True]

    def test_a_new_target_is_being_registered_at_first_and_nobody_once_it_is_taken_out(self, aws: Emulator) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html"""
        assert aws.create("targets", template("network")) == ("CREATE_COMPLETE", "")
        elb, group_arn = aws.api("elbv2"), aws.physical("targets", "Targets")
        made = aws.api("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1, SubnetId=aws.physical("targets", "One"))
        node = made["Instances"][0]["InstanceId"]

        elb.register_targets(TargetGroupArn=group_arn, Targets=[{"Id": node}])
        [row] = elb.describe_target_health(TargetGroupArn=group_arn)["TargetHealthDescriptions"]
        assert (row["TargetHealth"]["State"], row["TargetHealth"]["Reason"]) == ("initial", "Elb.RegistrationInProgress")

        for _ in range(2):  # once more is no error: API_DeregisterTargets.html
            elb.deregister_targets(TargetGroupArn=group_arn, Targets=[{"Id": node}])
        assert elb.describe_target_health(TargetGroupArn=group_arn)["TargetHealthDescriptions"] == []
        with pytest.raises(ClientError, match="InvalidTarget"):
            elb.register_targets(TargetGroupArn=group_arn, Targets=[{"Id": "i-0123456789abcdef0"}])

    def test_an_application_balancer_in_one_zone_is_refused(self, aws: Emulator) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html"""
        body = template("application")
        body["Resources"]["Balancer"]["Properties"]["Subnets"] = [{"Ref": "One"}]
        del body["Outputs"]

        status, why = aws.create("narrow", body)
        assert status != "CREATE_COMPLETE"
        assert "two different Availability Zones" in why

    def test_one_that_is_protected_is_not_deleted(self, aws: Emulator) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/edit-load-balancer-attributes.html#deletion-protection"""
        assert aws.create("kept", template("network", **{"deletion_protection.enabled": "true"})) == ("CREATE_COMPLETE", "")

        with pytest.raises(ClientError, match="OperationNotPermitted"):
            aws.api("elbv2").delete_load_balancer(LoadBalancerArn=aws.physical("kept", "Balancer"))


def test_what_the_lab_replaces_is_there_and_is_still_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto 5.2.5: a target is healthy at once, may be nobody, and balancers are made and deleted against AWS's rules."""
    for owner, names in patches.REPLACED.items():
        for name in names:
            monkeypatch.setattr(owner, name, patches.MOTO[name])
    for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        ec2, elb = (boto3.client(service, region_name="us-east-1") for service in ("ec2", "elbv2"))
        vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.0.0/24")["Subnet"]["SubnetId"]
        arn = elb.create_load_balancer(Name="narrow", Subnets=[subnet])["LoadBalancers"][0]["LoadBalancerArn"]
        elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}])
        elb.delete_load_balancer(LoadBalancerArn=arn)
        group = elb.create_target_group(Name="t", Protocol="TCP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "i-0123456789abcdef0"}])
        states = [row["TargetHealth"]["State"] for row in elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]]

    assert states == ["healthy"]


def test_the_delays_have_their_sources() -> None:
    """1 to 3 minutes for an NLB, by one of those who look after it."""
    found = Delays()

    assert 60 <= found["nlb_target"].seconds <= 180
    assert all("https://" in found[name].source for name in ("alb_target", "nlb_target", "nlb_target_leaves"))
