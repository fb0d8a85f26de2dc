"""boto3 clients on the emulator's own endpoint, with the deployer's key: how the lab's parts call AWS."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.world import REGION

# One attempt: on a loopback a second try hides a fault of ours instead of healing one of the network.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"total_max_attempts": 1, "mode": "standard"},
    max_pool_connections=32,
    s3={"addressing_style": "path"},
)


@lru_cache(maxsize=64)
def client(endpoint: str, service: str) -> Any:
    """A client for one service; clients are safe to share between threads, so each is made once."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ADMIN_KEY,
        aws_secret_access_key=ADMIN_SECRET,
        config=_CONFIG,
    )
