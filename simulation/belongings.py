"""What an assembly has beside its machines, as its history draws it: a front of some kind, a volume, a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core import names
from core.model import BALANCERS, Assembly, FrontKind
from core.watching.register import DATABASE, VOLUMES
from simulation.attachments import Attachments, Held
from simulation.balancers import Balancers
from simulation.databases import Database, Databases
from simulation.machines import Machine

if TYPE_CHECKING:
    from simulation.agent import Agent
    from simulation.world import World

Place = tuple[str, str]
TARGET_PORTS = (80, 81)  # of a balancer: a target group each


class Belongings:
    def __init__(self, world: World) -> None:
        self._world = world
        schedule, chance, machines = world.schedule, world.chance, world.machines
        self.attachments = Attachments(schedule, chance, machines, lambda machine: world.agent_of(machine).mounted)
        self.balancers = Balancers(schedule, chance, machines, self._is_ready)
        self.databases = Databases(schedule, chance, world.events.emit, self._database_silent, self._database_back)

    def made(self, model: Assembly, place: Place) -> Mapping[str, Any]:
        """Whatever the assembly has is there; what the functions are told of its front (stacks.front)."""
        kind, name = model.front.kind, model.name
        told: dict[str, Any] = {"kind": kind.value, "address": "192.0.2.1", "ports": [80]}
        if model.state.on_volume:
            self.attachments.volumes[f"vol-{name}"] = Held(f"vol-{name}")
        if model.database is not None:
            self.databases.all.setdefault(place[0], Database(f"db-{place[0]}", model.database.multi_az))
        if kind is FrontKind.NETWORK_INTERFACE:
            self.attachments.interfaces[f"eni-{name}"] = Held(f"eni-{name}")
            return told | {"interface": f"eni-{name}"}
        if kind in BALANCERS:
            groups = self._groups_of(name)
            for group in groups:
                self.balancers.groups[group] = {}
            return told | {"groups": groups}
        return told | {"allocation_id": name}

    def told(self) -> Mapping[str, str]:
        """The functions' other variables."""
        volumes = {volume.removeprefix("vol-"): volume for volume in self.attachments.volumes}
        databases = {database.name: deployable for deployable, database in self.databases.all.items()}
        return {names.ENV_VOLUMES: json.dumps(volumes), names.ENV_DATABASES: json.dumps(databases)}

    def registered(self, deployable: str, some: Iterable[Assembly]) -> Mapping[str, str]:
        """What a deployable on a shared foundation tells of these beside its fronts (core.watching.register)."""
        volumes = {model.name: f"vol-{model.name}" for model in some if f"vol-{model.name}" in self.attachments.volumes}
        database = self.databases.all.get(deployable)
        return {**({VOLUMES: json.dumps(volumes)} if volumes else {}), **({DATABASE: database.name} if database else {})}

    def front_holder(self, place: Place) -> str | None:
        """The instance that clients of the assembly get to."""
        world = self._world
        if world.front in BALANCERS:
            return self.balancers.holder(self._groups_of(place[1]))
        if world.front is FrontKind.NETWORK_INTERFACE:
            held = self.attachments.interfaces[f"eni-{place[1]}"]
            return held.holder.id if held.holder is not None and held.state == "attached" else None
        return world.machines.associations.get(place[1])

    def machine_ended(self, machine: Machine) -> None:
        self.attachments.machine_ended(machine)
        self.balancers.machine_ended(machine)

    def _groups_of(self, assembly: str) -> tuple[str, ...]:
        return tuple(f"targets-{assembly}-{port}" for port in TARGET_PORTS)

    def _is_ready(self, machine: Machine) -> bool:
        agent = self._world.agent_of(machine)
        return agent.serves and not (agent.table_cuts and agent.probes_cuts)

    def _database_silent(self, deployable: str) -> None:
        for agent in self._clients(deployable):
            agent.application.database_silent()

    def _database_back(self, deployable: str) -> None:
        for agent in self._clients(deployable):
            agent.application.database_back()

    def _clients(self, deployable: str) -> list[Agent]:
        owned = self._world.machines.owned.items()
        return [self._world.agent_of(machine) for place, machines in owned if place[0] == deployable for machine in machines]
