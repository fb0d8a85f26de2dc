"""What the functions of one foundation watch: a text, checked when read.

It comes as a file in their archive, or, where several deployables share a foundation, as parameters of Systems Manager of 4 KB each
(https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html), so that keys are short.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Any

from core.model import NAME, Deployable, Front, FrontKind, OnDisagreement, Tolerance
from core.policy import DEFAULT, Policy, policy_of

VERSION = 1
PARAMETER_BYTES_MAX = 4096  # a standard one's, which is free
ENVIRONMENT_BYTES_MAX = 4096  # of all variables together: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
OTHER_BYTES = 1000  # the longest of the other variables together: tick's, with the names of a table, a bucket, a queue and five functions
UNKNOWN_BYTES = 12  # an id or an address that only CloudFormation knows is so much longer than what stands for it
ARN_BYTES = 100  # and so much an ARN of a target group, or the name of a load balancer


class BadFleet(ValueError):
    """The text is not a fleet: says which key and which value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One assembly as the functions see it; times in seconds."""

    deployable: str
    name: str
    ha_port: int
    http_port: int
    front: Front
    start_grace_s: float
    tolerance: Tolerance
    on_disagreement: OnDisagreement
    after: tuple[str, ...] = ()
    has_volume: bool = False
    uses_database: bool = False
    policy: Policy = DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """All assemblies on one foundation, and the address range of each deployable's network."""

    assemblies: tuple[Watched, ...]
    networks: Mapping[str, IPv4Network]

    def find(self, deployable: str, assembly: str) -> Watched:
        """Raises KeyError naming it and the ones there are."""
        for watched in self.assemblies:
            if (watched.deployable, watched.name) == (deployable, assembly):
                return watched
        known = [f"{w.deployable}/{w.name}" for w in self.assemblies]
        raise KeyError(f"{deployable}/{assembly} is not watched here: the fleet has {known}")

    def deployables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(w.deployable for w in self.assemblies))


def fleet_file(deployable: Deployable) -> str:
    """Of one deployable, without the range of its network, which may be known only when it is deployed: for the functions' archive."""
    return _compact({"v": VERSION, **_numbers(deployable), "d": _told(deployable)})


def fleet_to_json(deployable: Deployable) -> str:
    """Compact text of one deployable, for a parameter. Raises ValueError when it would not fit."""
    text = _compact({"v": VERSION, "c": {deployable.name: deployable.network.cidr}, **_numbers(deployable), "d": _told(deployable)})
    if len(text.encode()) > PARAMETER_BYTES_MAX:
        raise ValueError(
            f"{deployable.name}: what is told of {len(deployable.assemblies)} assemblies takes {len(text.encode())} bytes of a parameter, "
            f"and AWS gives {PARAMETER_BYTES_MAX}: use fewer assemblies in one deployable"
        )
    return text


def _compact(body: Mapping[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))


def _told(deployable: Deployable) -> dict[str, Any]:
    return {
        deployable.name: [
            {
                "n": assembly.name,
                "ha": assembly.ha_port,
                "http": assembly.http_port,
                "f": assembly.front.kind.value,
                "p": list(assembly.front.ports),
                "g": assembly.start_grace_s,
                "t": [assembly.tolerance.failures, assembly.tolerance.window_s],
                "o": assembly.on_disagreement.value,
                **({"a": list(assembly.after)} if assembly.after else {}),
                **({"s": True} if assembly.state.on_volume else {}),
                **({"b": True} if assembly.database is not None else {}),
            }
            for assembly in deployable.assemblies
        ]
    }


def check_parameter(deployable: str, fronts: str, *, unknown_bytes: int) -> None:
    """Refuse before a deploy fronts that a parameter does not hold. unknown_bytes: as of check_environment. Raises ValueError."""
    took = len(fronts.encode()) + unknown_bytes
    if took > PARAMETER_BYTES_MAX:
        raise ValueError(
            f"{deployable}: what is told of its fronts takes about {took} bytes of a parameter, and AWS gives {PARAMETER_BYTES_MAX}: "
            "use fewer assemblies in one deployable"
        )


def check_environment(deployable: Deployable, fronts: str, *, unknown_bytes: int) -> None:
    """Refuse before a deploy what Lambda would refuse in it. unknown_bytes: by how much values in `fronts` that are not known yet
    will be longer. Raises ValueError."""
    took = len(fronts.encode()) + unknown_bytes + OTHER_BYTES
    if took > ENVIRONMENT_BYTES_MAX:
        raise ValueError(
            f"{deployable.name}: what the functions must know of the fronts of {len(deployable.assemblies)} assemblies takes about "
            f"{took} bytes of their environment, and AWS gives {ENVIRONMENT_BYTES_MAX}: write foundation: NAME, "
            "for a shared one keeps that elsewhere, or split it"
        )


def parse_fleet(text: str, *, cidr: str | None = None) -> Fleet:
    """cidr: the network's range, for a text that tells none. Raises BadFleet naming the key and the value."""
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadFleet(f"fleet is not JSON: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("d"), dict):
        raise BadFleet(f"fleet is {text[:80]!r}: expected an object with 'v' and 'd'")
    if cidr is not None:
        body["c"] = dict.fromkeys(body["d"], cidr)
    version: Any = body.get("v")
    if not _is_int(version) or version > VERSION:
        raise BadFleet(f"v is {version!r}: this reader knows up to {VERSION}")
    watched = []
    for deployable, assemblies in body["d"].items():
        if not isinstance(assemblies, list):
            raise BadFleet(f"d.{deployable} is {assemblies!r}: expected a list of assemblies")
        policy = _policy(deployable, body)
        watched += [replace(_watched(deployable, index, entry), policy=policy) for index, entry in enumerate(assemblies)]
    return Fleet(assemblies=tuple(watched), networks=_networks(body))


def _networks(body: Mapping[str, Any]) -> dict[str, IPv4Network]:
    ranges = body.get("c")
    if not isinstance(ranges, dict) or set(ranges) != set(body["d"]):
        raise BadFleet(f"c is {ranges!r}: expected the address range of each deployable in d")
    try:
        return {deployable: IPv4Network(text) for deployable, text in ranges.items()}
    except ValueError as error:
        raise BadFleet(f"c: {error}") from error


def _numbers(deployable: Deployable) -> dict[str, Any]:
    """What differs from the defaults of its policy; nothing where nothing does."""
    changed = deployable.recovery.changed()
    return {"r": {deployable.name: changed}} if changed else {}


def _policy(deployable: str, body: Mapping[str, Any]) -> Policy:
    """By which its incidents are decided: what differs from the defaults is told."""
    changed = body.get("r", {})
    if not isinstance(changed, Mapping) or not isinstance(changed.get(deployable, {}), Mapping):
        raise BadFleet(f"r is {changed!r}: expected an object of settings for each deployable in d")
    try:
        return policy_of(changed.get(deployable, {}))
    except ValueError as error:
        raise BadFleet(f"r.{deployable}: {error}") from error


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _watched(deployable: str, index: int, entry: Any) -> Watched:
    where = f"d.{deployable}[{index}]"
    if not NAME.fullmatch(deployable):
        raise BadFleet(f"{where}: the deployable's name is {deployable!r}")
    if not isinstance(entry, Mapping):
        raise BadFleet(f"{where} is {entry!r}: expected an object")
    name = entry.get("n")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadFleet(f"{where}.n is {name!r}: expected a name")
    ports = entry.get("p")
    if not isinstance(ports, list):
        raise BadFleet(f"{where}.p is {ports!r}: expected a list of ports")
    grace = entry.get("g")
    if not isinstance(grace, int | float) or isinstance(grace, bool) or not grace > 0:
        raise BadFleet(f"{where}.g is {grace!r}: expected a positive number of seconds")
    try:
        kind = FrontKind(str(entry.get("f")))
        on_disagreement = OnDisagreement(str(entry.get("o")))
    except ValueError as error:
        raise BadFleet(f"{where}: {error}") from error
    return Watched(
        deployable=deployable,
        name=name,
        ha_port=_port(f"{where}.ha", entry.get("ha")),
        http_port=_port(f"{where}.http", entry.get("http")),
        front=Front(kind=kind, ports=tuple(_port(f"{where}.p[{i}]", port) for i, port in enumerate(ports))),
        start_grace_s=float(grace),
        tolerance=_tolerance(f"{where}.t", entry.get("t")),
        on_disagreement=on_disagreement,
        after=_names(f"{where}.a", entry.get("a", [])),
        has_volume=entry.get("s") is True,
        uses_database=entry.get("b") is True,
    )


def _names(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) and NAME.fullmatch(name) for name in value):
        raise BadFleet(f"{where} is {value!r}: expected a list of names")
    return tuple(value)


def _port(where: str, value: Any) -> int:
    if not _is_int(value) or not 1 <= value <= 65535:
        raise BadFleet(f"{where} is {value!r}: expected a port from 1 to 65535")
    return int(value)


def _tolerance(where: str, value: Any) -> Tolerance:
    if not isinstance(value, list) or len(value) != 2:
        raise BadFleet(f"{where} is {value!r}: expected [failures, window in seconds]")
    failures, window = value
    if not (failures is None or _is_int(failures)):
        raise BadFleet(f"{where}[0] is {failures!r}: expected a count or null")
    if not isinstance(window, int | float) or isinstance(window, bool):
        raise BadFleet(f"{where}[1] is {window!r}: expected a number of seconds")
    try:
        return Tolerance(failures, float(window))
    except ValueError as error:
        raise BadFleet(f"{where}: {error}") from error
