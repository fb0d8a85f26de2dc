"""The stack of one deployable; reads like the picture in docs/design.md."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Annotations, CfnOutput, Stack
from constructs import Construct

from core import names
from core.model import Deployable
from core.state_words import kept_words
from core.zonal import zone_words
from stacks.alarms import Alarms
from stacks.assembly import NodeAssembly
from stacks.balancer import BalancerFront
from stacks.bundle import agent_bundle, lambdas_bundle
from stacks.contents import Stage
from stacks.dashboard import Dashboard
from stacks.database import SharedDatabase
from stacks.foundation import Foundation
from stacks.front import front_for
from stacks.functions import Functions
from stacks.network import NodeNetwork
from stacks.volume import volume_for
from stacks.wakes import Wakes


class DeployableStack(Stack):
    """Names no account and no region: the same template goes to AWS and to the lab."""

    def __init__(self, scope: Construct, deployable: Deployable, *, artifacts: Path, staging: Path) -> None:
        """artifacts: the folder that `install.artifact` is relative to; staging: an empty folder that lives until synth ends."""
        super().__init__(
            scope,
            f"{names.PRODUCT}-{deployable.name}",
            description=f"Understudy keeps exactly one of each assembly of {deployable.name} running",
            analytics_reporting=False,
        )
        network = NodeNetwork(self, "Network", deployable.network)
        foundation = Foundation(self, "Foundation", deployable)
        database = (
            SharedDatabase(self, "SharedDatabase", deployable=deployable, database=deployable.database, network=network)
            if deployable.database is not None
            else None
        )
        fronts = {
            assembly.name: front_for(
                self,
                f"{camel(assembly.name)}Address",
                deployable=deployable,
                assembly=assembly,
                network=network,
                foundation=foundation,
            )
            for assembly in deployable.assemblies
        }
        volumes = {
            assembly.name: volume
            for assembly in deployable.assemblies
            if (volume := volume_for(self, f"{camel(assembly.name)}State", deployable=deployable, assembly=assembly, network=network))
        }
        functions = Functions(
            self,
            "Functions",
            deployable=deployable,
            network=network,
            foundation=foundation,
            fronts=fronts,
            volumes=volumes,
            archive=lambdas_bundle(staging / "lambdas.zip").path,
        )
        wakes = Wakes(self, "Wakes", deployable=deployable, foundation=foundation, functions=functions)
        alarms = Alarms(self, "Alarms", deployable=deployable, foundation=foundation, functions=functions)
        if database is not None:
            wakes.record(database.identifier, functions.record_event({database.identifier: deployable.name}))
        if deployable.dashboard:
            Dashboard(self, "Dashboard", deployable=deployable, functions=functions, alarms=alarms.all)
        stage = Stage(agent_bundle(staging / "agent.zip"), staging, artifacts)
        nodes = {
            assembly.name: NodeAssembly(
                self,
                camel(assembly.name),
                deployable=deployable,
                assembly=assembly,
                network=network,
                foundation=foundation,
                fronts=fronts,
                volume=volumes.get(assembly.name),
                prober=functions.prober_group,
                stage=stage,
                database=database,
            )
            for assembly in deployable.assemblies
        }
        for assembly in deployable.assemblies:
            front, node = fronts[assembly.name], nodes[assembly.name]
            balancer = [front] if isinstance(front, BalancerFront) else []
            group = node.keep_one(after=[network, foundation, functions, wakes, alarms, *balancer, *node.open_ways(nodes)])
            name = camel(assembly.name)
            self._say(f"{name}Front", front.where if front else "-", f"Where clients find {assembly.name}")
            self._say(f"{name}Ports", ",".join(map(str, assembly.front.ports)) or "-", f"Ports of {assembly.name}'s front")
            self._say(f"{name}Group", group, f"Auto Scaling group of {assembly.name}")
        for name, words in zone_words(deployable):
            Annotations.of(nodes[name]).add_warning_v2("understudy:one-zone", f"{name}: {words}")
        if database is not None:
            self._say("Database", database.identifier, "The database instance")
        for name in volumes:
            Annotations.of(nodes[name]).add_info(f"{name}: {kept_words(deployable.assembly(name).state)}")
        self._say("Table", foundation.table.table_name, "State table")
        self._say("Bucket", foundation.bucket.bucket_name, "Evidence")
        self._say("Topic", foundation.topic.topic_arn, "Where people are paged")

    def _say(self, name: str, value: str, description: str) -> None:
        CfnOutput(self, name, value=value, description=description)


def camel(name: str) -> str:
    """my-app -> MyApp."""
    return "".join(part.capitalize() for part in name.split("-"))
