"""How a resource is read back: one reader per type, through the public API only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

from lab.principals import ADMIN_KEY, ADMIN_SECRET
from lab.world import REGION

_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1, "mode": "standard"}, s3={"addressing_style": "path"})


@lru_cache(maxsize=64)
def client(endpoint: str, service: str) -> Any:
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id=ADMIN_KEY, aws_secret_access_key=ADMIN_SECRET, config=_CONFIG
    )


class Missing(Exception):
    """The resource is not there."""


@dataclass(frozen=True, slots=True)
class Live:
    """properties: in the template's own words. attributes: what GetAtt gives."""

    properties: Mapping[str, Any]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader may look at. wanted: the resource's resolved properties. stack_ids: all physical ids."""

    endpoint: str
    physical_id: str
    wanted: Mapping[str, Any]
    stack_ids: frozenset[str]

    def api(self, service: str) -> Any:
        return client(self.endpoint, service)


Reader = Callable[[Read], Live]
READERS: dict[str, Reader] = {}


def reader(type_name: str) -> Callable[[Reader], Reader]:
    """Say that the decorated function reads resources of this type."""

    def register(function: Reader) -> Reader:
        READERS[type_name] = function
        return function

    return register


def only(found: list[Any], what: str) -> Any:
    """The one thing found. Raises Missing when there is none, or more than one."""
    if len(found) != 1:
        raise Missing(f"{len(found)} found: {what}")
    return found[0]


def some(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the named fields that an answer has."""
    return {name: given[name] for name in names if given.get(name) is not None}


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
