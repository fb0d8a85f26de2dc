"""Whom this function looks after: as its environment says, or as deployables have registered at the foundation that they share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from core import names
from core.watching.fleet import BadFleet, Fleet, Watched
from core.watching.register import Register, heard, read_register
from core.watching.shards import told_in_shards
from lambdas.adapters import clock, environment, log
from lambdas.adapters.clients import WorldFailed, all_pages, calling, client
from lambdas.adapters.environment import FrontAddress, FrontBalancer, FrontInterface, FrontName

KEPT_S = 30.0  # a deployable's own deploy is not in such a hurry, and who asks about an unknown one has it read again at once

_read: Register | None = None
_read_ms = 0
_told: Fleet | None = None


def _foundation() -> str | None:
    """The shared foundation's name; None for a deployable's own."""
    return os.environ.get(names.ENV_FOUNDATION) or None


def fleet() -> Fleet:
    """All that is watched. Raises BadEnvironment, and for a shared foundation WorldFailed."""
    if _told is not None:
        return _told
    return environment.fleet() if _foundation() is None else _register().fleet


def find(deployable: str, assembly: str) -> Watched:
    """Raises KeyError when it is not watched here, also not since a moment ago; and what `fleet` raises."""
    try:
        return fleet().find(deployable, assembly)
    except KeyError:
        if _foundation() is None or _told is not None:
            raise
        return _register(again=True).fleet.find(deployable, assembly)


def front_of(deployable: str, assembly: str) -> FrontAddress | FrontName | FrontInterface | FrontBalancer | None:
    """What is told of the assembly's front; None when it has none. Raises BadEnvironment, and what `fleet` raises."""
    if _foundation() is None:
        return environment.front_of(assembly)
    return environment.front_of(assembly, _register().fronts.get(deployable, {}))


def volume_of(deployable: str, assembly: str) -> str | None:
    """The volume that its state is kept on; None when it is on none. Raises BadEnvironment, and what `fleet` raises."""
    if _foundation() is None:
        return environment.volume_of(assembly)
    return environment.volume_of(assembly, _register().volumes.get(deployable, {}))


def whose_volume(volume: str) -> tuple[str, str] | None:
    """The (deployable, assembly) whose state is kept on it; None when it is nobody's here. Raises as volume_of does."""
    named = ((watched.deployable, watched.name) for watched in fleet().assemblies)
    return next((pair for pair in named if volume_of(*pair) == volume), None)


def database_of(deployable: str) -> str | None:
    """The name of its database instance; None when it has none. Raises as volume_of does."""
    owners = environment.databases() if _foundation() is None else _register().databases
    return next((instance for instance, owner in owners.items() if owner == deployable), None)


def whose_database(instance: str) -> str | None:
    """The deployable; None when it is nobody's here, nor has been registered since a moment ago. Raises as volume_of does."""
    if _foundation() is None:
        return environment.databases().get(instance)
    return _register().databases.get(instance) or _register(again=True).databases.get(instance)


def sweeps_of() -> tuple[str, tuple[str, ...]]:
    """The dimension of the metric of sweeps, and its values: one for all on a shared foundation."""
    foundation = _foundation()
    return (names.DIM_DEPLOYABLE, fleet().deployables()) if foundation is None else (names.DIM_FOUNDATION, (foundation,))


def tell(deployable: str | None = None) -> dict[str, Any]:
    """What to add to a message for the prober, which cannot read parameters: the fleet, or one deployable's part of it."""
    return {} if _foundation() is None else {"fleet": _register().told(deployable)}


def tell_in_shards() -> list[dict[str, Any]]:
    """The same for every sweep's message, of which there are several when the fleet is more than one call of the prober looks at."""
    return [{}] if _foundation() is None else [{"fleet": part} for part in told_in_shards(_register().told())]


def hear(message: Mapping[str, Any]) -> None:
    """The prober's: go by the fleet in the message, which is there when the foundation is shared. Raises WorldFailed."""
    global _told
    if _foundation() is None:
        return
    said = message.get("fleet")
    try:
        if not isinstance(said, dict):
            raise BadFleet(f"fleet is {said!r:.80}: expected an object")
        _told = heard(said)
    except BadFleet as error:
        raise WorldFailed("hear whom to look at", "BadFleet", str(error)) from error


def forget() -> None:
    """For tests: as a new process would begin."""
    global _read, _told
    _read = _told = None


def _register(*, again: bool = False) -> Register:
    """As it was read a moment ago, or, while it cannot be read, some time ago. Raises WorldFailed."""
    global _read, _read_ms
    if _read is not None and not again and clock.now_ms() - _read_ms <= KEPT_S * 1000:
        return _read
    try:
        texts = _parameters(names.register_path(environment.text(names.ENV_FOUNDATION)))
    except WorldFailed as error:
        if _read is None:
            raise
        log.say("register", f"gone by what was read before: {error}")
        return _read
    _read, bad = read_register(texts)
    _read_ms = clock.now_ms()
    for what in bad:
        log.say("register", f"left alone: {what}")
    return _read


def _parameters(path: str) -> dict[str, str]:
    with calling(f"read {path}"):
        rows = all_pages(client("ssm").get_parameters_by_path, "Parameters", Path=path, Recursive=True)
    return {str(row["Name"]): str(row["Value"]) for row in rows}
