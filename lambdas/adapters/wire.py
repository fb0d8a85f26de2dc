"""DynamoDB spoken directly: one signed POST on a kept connection, for the prober, which asks thousands of things in each sweep.

botocore's client takes about a millisecond of processor for a call; a large function of ours has a third of a core. This takes a
tenth of it, and lets several threads wait at once. What it sends is held against botocore's own signer by a test.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import os
import socket
import ssl
import threading
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlsplit

from lambdas.adapters import clock
from lambdas.adapters.clients import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES, Unknown, WorldFailed

ANSWER_BYTES_MAX = 17 << 20  # DynamoDB gives at most 16 MB: API_BatchGetItem.html
HEAD_BYTES_MAX = 64 << 10  # DynamoDB's has some 300; whatever else may answer in its place does not fill our memory
BACK_OFF_S = 0.05
_KEPT = threading.local()  # a thread's own connection
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_PASSES = frozenset({
    "InternalServerError", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "ServiceUnavailable", "ThrottlingException",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials, as Lambda gives them to a function: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""

    access: str
    secret: str
    token: str


def call(operation: str, body: dict[str, Any]) -> dict[str, Any]:
    """One operation, whose second arrival must mean the same. Raises WorldFailed, and Unknown when nothing was answered."""
    data = json.dumps(body, separators=(",", ":")).encode()
    verb = f"{operation} the table"
    for attempt in range(TRIES):
        last = attempt == TRIES - 1
        try:
            status, answer = _send(operation, data)
            if status == 200:
                return _told(answer)
        except (OSError, ValueError) as error:
            _drop()
            if last:
                raise Unknown(verb, type(error).__name__, str(error)[:300]) from error
            continue
        code, said = _refusal(status, answer)
        if last or not (status >= 500 or code in _PASSES):
            raise WorldFailed(verb, code, said)
        clock.sleep(BACK_OFF_S * 2**attempt)
    raise AssertionError("the last attempt gives or raises")


def signed(operation: str, data: bytes, host: str, keys: Keys, region: str, at: datetime.datetime) -> bytes:
    """The whole request. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    headers = [("content-type", "application/x-amz-json-1.0"), ("host", host), ("x-amz-date", stamp)]
    if keys.token:
        headers.append(("x-amz-security-token", keys.token))
    headers.append(("x-amz-target", f"DynamoDB_20120810.{operation}"))
    names = ";".join(name for name, _ in headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers)
    canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(data).hexdigest()}"
    scope = f"{stamp[:8]}/{region}/dynamodb/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(_signing_key(keys.secret, stamp[:8], region), text.encode(), hashlib.sha256).hexdigest()
    said = f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    sent = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"POST / HTTP/1.1\r\n{sent}authorization: {said}\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data


@lru_cache(maxsize=4)  # one a day and whatever the keys are: never more than today's and yesterday's are asked for
def _signing_key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, "dynamodb", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def endpoint(region: str) -> str:
    """The regional one, which the VPC's gateway endpoint routes; or another, as for every AWS SDK."""
    given = os.environ.get("AWS_ENDPOINT_URL_DYNAMODB") or os.environ.get("AWS_ENDPOINT_URL")
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return given or f"https://dynamodb.{region}.{suffix}"


def _send(operation: str, data: bytes) -> tuple[int, bytes]:
    """Status and body. Raises OSError, ValueError."""
    environment = os.environ
    region = environment.get("AWS_REGION") or environment["AWS_DEFAULT_REGION"]
    keys = Keys(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], environment.get("AWS_SESSION_TOKEN", ""))
    url = endpoint(region)
    host = urlsplit(url).netloc
    connection = getattr(_KEPT, "connection", None)
    if connection is None or _KEPT.url != url:
        _drop()
        connection = _KEPT.connection = _connected(url)
        _KEPT.url = url
    connection.sendall(signed(operation, data, host, keys, region, datetime.datetime.now(datetime.UTC)))
    return _answer(connection)


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    connection = socket.create_connection((parts.hostname or "", port), timeout=CONNECT_TIMEOUT_S)
    connection.settimeout(READ_TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _trust().wrap_socket(connection, server_hostname=parts.hostname) if parts.scheme == "https" else connection


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates, or AWS_CA_BUNDLE's, as for every AWS SDK."""
    return ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)


def _drop() -> None:
    connection = getattr(_KEPT, "connection", None)
    _KEPT.connection = None
    if connection is not None:
        connection.close()


def _answer(connection: socket.socket) -> tuple[int, bytes]:
    """DynamoDB says how long its answer is. Raises OSError, ValueError."""
    got = b""
    while b"\r\n\r\n" not in got:
        if len(got) > HEAD_BYTES_MAX:
            raise ValueError(f"a head of more than {HEAD_BYTES_MAX} bytes")
        got += _some(connection)
    head, _, body = got.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    status = int(first.split(" ", 2)[1])
    headers = dict(line.lower().split(":", 1) for line in lines)
    length = int(headers["content-length"]) if "content-length" in headers else -1
    if not 0 <= length <= ANSWER_BYTES_MAX:
        raise ValueError(f"an answer of {headers.get('content-length', 'unknown')} bytes")
    parts, have = [body], len(body)
    while have < length:
        parts.append(_some(connection))
        have += len(parts[-1])
    if "close" in headers.get("connection", "") or first.startswith("HTTP/1.0"):
        _drop()
    return status, b"".join(parts)


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError("closed in the middle of an answer")
    return data


def _told(answer: bytes) -> dict[str, Any]:
    """Raises ValueError: cut off, or said by something else than DynamoDB."""
    told = json.loads(answer)
    if not isinstance(told, dict):
        raise ValueError(f"an answer that is no object: {answer[:100]!r}")
    return told


def _refusal(status: int, body: bytes) -> tuple[str, str]:
    """Of `{"__type": "...#Code", "message": "..."}`; whatever else may answer in its place."""
    try:
        told = json.loads(body)
        return str(told["__type"]).rpartition("#")[2], str(told.get("message") or told.get("Message") or "")[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"HTTP {status}", body[:200].decode("utf-8", "replace")
