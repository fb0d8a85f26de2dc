"""Who stands on a shared foundation: what each deployable registers of itself, and the fleet that all of them make together.

A deployable registers two texts, as parameters below core.names.register_path: its part of the fleet (core.watching.fleet's JSON) and its
fronts; and where it has some, its volumes, as an object by assembly, and its database instance's name. The prober lives where parameters
cannot be read, so that the fleet is sent on to it with whatever it is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.watching.fleet import VERSION, BadFleet, Fleet, parse_fleet

FLEET, FRONTS, VOLUMES, DATABASE = "fleet", "fronts", "volumes", "database"  # the last part of a parameter's name


@dataclass(frozen=True, slots=True)
class Register:
    """fleet: all that is watched. parts: each deployable's own text of it. fronts, volumes: each deployable's, by assembly.

    databases: the deployable of each instance, by its name.
    """

    fleet: Fleet
    parts: Mapping[str, Mapping[str, Any]]
    fronts: Mapping[str, Mapping[str, Any]]
    volumes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    databases: Mapping[str, str] = field(default_factory=dict)

    def told(self, deployable: str | None = None) -> dict[str, Any]:
        """The fleet, or one deployable's part of it, as `heard` reads it. Raises KeyError when it is not registered."""
        return _merged(self.parts.values() if deployable is None else [self.parts[deployable]])


def read_register(texts: Mapping[str, str]) -> tuple[Register, tuple[str, ...]]:
    """texts: by the parameter's name. Gives beside it what could not be read: one bad entry does not hide the others."""
    parts: dict[str, Mapping[str, Any]] = {}
    fronts: dict[str, Mapping[str, Any]] = {}
    volumes: dict[str, Mapping[str, Any]] = {}
    databases: dict[str, str] = {}
    bad = []
    for name, text in sorted(texts.items()):
        deployable, _, kind = name.rpartition("/")
        deployable = deployable.rpartition("/")[2]
        try:
            if kind == FLEET:
                parts[deployable] = _part(deployable, text)
            elif kind == FRONTS:
                fronts[deployable] = _object(text)
            elif kind == VOLUMES:
                volumes[deployable] = _object(text)
            elif kind == DATABASE:
                databases[text] = deployable
            else:
                raise BadFleet(f"its name ends in none of {FLEET}, {FRONTS}, {VOLUMES}, {DATABASE}")
        except ValueError as error:
            bad.append(f"{name}: {error}")
    whole = {deployable: part for deployable, part in parts.items() if deployable in fronts}
    return Register(heard(_merged(whole.values())), whole, fronts, volumes, databases), tuple(bad)


def heard(said: Mapping[str, Any]) -> Fleet:
    """The fleet of `Register.told`. Raises BadFleet."""
    return parse_fleet(json.dumps(said))


def _part(deployable: str, text: str) -> Mapping[str, Any]:
    found = parse_fleet(text).deployables()
    if found != (deployable,):
        raise BadFleet(f"it speaks of {', '.join(found) or 'nobody'}, not of {deployable} alone")
    return _object(text)


def _object(text: str) -> Mapping[str, Any]:
    body = json.loads(text)
    if not isinstance(body, dict):
        raise BadFleet(f"it is {text[:80]!r}: expected an object")
    return body


def _merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {"v": VERSION, "c": {}, "d": {}}
    for part in parts:
        found["c"] |= part["c"]
        found["d"] |= part["d"]
        if "r" in part:
            found["r"] = found.get("r", {}) | part["r"]
    return found
