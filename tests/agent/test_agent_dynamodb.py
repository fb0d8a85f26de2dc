"""The state table: the real adapter and its fake keep one contract, and what goes wrong is told in our words."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from moto.server import ThreadedMotoServer

from agent.aws import DynamoTable, S3Bucket
from agent.dynamodb import endpoint
from agent.managed_secret import ManagedSecret
from agent.ports import Refused, Unreachable
from core.items import BadRecord, parse_report, permit_item
from core.records import Permit, Report, Request
from tests.agent.worlds import INSTANCE, FakeTable, free_port, permit, report


class MotoTable(DynamoTable):
    """The real adapter on a table of a server that speaks DynamoDB, with the rights to write what others write."""

    def __init__(self) -> None:
        self.name = f"state-{uuid.uuid4().hex}"
        super().__init__(self.name, "us-east-1")
        self._all = boto3.client("dynamodb", region_name="us-east-1")
        self._all.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )

    def put(self, item: dict[str, Any]) -> None:
        serialize = TypeSerializer().serialize
        self._all.put_item(TableName=self.name, Item={name: serialize(value) for name, value in item.items()})

    def write_permit(self, given: Permit) -> None:
        self.put(permit_item(given))

    def report(self, deployable: str, assembly: str, instance: str = INSTANCE) -> Report | None:
        key = {"pk": {"S": f"NODE#{deployable}#{assembly}"}, "sk": {"S": f"REPORT#{instance}"}}
        stored = self._all.get_item(TableName=self.name, Key=key).get("Item")
        return None if stored is None else parse_report({name: _plain(value) for name, value in stored.items()})


def _plain(value: dict[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    if kind == "N":
        return int(inner)
    return {key: _plain(each) for key, each in inner.items()} if kind == "M" else inner


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """Its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def cloud(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapters find it, as they would find AWS."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator)


@pytest.fixture(params=["fake", "dynamodb"])
def table(request: pytest.FixtureRequest) -> FakeTable | MotoTable:
    if request.param == "fake":
        return FakeTable()
    request.getfixturevalue("cloud")
    return MotoTable()


def test_table_there_is_no_permit_at_first(table: FakeTable | MotoTable) -> None:
    assert table.read_permit("demo", "counter") is None


def test_table_the_permit_that_was_written_last_is_read(table: FakeTable | MotoTable) -> None:
    table.write_permit(permit(epoch=1))
    table.write_permit(permit("i-next", epoch=2))

    assert table.read_permit("demo", "counter") == permit("i-next", epoch=2)
    assert table.read_permit("demo", "other") is None


def test_table_a_report_overwrites_the_one_before(table: FakeTable | MotoTable) -> None:
    table.write_report(report(seq=1))
    table.write_report(report(seq=2))

    assert table.report("demo", "counter") == report(seq=2)


def test_table_a_request_does_not_touch_the_report(table: FakeTable | MotoTable) -> None:
    table.write_report(report())
    table.write_request(
        Request(deployable="demo", assembly="counter", instance=INSTANCE, epoch=3, at_ms=1, application="web", reason="no", expires_at=2)
    )

    assert table.report("demo", "counter") == report()


def test_table_a_permit_that_cannot_be_read_is_named(table: FakeTable | MotoTable) -> None:
    table.put({**permit_item(permit()), "epoch": "three"})

    with pytest.raises(BadRecord, match="PERMIT#demo#counter/CURRENT: epoch is 'three'"):
        table.read_permit("demo", "counter")


# --- botocore's errors in our words -------------------------------------------------------------------------


def test_a_refusal_and_an_outage_are_told_apart(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="read permit: ResourceNotFoundException"):
        DynamoTable("not-there", "us-east-1").read_permit("demo", "counter")
    with pytest.raises(Refused, match="put evidence: NoSuchBucket"):
        S3Bucket("not-there", "us-east-1").put("key", b"")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unreachable, match="write report: Could not connect"):
        DynamoTable("state", "us-east-1").write_report(report())


@pytest.mark.parametrize(
    ("status", "body", "raised", "words", "asked"),
    [
        (400, '{"__type":"amazon#ThrottlingException","message":"slow"}', Unreachable, "ThrottlingException: slow", 2),
        (500, '{"__type":"amazon#InternalServerError"}', Unreachable, "InternalServerError: ", 2),
        (400, '{"__type":"coral#AccessDeniedException","Message":"not you"}', Refused, "AccessDeniedException: not you", 1),
        (403, "<html>a proxy</html>", Refused, "HTTP 403: <html>a proxy</html>", 1),
        (502, "", Unreachable, "HTTP 502: ", 2),
        (400, "[]", Refused, r"HTTP 400: \[\]", 1),
    ],
)  # fmt: skip
def test_what_may_pass_is_asked_once_more_and_what_will_not_is_said_at_once(
    status: int, body: str, raised: type[Exception], words: str, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with answering(status, body) as (url, requests):
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        with pytest.raises(raised, match=f"^write report: {words}$"):
            DynamoTable("state", "us-east-1").write_report(report())

    assert len(requests) == asked
    assert requests[0]["X-Amz-Target"] == "DynamoDB_20120810.PutItem"
    assert "/us-east-1/dynamodb/aws4_request" in requests[0]["Authorization"]


def test_a_secret_that_is_asked_for_too_often_is_unreachable_and_one_that_is_not_for_us_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html: ThrottlingException comes with HTTP 400."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for code, raised in (("ThrottlingException", Unreachable), ("AccessDeniedException", Refused)):
        with answering(400, f'{{"__type":"{code}","message":"no"}}') as (url, _):
            monkeypatch.setenv("AWS_ENDPOINT_URL", url)
            with pytest.raises(raised, match=f"read the database's secret: {code}: no"):
                ManagedSecret("arn:aws:secretsmanager:us-east-1:123456789012:secret:db", "us-east-1").credentials()


def test_without_credentials_the_table_is_unreachable_until_there_are_some(cloud: None, monkeypatch: pytest.MonkeyPatch) -> None:
    table = MotoTable()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(Unreachable, match="write report: Unable to locate credentials"):
        table.write_report(report())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")

    table.write_report(report())

    assert table.report("demo", "counter") == report()


@pytest.mark.parametrize(
    ("region", "url"),
    [
        ("eu-central-1", "https://dynamodb.eu-central-1.amazonaws.com/"),
        ("cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn/"),
        ("us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com/"),
    ],
)
def test_the_regional_endpoint_is_asked(region: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/general/latest/gr/ddb.html"""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    assert endpoint(region) == url


@contextmanager
def answering(status: int, body: str) -> Iterator[tuple[str, list[Message]]]:
    """A server that answers all the same; its address, and the heads of what it was asked."""
    requests: list[Message] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(self.headers)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:  # the library's name
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()
