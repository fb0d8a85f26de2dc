"""boto3 clients, made on first use, and the few errors that a caller can do something about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 5
TRIES = 3  # for what may be sent again: reads, and calls that mean the same when they arrive twice


class WorldFailed(RuntimeError):
    """AWS refused or did not answer: says which call, and what it said."""

    def __init__(self, verb: str, code: str, said: str) -> None:
        super().__init__(f"{verb}: {code}: {said}")
        self.code = code


class Unknown(WorldFailed):
    """A write may or may not have landed: read again before deciding anything."""


class Lost(WorldFailed):
    """Somebody else wrote first: what was read is out of date."""


@cache
def client(service: str, *, once: bool = False, read_timeout_s: int = READ_TIMEOUT_S) -> Any:
    """once: for conditional writes. A retry could meet our own success and report it as lost."""
    retries: Any = {"total_max_attempts": 1 if once else TRIES, "mode": "standard"}
    config = Config(connect_timeout=CONNECT_TIMEOUT_S, read_timeout=read_timeout_s, retries=retries, max_pool_connections=20)
    return boto3.client(service, config=config)


@contextmanager
def calling(verb: str) -> Iterator[None]:
    """Turn botocore's errors into WorldFailed, saying the verb."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "?"))
        raise WorldFailed(verb, code, str(error.response.get("Error", {}).get("Message", ""))[:300]) from error
    except BotoCoreError as error:
        raise WorldFailed(verb, type(error).__name__, str(error)[:300]) from error
