"""Adapter: the instance metadata service, version 2.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
"""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse

from agent.ports import Attached, Identity, Unreachable
from core.settings import BadSettings

DEFAULT_ENDPOINT = "http://169.254.169.254"
TIMEOUT_S = 1.0  # the service is on the host itself: it answers in milliseconds or not at all
TOKEN_TTL_S = 21600  # the longest there is; a refused token is replaced whenever it happens
ANSWER_BYTES_MAX = 65536


class Imds:
    """Asks with a session token, and takes a new one when the service refuses it."""

    def __init__(self, endpoint: str = DEFAULT_ENDPOINT) -> None:
        """Raises BadSettings: an endpoint that cannot be asked."""
        parts = urllib.parse.urlsplit(endpoint)
        if parts.scheme != "http" or not parts.hostname:
            raise BadSettings(f"AWS_EC2_METADATA_SERVICE_ENDPOINT is {endpoint!r}, expected http://HOST[:PORT]")
        self._host, self._port = parts.hostname, parts.port or 80
        self._lock = threading.Lock()
        self._token: str | None = None

    def identity(self) -> Identity:
        document = self._get("/latest/dynamic/instance-identity/document")
        address = self._get("/latest/meta-data/local-ipv4")
        instance = self._get("/latest/meta-data/instance-id")
        if document is None or address is None or instance is None:
            raise Unreachable("metadata service: the identity of this instance is not there (404)")
        try:
            region = json.loads(document)["region"]
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable(f"metadata service: no region in the identity document: {document[:200]!r}") from error
        return Identity(instance=instance.strip(), region=str(region), address=address.strip())

    def target_lifecycle_state(self) -> str | None:
        state = self._get("/latest/meta-data/autoscaling/target-lifecycle-state")
        return state.strip() if state else None

    def interface(self, mac: str) -> Attached | None:
        """What is said of one of this instance's network interfaces; None while it is not known there.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html (network/interfaces/macs)
        """
        of = f"/latest/meta-data/network/interfaces/macs/{mac}"
        addresses, subnet = self._get(f"{of}/local-ipv4s"), self._get(f"{of}/subnet-ipv4-cidr-block")
        if addresses is None or subnet is None:
            return None
        return Attached(addresses=tuple(addresses.split()), subnet=subnet.strip())

    def _get(self, path: str) -> str | None:
        """The text at a path; None for 404. A refused token (401) is replaced once."""
        with self._lock:
            for _ in range(2):
                if self._token is None:
                    status, body = self._ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)})
                    if status != 200:
                        raise Unreachable(f"metadata service: PUT /latest/api/token answered {status}")
                    self._token = body
                status, body = self._ask("GET", path, {"X-aws-ec2-metadata-token": self._token})
                if status == 200:
                    return body
                if status == 404:
                    return None
                self._token = None
            raise Unreachable(f"metadata service: GET {path} answered {status}")

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(ANSWER_BYTES_MAX).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"metadata service: {method} {path}: {str(error) or type(error).__name__}") from error
        finally:
            connection.close()
