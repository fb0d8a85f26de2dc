"""boto3 clients, made on first use, and the few errors that a caller can do something about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 5
PAGES_MAX = 50
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


def all_pages(call: Callable[..., dict[str, Any]], key: str, **arguments: Any) -> list[dict[str, Any]]:
    """What a Describe* call lists, page after page. A filtered page may be short, or empty, with more to come."""
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    for _ in range(PAGES_MAX):
        answer = call(**arguments, **more)
        found += answer[key]
        if not answer.get("NextToken"):
            return found
        more = {"NextToken": answer["NextToken"]}
    raise WorldFailed(f"list {key}", "TooManyPages", f"more than {PAGES_MAX} pages: what is missing must not count as gone")


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
