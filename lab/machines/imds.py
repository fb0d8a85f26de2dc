"""The instance metadata service: what it answers (pure) and the server that answers it from outside the guest.

Rules: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lab.principals import Credentials
from lab.world import ACCOUNT, REGION, InterfaceSpec, MachineSpec

ADDRESS, PORT = "169.254.169.254", 80
TTL_S_MAX = 21600
TOKEN_HEADER, TTL_HEADER = "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"
_TOKENS_MAX = 1000
_CONNECTIONS_MAX = 64
_IDLE_S = 30.0
# New ones are there at least five minutes before the old ones end:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
_RENEW_BEFORE_S = 600.0
_ERRORS = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    kind: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Metadata:
    """One machine's metadata and its session tokens. issue: gives new credentials of the role."""

    spec: MachineSpec
    issue: Callable[[], Credentials]
    started_at: float
    public_ipv4: str | None = None
    target_lifecycle_state: str | None = None
    interfaces: dict[str, InterfaceSpec] = field(default_factory=dict)  # beside its own, by hardware address
    _tokens: dict[str, float] = field(default_factory=dict)
    _credentials: Credentials | None = None
    _issued_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, path: str, headers: Mapping[str, str], now: float) -> Reply:
        """headers: names in lower case. now: seconds since the Unix epoch."""
        path = path.partition("?")[0]
        if method == "PUT":
            return self._session(path, headers, now)
        if method not in ("GET", "HEAD"):
            return _error(403)
        token = headers.get(TOKEN_HEADER.lower())
        if token is None and self.spec.imds_tokens_required:
            return _error(401)
        if token is not None and not self._knows(token, now):
            return _error(401)
        return self._look_up(path, now)

    def _session(self, path: str, headers: Mapping[str, str], now: float) -> Reply:
        """PUT /latest/api/token; no token for a request that came through a proxy."""
        if "x-forwarded-for" in headers:
            return _error(403)
        if path.rstrip("/") != "/latest/api/token":
            return _error(404)
        text = headers.get(TTL_HEADER.lower(), "")
        if not text.isdecimal() or not 1 <= int(text) <= TTL_S_MAX:
            return _error(400)
        token = secrets.token_urlsafe(42)
        with self._lock:
            self._tokens = {known: until for known, until in self._tokens.items() if until > now}
            while len(self._tokens) >= _TOKENS_MAX:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[token] = now + int(text)
        return Reply(200, token.encode(), headers={TTL_HEADER: text})

    def _knows(self, token: str, now: float) -> bool:
        with self._lock:
            return self._tokens.get(token, 0.0) > now

    def _look_up(self, path: str, now: float) -> Reply:
        parts = [part for part in path.split("/") if part]
        if not parts:
            return Reply(200, b"latest")
        if parts[0] != "latest":
            return _error(404)
        if parts[1:] == ["user-data"]:
            return Reply(200, self.spec.user_data, "application/octet-stream") if self.spec.user_data else _error(404)
        node: Any = self._tree(now)
        for part in parts[1:]:
            if not isinstance(node, dict) or part not in node:
                return _error(404)
            node = node[part]
        if isinstance(node, dict):
            return Reply(200, "\n".join(name + ("/" if isinstance(below, dict) else "") for name, below in sorted(node.items())).encode())
        return Reply(200, node().encode() if callable(node) else node.encode())

    def _tree(self, now: float) -> dict[str, Any]:
        """Folders are dicts; a leaf is its text, or gives it."""
        spec = self.spec
        hostname = f"ip-{spec.private_ip.replace('.', '-')}.ec2.internal"
        interface = {
            "device-number": "0",
            "local-hostname": hostname,
            "local-ipv4s": spec.private_ip,
            "mac": spec.mac,
            "owner-id": ACCOUNT,
            "subnet-id": spec.subnet_id,
            "subnet-ipv4-cidr-block": spec.subnet_cidr,
            "vpc-ipv4-cidr-block": spec.vpc_cidr,
        }
        data: dict[str, Any] = {
            "ami-id": spec.image_id,
            "ami-launch-index": "0",
            "hostname": hostname,
            "instance-action": "none",
            "instance-id": spec.instance_id,
            "instance-life-cycle": "on-demand",
            "instance-type": spec.instance_type,
            "local-hostname": hostname,
            "local-ipv4": spec.private_ip,
            "mac": spec.mac,
            "network": {"interfaces": {"macs": {spec.mac: interface, **self._further()}}},
            "placement": {"availability-zone": spec.zone, "region": REGION},
            "services": {"domain": "amazonaws.com", "partition": "aws"},
        }
        if self.public_ipv4 is not None:
            data["public-ipv4"] = interface["public-ipv4s"] = self.public_ipv4
        if self.target_lifecycle_state is not None:
            data["autoscaling"] = {"target-lifecycle-state": self.target_lifecycle_state}
        if spec.role_arn is not None:
            role = spec.role_arn.rsplit("/", 1)[1]
            data["iam"] = {"info": lambda: self._profile(role), "security-credentials": {role: lambda: self._credentials_text(now)}}
        return {"meta-data": data, "dynamic": {"instance-identity": {"document": self._document}}}

    def _further(self) -> dict[str, dict[str, str]]:
        return {
            mac: {
                "device-number": str(further.index),
                "interface-id": further.interface_id,
                "local-ipv4s": further.private_ip,
                "mac": mac,
                "owner-id": ACCOUNT,
                "subnet-id": further.subnet_id,
                "subnet-ipv4-cidr-block": further.subnet_cidr,
                "vpc-ipv4-cidr-block": self.spec.vpc_cidr,
            }
            for mac, further in list(self.interfaces.items())
        }

    def _profile(self, role: str) -> str:
        # The machine knows its role only; a profile of the same name is what CloudFormation users see most often.
        arn = f"arn:aws:iam::{ACCOUNT}:instance-profile/{role}"
        return json.dumps({"Code": "Success", "LastUpdated": _stamp(self.started_at), "InstanceProfileArn": arn}, indent=2)

    def _credentials_text(self, now: float) -> str:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html"""
        with self._lock:
            if self._credentials is None or self._credentials.expires_at - now < _RENEW_BEFORE_S:
                self._credentials, self._issued_at = self.issue(), now
            keys = self._credentials
        shown = {
            "Code": "Success",
            "LastUpdated": _stamp(self._issued_at),
            "Type": "AWS-HMAC",
            "AccessKeyId": keys.access_key,
            "SecretAccessKey": keys.secret_key,
            "Token": keys.token,
            "Expiration": _stamp(keys.expires_at),
        }
        return json.dumps(shown, indent=2)

    def _document(self) -> str:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html"""
        spec = self.spec
        shown = {
            "accountId": ACCOUNT,
            "architecture": spec.architecture,
            "availabilityZone": spec.zone,
            "billingProducts": None,
            "devpayProductCodes": None,
            "marketplaceProductCodes": None,
            "imageId": spec.image_id,
            "instanceId": spec.instance_id,
            "instanceType": spec.instance_type,
            "kernelId": None,
            "pendingTime": _stamp(self.started_at),
            "privateIp": spec.private_ip,
            "ramdiskId": None,
            "region": REGION,
            "version": "2017-09-30",
        }
        return json.dumps(shown, indent=2)


def _error(status: int) -> Reply:
    return Reply(status, _ERRORS[status].encode())


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class Server(ThreadingHTTPServer):
    """Serves one machine's metadata on a socket that was made in the machine's network namespace."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, metadata: Metadata) -> None:
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.metadata = metadata
        self._places = threading.BoundedSemaphore(_CONNECTIONS_MAX)

    def serve(self) -> None:
        """Serve in a thread until close()."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="imds", daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is its own affair."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "EC2ws", ""
    timeout = _IDLE_S

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        length = headers.get("content-length", "0")
        if length != "0" or "transfer-encoding" in headers:
            self.close_connection = True  # nothing here takes a body, and we read none
        reply = self.server.metadata.answer(self.command, self.path, headers, time.time())
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer

    def log_message(self, format: str, *args: Any) -> None:
        """Tokens and credentials pass here: nothing is logged."""
