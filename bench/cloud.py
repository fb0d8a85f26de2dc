"""The bench's stand-in for what a node sees of AWS: metadata service, DynamoDB, S3. Answers by rote, so that it takes no processor.

python -m bench.cloud PORT INSTANCE   one process for each agent; both endpoints are http://127.0.0.1:PORT
"""

from __future__ import annotations

import asyncio
import json
import sys

CREDENTIALS = {
    "Code": "Success",
    "Type": "AWS-HMAC",
    "AccessKeyId": "ASIAEXAMPLE",
    "SecretAccessKey": "secret",
    "Token": "session",
    "LastUpdated": "2030-01-01T00:00:00Z",
    "Expiration": "2099-01-01T00:00:00Z",
}
DEPLOYABLE, ASSEMBLY = "bench", "node"


def answers(instance: str) -> dict[str, str]:
    """What each request is answered, by `METHOD path`; by the operation for DynamoDB."""
    permit = {
        "pk": {"S": f"PERMIT#{DEPLOYABLE}#{ASSEMBLY}"},
        "sk": {"S": "CURRENT"},
        "version": {"N": "1"},
        "instance": {"S": instance},
        "epoch": {"N": "1"},
        "at_ms": {"N": "0"},
        "predecessor": {"NULL": True},
    }
    return {
        "PUT /latest/api/token": "token",
        "GET /latest/dynamic/instance-identity/document": json.dumps({"region": "us-east-1", "instanceId": instance}),
        "GET /latest/meta-data/instance-id": instance,
        "GET /latest/meta-data/local-ipv4": "127.0.0.1",
        "GET /latest/meta-data/autoscaling/target-lifecycle-state": "InService",
        "GET /latest/meta-data/iam/security-credentials/": "node-role",
        "GET /latest/meta-data/iam/security-credentials/node-role": json.dumps(CREDENTIALS),
        "GetItem": json.dumps({"Item": permit}),
    }


class Cloud(asyncio.Protocol):
    """One connection, kept alive. A request is answered once its whole body is here."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known, self._got = known, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while b"\r\n\r\n" in self._got:
            head, _, rest = self._got.partition(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            if headers.get("expect") == "100-continue" and len(rest) < int(headers.get("content-length", 0)):
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(rest) < int(headers.get("content-length", 0)):
                return
            self._got = rest[int(headers.get("content-length", 0)) :]
            self._answer(lines[0], headers)

    def _answer(self, request: str, headers: dict[str, str]) -> None:
        method, path, _ = request.split(" ", 2)
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        body = self._known.get(operation or f"{method} {path}", "{}" if operation else "" if method == "PUT" else None)
        status = "404 Not Found" if body is None else "200 OK"
        kind = "application/x-amz-json-1.0" if operation else "text/plain"
        text = (body or "").encode()
        self._transport.write(f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)


async def main(port: int, instance: str) -> None:
    known = answers(instance)
    server = await asyncio.get_running_loop().create_server(lambda: Cloud(known), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
