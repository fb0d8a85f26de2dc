"""What a function finds in its environment, checked when it is first asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from core import names
from core.model import BALANCERS, FrontKind
from core.watching.fleet import Fleet, parse_fleet

FLEET_FILE = Path(__file__).resolve().parents[2] / names.FLEET_FILE


class BadEnvironment(ValueError):
    """A variable is missing or wrong: names it and its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontAddress:
    """An Elastic IP and the ports that clients use."""

    allocation_id: str
    address: str
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontName:
    """A name and the zone that holds its record. ttl_s: whole seconds. public: the zone is the whole world's."""

    name: str
    zone: str
    ttl_s: int
    ports: tuple[int, ...]
    public: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontInterface:
    """A network interface and its private address."""

    interface: str
    address: str
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontBalancer:
    """A load balancer's name and its target groups' ARNs."""

    address: str
    groups: tuple[str, ...]
    ports: tuple[int, ...]


def text(name: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise BadEnvironment(f"the environment variable {name} is missing")
    return value


@cache
def fleet() -> Fleet:
    """As the file in this function's archive says. Raises BadEnvironment, BadFleet."""
    try:
        told = FLEET_FILE.read_text(encoding="utf-8")
    except OSError as error:
        raise BadEnvironment(f"{FLEET_FILE.name} is not in the archive: {error}") from error
    return parse_fleet(told, cidr=text(names.ENV_NETWORK))


def front_of(assembly: str, fronts: Mapping[str, Any] | None = None) -> FrontAddress | FrontName | FrontInterface | FrontBalancer | None:
    """What is told of the assembly's front, in `fronts` or else in the environment; None when it has none. Raises BadEnvironment."""
    entry = (_fronts() if fronts is None else fronts).get(assembly)
    if entry is None:
        return None
    if not isinstance(entry, dict):
        raise BadEnvironment(f"{names.ENV_FRONTS}: {assembly} is {entry!r}, expected an object")
    kind = entry.get("kind")
    if kind == FrontKind.NONE:
        return None
    if kind not in (FrontKind.ELASTIC_IP, FrontKind.DNS, FrontKind.NETWORK_INTERFACE, *BALANCERS):
        known = ", ".join(kind.value for kind in FrontKind)
        raise BadEnvironment(f"{names.ENV_FRONTS}: {assembly}.kind is {kind!r}: only {known} are known")
    try:
        if kind == FrontKind.ELASTIC_IP:
            return FrontAddress(allocation_id=str(entry["allocation_id"]), address=str(entry["address"]), ports=_ports(entry))
        if kind == FrontKind.NETWORK_INTERFACE:
            return FrontInterface(interface=str(entry["interface"]), address=str(entry["address"]), ports=_ports(entry))
        if kind in BALANCERS:
            groups = tuple(str(group) for group in entry["groups"])
            return FrontBalancer(address=str(entry["address"]), groups=groups, ports=_ports(entry))
        return FrontName(
            name=str(entry["name"]),
            zone=str(entry["zone"]),
            ttl_s=int(entry["ttl"]),
            ports=_ports(entry),
            public=entry.get("public") is True,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadEnvironment(f"{names.ENV_FRONTS}: {assembly}: {type(error).__name__}: {error}") from error


@cache
def databases() -> Mapping[str, str]:
    """The deployable of each database, by the instance's name; empty where there is none. Raises BadEnvironment."""
    try:
        found = json.loads(os.environ.get(names.ENV_DATABASES) or "{}")
    except json.JSONDecodeError as error:
        raise BadEnvironment(f"{names.ENV_DATABASES} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadEnvironment(f"{names.ENV_DATABASES} is not an object of deployables by instance")
    return {str(instance): str(deployable) for instance, deployable in found.items()}


def _ports(entry: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(port) for port in entry["ports"])


def volume_of(assembly: str, volumes: Mapping[str, Any] | None = None) -> str | None:
    """The volume that its state is kept on, by `volumes` or else the environment; None when it is on none. Raises BadEnvironment."""
    volume = (_volumes() if volumes is None else volumes).get(assembly)
    if volume is not None and not isinstance(volume, str):
        raise BadEnvironment(f"{names.ENV_VOLUMES}: {assembly} is {volume!r}, expected the id of a volume")
    return volume


@cache
def _volumes() -> dict[str, Any]:
    """Absent where no assembly has one."""
    try:
        volumes = json.loads(os.environ.get(names.ENV_VOLUMES, "{}"))
    except json.JSONDecodeError as error:
        raise BadEnvironment(f"{names.ENV_VOLUMES} is not JSON: {error}") from error
    if not isinstance(volumes, dict):
        raise BadEnvironment(f"{names.ENV_VOLUMES} is not an object of volumes by assembly")
    return volumes


@cache
def _fronts() -> dict[str, Any]:
    try:
        fronts = json.loads(text(names.ENV_FRONTS))
    except json.JSONDecodeError as error:
        raise BadEnvironment(f"{names.ENV_FRONTS} is not JSON: {error}") from error
    if not isinstance(fronts, dict):
        raise BadEnvironment(f"{names.ENV_FRONTS} is not an object of fronts by assembly")
    return fronts
