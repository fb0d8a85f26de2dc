"""What a function finds in its environment, checked when it is first asked for."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from typing import Any

from core import names
from core.fleet import Fleet, parse_fleet


class BadEnvironment(ValueError):
    """A variable is missing or wrong: names it and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontAddress:
    """An Elastic IP and the ports that clients use."""

    allocation_id: str
    address: str
    ports: tuple[int, ...]


def text(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadEnvironment(f"the environment variable {name} is missing")
    return value


@cache
def fleet() -> Fleet:
    return parse_fleet(text(names.ENV_FLEET))


def front_of(assembly: str) -> FrontAddress | None:
    """The assembly's fixed address; None when it has none. Raises BadEnvironment."""
    entry = _fronts().get(assembly)
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise BadEnvironment(f"{names.ENV_FRONTS}: {assembly} is {entry!r}, expected an object")
    if entry.get("kind") != "elastic_ip":
        if entry.get("kind") == "none":
            return None
        raise BadEnvironment(f"{names.ENV_FRONTS}: {assembly}.kind is {entry.get('kind')!r}: only elastic_ip and none are known")
    try:
        return FrontAddress(
            allocation_id=str(entry["allocation_id"]),
            address=str(entry["address"]),
            ports=tuple(int(port) for port in entry["ports"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadEnvironment(f"{names.ENV_FRONTS}: {assembly}: {type(error).__name__}: {error}") from error


@cache
def _fronts() -> dict[str, Any]:
    try:
        fronts = json.loads(text(names.ENV_FRONTS))
    except json.JSONDecodeError as error:
        raise BadEnvironment(f"{names.ENV_FRONTS} is not JSON: {error}") from error
    if not isinstance(fronts, dict):
        raise BadEnvironment(f"{names.ENV_FRONTS} is not an object of fronts by assembly")
    return fronts
