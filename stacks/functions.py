"""The six functions: one archive, and each a role, a log and a way for failures to be seen of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from aws_cdk import Stack, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from core import names
from core.model import Deployable
from core.watching.fleet import check_environment
from stacks import permissions as may
from stacks.balancer import BalancerFront
from stacks.foundation import Foundation
from stacks.front import Front, front_settings, unknown_bytes
from stacks.function import Place, camel_of, make_function
from stacks.handlers import (
    ADMIT_NODE,
    MOVE_FRONT,
    PROBE_MANY_NODES,
    PROBE_NODES,
    RECORD_EVENT,
    RECOVER_ASSEMBLY,
    RETIRE_NODE,
    TICK,
    Handler,
)
from stacks.network import NodeNetwork
from stacks.reach import Reach
from stacks.volume import VolumeState, volumes_settings


class Functions(Construct):
    """Made in the order in which they call each other, so that each role can name whom it may invoke.

    by_module: all of them, by the module of the handler.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        reach: Reach,
        network: NodeNetwork,
        foundation: Foundation,
        fronts: Mapping[str, Front | None],
        volumes: Mapping[str, VolumeState],
        environment: Mapping[str, str],
        archive: Path,
        databases: Mapping[str, str] | None = None,
        prober: ec2.SecurityGroup | None = None,
    ) -> None:
        """environment: whom they look after. fronts: those that are known here; on a shared foundation none is (stacks.joined).

        prober: the prober's security group, when others had to know it first. databases: the deployable of each instance, by its name.
        """
        super().__init__(scope, id_)
        self._reach = reach
        self._foundation = foundation
        self.by_module: dict[str, lambda_.Function] = {}
        self._fronts = [front for front in fronts.values() if front is not None]
        self._volumes = list(volumes.values())
        self._databases = dict(databases or {})
        self._table_arn = foundation.table.table_arn
        self._code = lambda_.Code.from_asset(str(archive))
        self._common = {
            names.ENV_TABLE: foundation.table.table_name,
            names.ENV_BUCKET: foundation.bucket.bucket_name,
            **environment,
            **volumes_settings(Stack.of(self), volumes),
        }
        shared = reach.whose.foundation if isinstance(reach.whose, may.Shared) else None
        self._registered = [may.read_parameters(names.register_path(shared))] if shared is not None else []
        self.prober_group = prober or network.security_group(self, "ProberGroup", "The prober: it asks nodes from outside")
        for port in reach.ports:
            self.prober_group.add_egress_rule(ec2.Peer.ipv4(network.cidr), ec2.Port.tcp(port), "look at nodes")
        self.probe_nodes = self._probe_nodes(network)
        self.move_front = self._move_front()
        self.admit_node = self._admit_node()
        self.retire_node = self._retire_node()
        self.recover_assembly = self._recover_assembly()
        self.tick = self._tick()

    def _probe_nodes(self, network: NodeNetwork) -> lambda_.Function:
        looks = self._reach.partitions(names.look_pk)
        function = self._function(
            PROBE_MANY_NODES if self._registered else PROBE_NODES,
            [
                may.be_in_a_vpc(),
                may.consume(self._foundation.tick_queue.queue_arn),
                may.read_items(self._table_arn, [*self._reach.partitions(names.node_pk), *looks]),
                may.items(self._table_arn, looks, "PutItem", "BatchWriteItem"),
            ],
            vpc=network,
        )
        iam.Policy(self, "OnlyLambdaItself", roles=[role_of(function)], statements=[may.only_lambda_itself(function.function_arn)])
        return function

    def _move_front(self) -> lambda_.Function:
        return self._function(
            MOVE_FRONT,
            [
                *_once(statement for front in self._fronts for statement in (*front.to_see(), *front.to_move())),
                *_once(statement for volume in self._volumes for statement in (*volume.to_see(), *volume.to_move())),
                may.items(self._table_arn, self._reach.partitions(names.permit_pk), "GetItem"),
            ],
        )

    def _admit_node(self) -> lambda_.Function:
        return self._function(
            ADMIT_NODE,
            [
                *self._hook_statements(),
                may.write_items(self._table_arn, self._reach.partitions(names.permit_pk)),
                # A deployable on a shared foundation is another stack, which brings this leave along.
                *([] if self._registered else [may.signal_our_stack()]),
            ],
            invokes={names.ENV_FUNCTION_PROBE: self.probe_nodes, names.ENV_FUNCTION_MOVE_FRONT: self.move_front},
        )

    def _retire_node(self) -> lambda_.Function:
        return self._function(RETIRE_NODE, self._hook_statements())

    def _hook_statements(self) -> list[iam.PolicyStatement]:
        """What both hooks' handlers do: look, keep the hook alive or complete it, keep evidence."""
        return [
            *self._look(),
            may.on_our_groups(self._reach.whose, "CompleteLifecycleAction", "RecordLifecycleActionHeartbeat"),
            may.evidence(self._foundation.bucket.bucket_arn, self._reach.whose),
        ]

    def _recover_assembly(self) -> lambda_.Function:
        whose, foundation = self._reach.whose, self._foundation
        stream = foundation.table.table_stream_arn
        assert stream is not None, "the table was made with a stream"
        return self._function(
            RECOVER_ASSEMBLY,
            [
                *self._look(),
                may.read_items(self._table_arn, [*self._reach.intents(), names.BUDGET_PK]),
                may.on_our_groups(whose, "ResumeProcesses", "SuspendProcesses", "TerminateInstanceInAutoScalingGroup"),
                may.make_room_in_our_groups(whose),
                may.on_our_instances(whose, "GetConsoleOutput", "TerminateInstances"),
                *_once(statement for front in self._fronts if isinstance(front, BalancerFront) for statement in front.to_fence()),
                may.write_items(self._table_arn, [*self._reach.partitions(names.incident_pk), *self._reach.histories(), names.BUDGET_PK]),
                may.evidence(foundation.bucket.bucket_arn, whose),
                *([may.on_databases(self._databases, "DescribeDBInstances", "RebootDBInstance")] if self._databases else []),
                *self._tell(),
                may.allow("sqs:SendMessage", on=[foundation.recover_queue.queue_arn]),
                may.consume(foundation.recover_queue.queue_arn),
                *may.follow(stream),
            ],
            invokes={names.ENV_FUNCTION_PROBE: self.probe_nodes, names.ENV_FUNCTION_MOVE_FRONT: self.move_front},
            environment={
                names.ENV_TOPIC: foundation.topic.topic_arn,
                names.ENV_RECOVER_QUEUE: foundation.recover_queue.queue_url,
                **({names.ENV_DATABASES: json.dumps(self._databases)} if self._databases else {}),
            },
        )

    def _tick(self) -> lambda_.Function:
        return self._function(
            TICK,
            [
                *self._look(),
                may.read_items(self._table_arn, self._reach.intents()),
                # An alarm is asked for by its metric, and that knows no resource.
                may.describe("cloudwatch:DescribeAlarmsForMetric"),
                *_once(statement for front in self._fronts for statement in front.to_see()),
                *_once(statement for volume in self._volumes for statement in volume.to_see()),
                may.allow("sqs:SendMessage", on=[self._foundation.tick_queue.queue_arn]),
            ],
            invokes={
                names.ENV_FUNCTION_ADMIT: self.admit_node,
                names.ENV_FUNCTION_RETIRE: self.retire_node,
                names.ENV_FUNCTION_RECOVER: self.recover_assembly,
                names.ENV_FUNCTION_MOVE_FRONT: self.move_front,
            },
            environment={names.ENV_TICK_QUEUE: self._foundation.tick_queue.queue_url},
        )

    def record_event(self) -> lambda_.Function:
        """For deployables with a database, and for a shared foundation, on which there may come to be one.

        What it fails at for good ends in the dead letters, which an alarm watches; it has no part in the alarm on all functions' errors,
        whose price is one metric for each.
        """
        keys = (names.node_pk, names.permit_pk, names.incident_pk)
        made = self._function(
            RECORD_EVENT,
            [
                may.read_items(self._table_arn, [pk for key in keys for pk in self._reach.partitions(key)]),
                may.write_items(self._table_arn, [*self._reach.partitions(names.incident_pk), *self._reach.histories()]),
                *self._tell(),
            ],
            environment={
                names.ENV_TOPIC: self._foundation.topic.topic_arn,
                **({} if self._registered else {names.ENV_DATABASES: json.dumps(self._databases)}),
            },
        )
        del self.by_module[RECORD_EVENT.module]
        return made

    def _tell(self) -> list[iam.PolicyStatement]:
        """People, and programs, of an incident."""
        return [
            may.allow("sns:Publish", on=[self._foundation.topic.topic_arn]),
            may.announce(names.PRODUCT),
            may.allow("kms:Decrypt", "kms:GenerateDataKey", on=[self._foundation.topic_key.key_arn]),
        ]

    def _look(self) -> list[iam.PolicyStatement]:
        """Read the world once: groups, instances, and what the table says of each assembly."""
        keys = (names.node_pk, names.look_pk, names.permit_pk, names.incident_pk)
        return [
            may.describe("autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances"),
            *([may.describe("autoscaling:DescribeWarmPool")] if self._reach.pools else []),
            may.read_items(self._table_arn, [pk for key in keys for pk in self._reach.partitions(key)]),
        ]

    def _function(
        self,
        handler: Handler,
        statements: Sequence[iam.PolicyStatement],
        *,
        invokes: Mapping[str, lambda_.Function] | None = None,
        environment: Mapping[str, str] | None = None,
        vpc: NodeNetwork | None = None,
    ) -> lambda_.Function:
        """A function with its role, log and failure destination; `invokes` maps a variable to the function that it names."""
        invokes = invokes or {}
        function = make_function(
            self,
            handler,
            [
                may.allow("sqs:SendMessage", on=[self._foundation.dead_letters.queue_arn]),
                *statements,
                *([] if vpc else self._registered),  # a function in the VPC is told by who calls it
                *([may.allow("lambda:InvokeFunction", on=[other.function_arn for other in invokes.values()])] if invokes else []),
            ],
            code=self._code,
            environment={
                **self._common,
                **{variable: other.function_name for variable, other in invokes.items()},
                **(environment or {}),
            },
            place=Place(vpc, self.prober_group) if vpc else None,
        )
        self.by_module[handler.module] = function
        Tags.of(function).add(*self._reach.tag)
        lambda_.CfnEventInvokeConfig(
            self,
            f"{camel_of(handler)}Asynchronous",
            function_name=function.function_name,
            qualifier="$LATEST",
            maximum_retry_attempts=handler.retries,
            maximum_event_age_in_seconds=handler.age_s,
            destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
                on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=self._foundation.dead_letters.queue_arn)
            ),
        ).node.add_dependency(role_of(function))
        return function


def told_of(scope: Construct, deployable: Deployable, fronts: Mapping[str, Front | None]) -> dict[str, str]:
    """What the functions of a deployable's own foundation are told of it, in their environment. Raises ValueError when it is too much."""
    settings = {name: front_settings(front) for name, front in fronts.items()}
    draft = json.dumps(settings, separators=(",", ":"))
    check_environment(deployable, draft, unknown_bytes=unknown_bytes(fronts))
    return {names.ENV_NETWORK: deployable.network.cidr, names.ENV_FRONTS: Stack.of(scope).to_json_string(settings)}


def _once(statements: Iterable[iam.PolicyStatement]) -> list[iam.PolicyStatement]:
    """Fronts of one kind ask for the same."""
    return list({json.dumps(statement.to_json(), sort_keys=True): statement for statement in statements}.values())


def role_of(function: lambda_.Function) -> iam.IRole:
    role = function.role
    assert role is not None, "every function here was given a role"
    return role
