"""What is deployed: the assemblies as their file would say, and what the functions are told of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core import names
from core.application import Run
from core.model import Application, Assembly, Deployable, Front, Tolerance
from core.state import NOT_KEPT, Keep, State
from core.watching.fleet import fleet_file, fleet_to_json

if TYPE_CHECKING:
    from simulation.world import World

DEPLOYABLE = "made-up"
OWN_MAX = 12  # assemblies of one deployable with a foundation of its own; more share one


def model_of(name: str, world: World) -> Assembly:
    application = Application(name="app", run=Run(exec=("/bin/app",)), tolerance=Tolerance(3, 300.0), start_timeout_s=30.0)
    return Assembly(
        name=name, image="debian-12", instances=("t4g.small",), applications=(application,), front=Front(kind=world.front, ports=(80,)),
        ha_port=7810, http_port=7880, start_grace_s=world.start_grace_s, on_disagreement=world.on_disagreement,
        tolerance=world.tolerance, database=world.database,
        state=State(keep=Keep.EBS, path="/var/lib/app", size_gb=10) if world.volumes else NOT_KEPT,
    )  # fmt: skip


def variables(world: World) -> Mapping[str, str]:
    """As stacks.functions sets them; of many assemblies each registers at a shared foundation, as they then must."""
    names_of = {names.ENV_TABLE: "state", names.ENV_BUCKET: "bucket", names.ENV_TOPIC: "topic", names.ENV_TICK_QUEUE: "tick-queue"}
    names_of |= {names.ENV_RECOVER_QUEUE: "recover-queue", names.ENV_FUNCTION_PROBE: "probe_nodes"}
    names_of |= {names.ENV_FUNCTION_RECOVER: "recover_assembly", names.ENV_FUNCTION_ADMIT: "admit_node"}
    names_of |= {names.ENV_FUNCTION_RETIRE: "retire_node", names.ENV_FUNCTION_MOVE_FRONT: "move_front"}
    if world.assemblies <= OWN_MAX:
        deployable = Deployable(name=DEPLOYABLE, assemblies=world.models, recovery=world.policy)
        world.archive[names.FLEET_FILE] = fleet_file(deployable)
        fronts = {m.name: world.has.made(m, (DEPLOYABLE, m.name)) for m in world.models}
        return {**names_of, **world.has.told(), names.ENV_NETWORK: deployable.network.cidr, names.ENV_FRONTS: json.dumps(fronts)}
    path = names.register_path("shared")
    for number in range(0, world.assemblies, 10):
        name, some = f"{DEPLOYABLE}-{number}", world.models[number : number + 10]
        fronts = {m.name: world.has.made(m, (name, m.name)) for m in some}
        world.parameters.all[f"{path}/{name}/fleet"] = fleet_to_json(Deployable(name=name, assemblies=some, recovery=world.policy))
        world.parameters.all[f"{path}/{name}/fronts"] = json.dumps(fronts)
        world.parameters.all |= {f"{path}/{name}/{kind}": text for kind, text in world.has.registered(name, some).items()}
    return {**names_of, names.ENV_FOUNDATION: "shared"}
