"""Floor: an asyncio process that has loaded the two AWS clients that the agent needs, made as the agent makes them, and does nothing.

python aws_clients.py   says `ready` once both are made
"""

from __future__ import annotations

import asyncio

import boto3
from botocore.config import Config

CONFIG = Config(
    connect_timeout=2,
    read_timeout=2,
    retries={"total_max_attempts": 2, "mode": "standard"},
    max_pool_connections=4,
    account_id_endpoint_mode="disabled",
)


async def main() -> None:
    clients = [boto3.session.Session().client(service, region_name="us-east-1", config=CONFIG) for service in ("dynamodb", "s3")]
    print("ready", flush=True)
    await asyncio.Event().wait()
    del clients


asyncio.run(main())
