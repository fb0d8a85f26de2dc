"""A request's way through the emulator: body, caller, route, policy, lock."""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from moto.backends import get_backend
from werkzeug.test import Client
from werkzeug.wrappers import Response

from lab.clock import Clock
from lab.delays import Delays
from lab.emulator import origin, pipeline
from lab.emulator.pipeline import Caller, Pipeline, identify
from lab.journal import Journal
from lab.world import ACCOUNT, REGION, World


def signed(service: str, key: str = "AKIA1") -> str:
    return f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(lab_dir=tmp_path, clock=Clock(), journal=Journal(tmp_path / "journal.jsonl"), delays=Delays())


def answer_ok(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return Response(environ["wsgi.input"].read())(environ, start_response)


def test_the_caller_is_read_from_the_signature() -> None:
    environ = {"HTTP_AUTHORIZATION": signed("dynamodb", "ASIA7"), "REMOTE_ADDR": "10.0.0.4"}

    assert identify(environ) == Caller("ASIA7", "dynamodb", "10.0.0.4")


def test_an_unsigned_request_has_no_caller() -> None:
    assert identify({"REMOTE_ADDR": "127.0.0.1"}) == Caller("", "", "127.0.0.1")


def test_the_body_reaches_policy_and_moto_alike(world: World) -> None:
    seen: list[bytes] = []

    def check(_world: World, _environ: dict[str, Any], body: bytes) -> None:
        seen.append(body)

    answer = Client(Pipeline(world, answer_ok, check=check, control=None)).post("/", data=b"hello")

    assert (seen, answer.data) == ([b"hello"], b"hello")


def test_a_refusal_of_policy_never_reaches_moto(world: World) -> None:
    def moto(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise AssertionError("reached")

    refuse = Pipeline(world, moto, check=lambda *_: Response("no", status=403), control=None)

    assert Client(refuse).post("/").status_code == 403


def test_a_chunked_body_is_read_to_its_end() -> None:
    environ = {"wsgi.input": io.BytesIO(b"all of it"), "wsgi.input_terminated": True}

    assert pipeline.read_body(environ) == b"all of it"
    assert environ["wsgi.input"].read() == b"all of it"  # type: ignore[attr-defined]


def test_a_body_beyond_the_limit_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "BODY_BYTES_MAX", 4)

    assert Client(Pipeline(world, answer_ok, check=None, control=None)).post("/", data=b"hello").status_code == 413


def test_the_labs_own_paths_go_to_its_control(world: World) -> None:
    control = Pipeline(world, answer_ok, check=None, control=lambda _world, environ, body: Response(environ["PATH_INFO"].encode() + body))

    assert Client(control).post("/_lab/freeze", data=b"!").data == b"/_lab/freeze!"


class Together:
    """A moto that counts how many requests are inside it at once."""

    def __init__(self, expected: int) -> None:
        self.most = 0
        self._inside = 0
        self._guard = threading.Lock()
        self._met = threading.Barrier(expected)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._guard:
            self._inside += 1
            self.most = max(self.most, self._inside)
        with contextlib.suppress(threading.BrokenBarrierError):
            self._met.wait(timeout=0.5)
        with self._guard:
            self._inside -= 1
        return Response("ok")(environ, start_response)


def most_together(world: World, service: str) -> int:
    moto = Together(3)
    app = Pipeline(world, moto, check=None, control=None)
    threads = [threading.Thread(target=lambda: Client(app).post("/", headers={"Authorization": signed(service)})) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return moto.most


@pytest.mark.parametrize("service", ["dynamodb", "s3"])
def test_services_with_conditional_writes_take_one_request_at_a_time(world: World, service: str) -> None:
    assert most_together(world, service) == 1


def test_other_services_take_requests_together(world: World) -> None:
    assert most_together(world, "cloudformation") == 3


@pytest.fixture
def subnet() -> Any:
    """A VPC with a subnet whose route table has the endpoint of DynamoDB, in moto's own state; taken away again."""
    ec2: Any = get_backend("ec2")[ACCOUNT][REGION]
    vpc = ec2.create_vpc("10.77.0.0/16")
    made = ec2.create_subnet(vpc.id, "10.77.1.0/24", availability_zone="us-east-1a")
    table = ec2.create_route_table(vpc.id)
    ec2.associate_route_table(route_table_id=table.id, subnet_id=made.id)
    ec2.create_vpc_endpoint(vpc.id, "com.amazonaws.us-east-1.dynamodb", "Gateway", None, [table.id])
    yield made
    ec2.reset()


def test_a_node_reaches_the_services_of_its_gateway_endpoints_only(subnet: Any) -> None:
    """https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html"""
    assert origin.why_unreachable("10.77.1.9", "dynamodb") is None
    assert origin.why_unreachable("10.77.1.9", "ec2") == (
        f"10.77.1.9 in {subnet.id} has no route to ec2: gateway endpoints there are ['dynamodb']"
    )
    assert origin.why_unreachable("10.77.1.9", "") is not None


def test_behind_a_nat_gateway_a_node_reaches_every_service(subnet: Any) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html"""
    ec2: Any = get_backend("ec2")[ACCOUNT][REGION]
    [table] = [table for table in ec2.route_tables.values() if subnet.id in {link.get("SubnetId") for link in table.associations}]
    gateway = ec2.create_nat_gateway(subnet_id=subnet.id, allocation_id=ec2.allocate_address("vpc").allocation_id)
    ec2.create_route(table.id, "0.0.0.0/0", nat_gateway_id=gateway.id)

    assert origin.why_unreachable("10.77.1.9", "secretsmanager") is None
    assert origin.why_unreachable("10.77.1.9", "") is not None, "the lab itself is not on the internet"

    gateway.state = "deleted"
    assert origin.why_unreachable("10.77.1.9", "secretsmanager") is not None


def test_by_an_internet_gateway_only_a_node_with_a_public_address_gets_out(subnet: Any) -> None:
    """https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html"""
    ec2: Any = get_backend("ec2")[ACCOUNT][REGION]
    [table] = [table for table in ec2.route_tables.values() if subnet.id in {link.get("SubnetId") for link in table.associations}]
    gateway = ec2.create_internet_gateway()
    ec2.attach_internet_gateway(gateway.id, subnet.vpc_id)
    ec2.create_route(table.id, "0.0.0.0/0", gateway_id=gateway.id)
    interface = ec2.create_network_interface(subnet, "10.77.1.9")

    assert origin.why_unreachable("10.77.1.9", "secretsmanager") is not None

    interface.public_ip = "198.51.100.7"
    assert origin.why_unreachable("10.77.1.9", "secretsmanager") is None
    assert origin.why_unreachable("10.77.1.10", "secretsmanager") is not None


def test_callers_outside_the_vpc_reach_everything(subnet: Any) -> None:
    assert origin.why_unreachable("127.0.0.1", "ec2") is None
    assert origin.why_unreachable("100.64.0.1", "ec2") is None
    assert origin.why_unreachable("172.31.5.5", "ec2") is None  # the default VPC's range is no VPC of ours


def test_a_node_gets_a_clear_answer_and_the_journal_a_line(world: World, subnet: Any) -> None:
    app = Pipeline(world, answer_ok, check=None, control=lambda *_: Response("control"))
    inside = {"REMOTE_ADDR": "10.77.1.9"}

    assert Client(app).post("/", headers={"Authorization": signed("dynamodb")}, environ_base=inside).status_code == 200
    assert Client(app).post("/", headers={"Authorization": signed("ec2")}, environ_base=inside).status_code == 502
    assert Client(app).post("/_lab/kill", environ_base=inside).status_code == 502
    assert "no route" in (world.lab_dir / "journal.jsonl").read_text()
