"""DynamoDB spoken directly: what is sent is what botocore would send, and a kept connection that was closed is no failure."""

from __future__ import annotations

import contextlib
import datetime
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from botocore import xform_name
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from core import names
from core.records import Looks
from lambdas.adapters import clients, sweeping, wire
from lambdas.adapters.clients import Unknown, WorldFailed

call = wire.call  # before the `cloud` fixture takes its place
KEYS = wire.Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a/session+token==")
AT = datetime.datetime(2026, 11, 21, 9, 36, tzinfo=datetime.UTC)


@pytest.mark.parametrize("keys", [KEYS, wire.Keys(KEYS.access, KEYS.secret, "")])
def test_a_request_bears_the_signature_that_botocore_gives_it(keys: wire.Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    data, host = b'{"TableName":"state"}', "dynamodb.us-east-1.amazonaws.com"
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: AT.replace(tzinfo=None))
    headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.Query"}
    theirs = AWSRequest("POST", f"https://{host}/", headers=headers, data=data)
    SigV4Auth(Credentials(keys.access, keys.secret, keys.token or None), "dynamodb", "us-east-1").add_auth(theirs)

    head, _, body = wire.signed("Query", data, host, keys, "us-east-1", AT).partition(b"\r\n\r\n")
    ours = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])

    assert body == data
    assert ours["authorization"] == theirs.headers["Authorization"]
    assert ours["content-length"] == str(len(data))


class Table(BaseHTTPRequestHandler):
    """moto's table over HTTP, on kept connections. refuse: answers to give first; hang_up: connections to close after an answer."""

    protocol_version = "HTTP/1.1"
    refuse: ClassVar[list[tuple[int, bytes]]] = []
    hang_up = False
    connections = 0

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        status, answer = self.refuse.pop(0) if self.refuse else self._ask(json.loads(body))
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.close_connection = self.hang_up  # without a word of it, as a server does that has waited long enough

    def _ask(self, body: dict[str, Any]) -> tuple[int, bytes]:
        operation = self.headers["x-amz-target"].rpartition(".")[2]
        try:
            answer = getattr(clients.client("dynamodb"), xform_name(operation))(**body)
        except ClientError as error:
            said = {"__type": f"com.amazonaws.dynamodb#{error.response['Error']['Code']}", "message": error.response["Error"]["Message"]}
            return 400, json.dumps(said).encode()
        return 200, json.dumps({name: value for name, value in answer.items() if name != "ResponseMetadata"}).encode()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def table(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Table]]:
    class Mine(Table):
        refuse: ClassVar[list[tuple[int, bytes]]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "")
    clients.client("dynamodb")  # moto's, before the address of this one is told
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(wire, "call", call)
    yield Mine
    wire._drop()
    server.shutdown()
    server.server_close()


def looks(n: int) -> Looks:
    return Looks(
        deployable="demo", assembly="counter", instance=f"i-{n}", looks=(), report_boot="b", report_seq=n, report_moved_ms=1, expires_at=2
    )


def test_looks_are_written_in_batches_and_read_back(cloud: Any, table: type[Table]) -> None:
    cloud.report("i-1")

    assert sweeping.write_all(looks(n) for n in range(60)) is None
    (known,) = sweeping.read_all([("demo", "counter")])

    assert isinstance(known, sweeping.Known)
    assert known.looks == {f"i-{n}": looks(n) for n in range(60)}
    assert list(known.reports) == ["i-1"]


def test_what_the_table_had_no_room_for_is_sent_again(cloud: Any, table: type[Table]) -> None:
    left = {"UnprocessedItems": {"state": [{"PutRequest": {"Item": {"pk": {"S": "LOOK#demo#counter"}, "sk": {"S": "i-9"}}}}]}}
    table.refuse.append((200, json.dumps(left).encode()))

    assert sweeping.write_all([looks(1)]) is None
    assert cloud.client("dynamodb").get_item(TableName="state", Key={"pk": {"S": "LOOK#demo#counter"}, "sk": {"S": "i-9"}})["Item"]


def test_what_there_is_no_room_for_at_all_is_told(cloud: Any, table: type[Table]) -> None:
    left = {"UnprocessedItems": {"state": [{"PutRequest": {"Item": {"pk": {"S": "x"}, "sk": {"S": "y"}}}}]}}
    table.refuse.extend([(200, json.dumps(left).encode())] * sweeping.ROUNDS)

    assert "no room for 1 of 1" in str(sweeping.write_all([looks(1)]))


def test_one_connection_is_kept_for_many_calls(cloud: Any, table: type[Table]) -> None:
    for _ in range(3):
        wire.call("Query", query("NODE#demo#counter"))

    assert table.connections == 1


def test_a_kept_connection_that_the_table_closed_is_made_anew(cloud: Any, table: type[Table]) -> None:
    table.hang_up = True
    for _ in range(3):
        assert wire.call("Query", query("NODE#demo#counter"))["Items"] == []

    assert table.connections == 3


def test_a_throttled_call_is_tried_again_and_a_refused_one_is_not(cloud: Any, table: type[Table]) -> None:
    throttled = b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}'
    table.refuse.extend([(400, throttled), (500, b"<html>")])
    assert wire.call("Query", query("NODE#demo#counter"))["Items"] == []

    table.refuse.extend([(400, throttled)] * 3)
    with pytest.raises(WorldFailed, match="slow down") as caught:
        wire.call("Query", query("NODE#demo#counter"))
    assert caught.value.code == "ThrottlingException"

    table.refuse.append((400, b'{"__type":"x#AccessDeniedException","Message":"not you"}'))
    with pytest.raises(WorldFailed, match="not you"):
        wire.call("Query", query("NODE#demo#counter"))
    assert table.refuse == []


@pytest.mark.parametrize("answer", [b"<html>", b"", b"[]"])
def test_an_answer_that_is_no_object_leaves_unknown_what_became_of_it(cloud: Any, table: type[Table], answer: bytes) -> None:
    table.refuse.extend([(200, answer)] * wire.TRIES)

    with pytest.raises(Unknown):
        wire.call("Query", query("NODE#demo#counter"))


def test_a_head_without_end_is_not_read_for_ever() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        threading.Thread(target=_chatter, args=(theirs,), daemon=True).start()
        with pytest.raises(ValueError, match="a head of more than"):
            wire._answer(ours)


def _chatter(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(100):
            connection.sendall(b"x-more: " + b"x" * 65536)


def test_no_answer_leaves_unknown_what_became_of_it(
    cloud: Any, table: type[Table], monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")

    with pytest.raises(Unknown, match="ConnectionRefusedError"):
        wire.call("Query", query("NODE#demo#counter"))


def test_one_assembly_that_cannot_be_read_does_not_hide_the_others(cloud: Any, table: type[Table], monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.report("i-1")
    send = wire.call

    def some(operation: str, body: dict[str, Any]) -> dict[str, Any]:
        if body["ExpressionAttributeValues"][":pk"]["S"] == names.node_pk("demo", "broken"):
            raise WorldFailed("Query the table", "InternalServerError", "not now")
        return send(operation, body)

    monkeypatch.setattr(wire, "call", some)
    broken, well = sweeping.read_all([("demo", "broken"), ("demo", "counter")])

    assert isinstance(broken, WorldFailed)
    assert isinstance(well, sweeping.Known)
    assert list(well.reports) == ["i-1"]


def query(pk: str) -> dict[str, Any]:
    return {
        "TableName": "state",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": pk}},
    }
