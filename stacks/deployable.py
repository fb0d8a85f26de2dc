"""The stack of one deployable; reads like the picture in docs/design.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aws_cdk import Annotations, CfnOutput, Stack, Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IDependable

from core import names
from core.model import Assembly, Deployable
from core.watching.fleet import fleet_file
from core.zonal import zone_words
from stacks.alarms import Alarms, HealthyAlarms
from stacks.assembly import NodeAssembly
from stacks.balancer import BalancerFront
from stacks.bundle import agent_bundle, lambdas_bundle, users_bundle
from stacks.contents import Stage
from stacks.dashboard import Dashboard
from stacks.database import SharedDatabase
from stacks.foundation import Foundation
from stacks.front import Front, front_for
from stacks.functions import Functions, told_of
from stacks.joined import JoinedFoundation, Registration
from stacks.network import NodeNetwork
from stacks.reach import reach_of
from stacks.volume import VolumeState, volume_for
from stacks.volume_events import wake_for_volumes
from stacks.wakes import Wakes


@dataclass(frozen=True, slots=True)
class Ground:
    """Who looks after the assemblies. ready: all that must be there before a node is. entry: at a foundation that is shared."""

    prober: ec2.ISecurityGroup
    ready: tuple[IDependable, ...]
    entry: Registration | None = None

    def looks(self, assembly: Assembly, node: NodeAssembly) -> list[IDependable]:
        """Rules that a shared prober still lacks."""
        ports = (assembly.ha_port, assembly.http_port)
        return [] if self.entry is None else self.entry.look_at(assembly.name, node.security_group, ports)


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
        foundation: Foundation | JoinedFoundation
        if deployable.foundation is None:
            network = NodeNetwork(self, "Network", deployable.network)
            foundation = Foundation(self, "Foundation", reach_of(deployable))
        else:
            foundation = JoinedFoundation(self, "Foundation", deployable.foundation)
            network = NodeNetwork(self, "Network", deployable.network, within=foundation.network(deployable))
        database = self._database(deployable, network, foundation)
        if database is not None:
            database.make_user(users_bundle(staging / "users.zip", driver=database.needs_driver).path)
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
        if isinstance(foundation, Foundation):
            archive = lambdas_bundle(staging / "lambdas.zip", fleet_file(deployable)).path
            ground = self._own(deployable, network, foundation, fronts, database=database, volumes=volumes, archive=archive)
        else:
            ground = self._join(deployable, network, foundation, fronts, database=database, volumes=volumes)
        stage = Stage(agent_bundle(staging / "agent.zip"), staging, artifacts)
        nodes = self._nodes(deployable, network, foundation, fronts, ground=ground, stage=stage, database=database, volumes=volumes)
        self._keep(deployable, fronts, nodes, ground)
        for name, words in zone_words(deployable):
            Annotations.of(nodes[name]).add_warning_v2("understudy:one-zone", f"{name}: {words}")
        self._say_all(deployable, foundation, database)

    def _nodes(
        self,
        deployable: Deployable,
        network: NodeNetwork,
        foundation: Foundation | JoinedFoundation,
        fronts: Mapping[str, Front | None],
        *,
        ground: Ground,
        stage: Stage,
        database: SharedDatabase | None,
        volumes: Mapping[str, VolumeState],
    ) -> dict[str, NodeAssembly]:
        return {
            assembly.name: NodeAssembly(
                self,
                camel(assembly.name),
                deployable=deployable,
                assembly=assembly,
                network=network,
                foundation=foundation,
                fronts=fronts,
                volume=volumes.get(assembly.name),
                prober=ground.prober,
                stage=stage,
                database=database,
            )
            for assembly in deployable.assemblies
        }

    def _keep(self, deployable: Deployable, fronts: Mapping[str, Front | None], nodes: Mapping[str, NodeAssembly], ground: Ground) -> None:
        """The groups, which launch their first node the moment they exist: they come last. And where each is to be found."""
        for assembly in deployable.assemblies:
            front, node = fronts[assembly.name], nodes[assembly.name]
            balancer = [front] if isinstance(front, BalancerFront) else []
            group = node.keep_one(after=[*ground.ready, *ground.looks(assembly, node), *balancer, *node.open_ways(nodes)])
            name = camel(assembly.name)
            self._say(f"{name}Front", front.where if front else "-", f"Where clients find {assembly.name}")
            self._say(f"{name}Ports", ",".join(map(str, assembly.front.ports)) or "-", f"Ports of {assembly.name}'s front")
            self._say(f"{name}Group", group, f"Auto Scaling group of {assembly.name}")
            if assembly.capacity.warm_pool:
                self._say(f"{name}Pool", group, f"Auto Scaling group whose warm pool holds a machine for {assembly.name}")

    def _say_all(self, deployable: Deployable, foundation: Foundation | JoinedFoundation, database: SharedDatabase | None) -> None:
        """What the command line reads of a deployed stack, besides what is each assembly's."""
        if database is not None:
            self._say("Database", database.identifier, "The database instance")
        self._say("Assemblies", ",".join(assembly.name for assembly in deployable.assemblies), "What operators may name")
        self._say("Policy", json.dumps(deployable.recovery.changed()), "Numbers of recovery that are not the defaults")
        self._say("Table", foundation.table.table_name, "State table")
        self._say("Bucket", foundation.bucket.bucket_name, "Evidence")
        self._say("Topic", foundation.topic.topic_arn, "Where people are paged")

    def _database(self, deployable: Deployable, network: NodeNetwork, foundation: Foundation | JoinedFoundation) -> SharedDatabase | None:
        if deployable.database is None:
            return None
        return SharedDatabase(
            self,
            "SharedDatabase",
            deployable=deployable,
            database=deployable.database,
            network=network,
            shared_way=foundation.secrets_way if isinstance(foundation, JoinedFoundation) else None,
        )

    def _own(
        self,
        deployable: Deployable,
        network: NodeNetwork,
        foundation: Foundation,
        fronts: Mapping[str, Front | None],
        *,
        database: SharedDatabase | None,
        volumes: Mapping[str, VolumeState],
        archive: Path,
    ) -> Ground:
        reach = reach_of(deployable)
        functions = Functions(
            self,
            "Functions",
            reach=reach,
            network=network,
            foundation=foundation,
            fronts=fronts,
            environment=told_of(self, deployable, fronts),
            volumes=volumes,
            archive=archive,
            databases={database.identifier: deployable.name} if database is not None else None,
        )
        wakes = Wakes(self, "Wakes", reach=reach, foundation=foundation, functions=functions)
        wake_for_volumes(
            self, "VolumeEvents", volumes=volumes.values(), recover=functions.recover_assembly, dead_letters=foundation.dead_letters
        )
        alarms = Alarms(self, "Alarms", reach=reach, foundation=foundation, functions=functions)
        if database is not None:
            wakes.record([database.identifier], functions.record_event())
        if deployable.dashboard:
            Dashboard(self, "Dashboard", reach=reach, functions=functions, alarms=alarms.all)
        return Ground(functions.prober_group, (network, foundation, functions, wakes, alarms))

    def _join(
        self,
        deployable: Deployable,
        network: NodeNetwork,
        foundation: JoinedFoundation,
        fronts: Mapping[str, Front | None],
        *,
        database: SharedDatabase | None,
        volumes: Mapping[str, VolumeState],
    ) -> Ground:
        """Nothing of a foundation is made: the deployable registers at the one that it shares."""
        entry = Registration(
            self,
            "Registration",
            deployable=deployable,
            joined=foundation,
            cidr=network.cidr,
            fronts=fronts,
            volumes=volumes,
            database=database.identifier if database is not None else None,
        )
        pairs = [(deployable.name, assembly.name) for assembly in deployable.assemblies]
        alarms = HealthyAlarms(self, "Alarms", pairs=pairs, recover=foundation.recover)
        wake_for_volumes(self, "VolumeEvents", volumes=volumes.values(), recover=foundation.recover)
        # By this tag the functions there know what they may act on; a group hands it to its instances.
        Tags.of(self).add(names.TAG_FOUNDATION, str(deployable.foundation), include_resource_types=["AWS::AutoScaling::AutoScalingGroup"])
        return Ground(foundation.prober, (network, foundation, entry, alarms), entry)

    def _say(self, name: str, value: str, description: str) -> None:
        CfnOutput(self, name, value=value, description=description)


def camel(name: str) -> str:
    """my-app -> MyApp."""
    return "".join(part.capitalize() for part in name.split("-"))
