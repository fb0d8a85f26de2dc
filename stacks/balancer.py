"""A load balancer as front: its listeners, a target group for each port of the node, and who may come in by it.

The group of nodes does not know the target groups: move_front alone registers a node in them, by its permit, and fencing takes it
out (docs/decisions/load-balancers.md tells why).
"""

from __future__ import annotations

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from constructs import Construct, IDependable

from core import names
from core.balancer import HTTP_PORT
from core.model import Assembly, FrontKind
from stacks import permissions as may
from stacks.access_logs import let_logs_in, log_prefix
from stacks.foundation import Foundation, Standing
from stacks.network import NodeNetwork

# The shortest that both kinds take: a node is found well, or not, 10 s after it is (API_CreateTargetGroup).
CHECK_EVERY_S, CHECK_TIMEOUT_S, CHECKS = 5, 2, 2
HEALTH_PATH = "/readyz"
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html: TLS 1.2 and 1.3, forward secrecy.
SSL_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"

Attributes = dict[str, str]


class BalancerFront(Construct):
    """An Application or Network Load Balancer in the nodes' subnets; only its own group's members come to the node's ports by it."""

    address: str | None = None  # its name stays, its addresses do not

    def __init__(
        self, scope: Construct, id_: str, *, deployable: str, assembly: Assembly, network: NodeNetwork, foundation: Standing
    ) -> None:
        super().__init__(scope, id_)
        front, balancer = assembly.front, assembly.front.balancer
        assert balancer is not None, "spec gives every front of these kinds its keys"
        self.ports = front.ports
        self._kind, self._balancer, self._assembly = front.kind, balancer, assembly
        self._network, self._foundation, self._deployable = network, foundation, deployable
        # What the node must let in: clients' connections, and the balancer's questions whether it is ready.
        self.node_ports = (*balancer.targets(front.ports), assembly.http_port)
        self.door = self._door()  # whoever comes by the balancer is known by its group
        self.clients: ec2.IPeer | None = self.door
        self._load_balancer = self._make()
        self.where: str = self._load_balancer.attr_dns_name
        self._groups = {port: self._target_group(port) for port in balancer.targets(front.ports)}
        for port in front.ports:
            self._listener(port)
        if balancer.redirect:
            self._redirect()

    def _door(self) -> ec2.SecurityGroup:
        """An NLB is given a group when it is made or never; its targets' rules may name it although clients keep their addresses.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
        """
        balancer = self._balancer
        description = f"Front of {self._deployable}/{self._assembly.name}"
        group = ec2.SecurityGroup(self, "Door", vpc=self._network.vpc, description=description, allow_all_outbound=False)
        for port in balancer.listens(self.ports):
            for source in balancer.sources(self._network.cidr):
                group.add_ingress_rule(ec2.Peer.ipv4(source), ec2.Port.tcp(port), "clients")
        for port in self.node_ports:
            group.add_egress_rule(ec2.Peer.ipv4(self._network.cidr), ec2.Port.tcp(port), "its node")
        return group

    def _make(self) -> elb.CfnLoadBalancer:
        kind = elb.CfnLoadBalancer
        subnets = self._network.subnets if self._balancer.internal else self._network.public_subnets
        if not subnets:
            raise ValueError(f"{self._assembly.name}: a load balancer with public addresses needs public subnets: make it internal")
        made = kind(
            self,
            "Balancer",
            type="application" if self._kind is FrontKind.ALB else "network",
            scheme="internal" if self._balancer.internal else "internet-facing",
            subnets=[subnet.subnet_id for subnet in subnets],
            security_groups=[self.door.security_group_id],
            load_balancer_attributes=[
                kind.LoadBalancerAttributeProperty(key=key, value=value) for key, value in sorted(self._attributes().items())
            ],
        )
        Tags.of(made).add(names.TAG_DEPLOYABLE, self._deployable)
        Tags.of(made).add(names.TAG_ASSEMBLY, self._assembly.name)
        # Public addresses need the network's way to the internet, which they do not refer to.
        made.node.add_dependency(self._network.vpc)
        if self._balancer.access_logs:
            made.node.add_dependency(*self._let_logs_in())
        return made

    def _attributes(self) -> Attributes:
        found = {"deletion_protection.enabled": _word(self._balancer.deletion_protection)}
        if self._kind is FrontKind.NLB:
            # One node in one of the zones: without this the balancer's address in the other zone would lead nowhere.
            return found | {"load_balancing.cross_zone.enabled": "true"}
        found |= {"access_logs.s3.enabled": _word(self._balancer.access_logs), "routing.http.drop_invalid_header_fields.enabled": "true"}
        if self._balancer.access_logs:
            found |= {"access_logs.s3.bucket": self._foundation.bucket.bucket_name, "access_logs.s3.prefix": self._log_prefix}
        return found

    @property
    def _log_prefix(self) -> str:
        return log_prefix(self._deployable, self._assembly.name)

    def _let_logs_in(self) -> list[IDependable]:
        """A shared foundation's bucket lets in everybody's: its policy is no deployable's to write."""
        return [let_logs_in(self._foundation.bucket, self._log_prefix)] if isinstance(self._foundation, Foundation) else []

    def _target_group(self, port: int) -> elb.CfnTargetGroup:
        kind = elb.CfnTargetGroup
        attributes = {"deregistration_delay.timeout_seconds": "0"}  # whoever is taken out is fenced or has stopped: nothing to wait for
        if self._kind is FrontKind.NLB:
            attributes |= {
                "deregistration_delay.connection_termination.enabled": "true",
                "preserve_client_ip.enabled": "true",
                # An application that restarts is not ready; its neighbours' connections on the same node are none of its business.
                "target_health_state.unhealthy.connection_termination.enabled": "false",
            }
        made = kind(
            self,
            f"Targets-{port}",
            vpc_id=self._network.vpc.vpc_id,
            target_type="instance",
            protocol="HTTP" if self._kind is FrontKind.ALB else "TCP",
            port=port,
            # The certificate that the node's settings name is not checked: the node is known by where it is.
            health_check_protocol="HTTPS" if self._assembly.http.certificate else "HTTP",
            health_check_port=str(self._assembly.http_port),
            health_check_path=HEALTH_PATH,
            health_check_interval_seconds=CHECK_EVERY_S,
            health_check_timeout_seconds=CHECK_TIMEOUT_S,
            healthy_threshold_count=CHECKS,
            unhealthy_threshold_count=CHECKS,
            matcher=kind.MatcherProperty(http_code="200"),
            target_group_attributes=[kind.TargetGroupAttributeProperty(key=key, value=value) for key, value in sorted(attributes.items())],
        )
        Tags.of(made).add(names.TAG_DEPLOYABLE, self._deployable)
        Tags.of(made).add(names.TAG_ASSEMBLY, self._assembly.name)
        return made

    def _listener(self, port: int) -> None:
        certificate = self._balancer.certificate
        target = self._groups[self._balancer.target_port or port]
        elb.CfnListener(
            self,
            f"Listener-{port}",
            load_balancer_arn=self._load_balancer.ref,
            port=port,
            protocol="TCP" if self._kind is FrontKind.NLB else "HTTP" if certificate is None else "HTTPS",
            default_actions=[elb.CfnListener.ActionProperty(type="forward", target_group_arn=target.ref)],
            certificates=[elb.CfnListener.CertificateProperty(certificate_arn=certificate)] if certificate else None,
            ssl_policy=SSL_POLICY if certificate else None,
        )

    def _redirect(self) -> None:
        to = elb.CfnListener.RedirectConfigProperty(status_code="HTTP_301", protocol="HTTPS", port=str(self.ports[0]))
        elb.CfnListener(
            self,
            "Redirect",
            load_balancer_arn=self._load_balancer.ref,
            port=HTTP_PORT,
            protocol="HTTP",
            default_actions=[elb.CfnListener.ActionProperty(type="redirect", redirect_config=to)],
        )

    # --- stacks.front.Front ---------------------------------------------------------------------------

    def settings(self) -> dict[str, object]:
        return {
            "kind": self._kind.value,
            "address": self.where,
            "groups": [group.ref for group in self._groups.values()],
            "ports": list(self.ports),
        }

    def to_see(self) -> list[iam.PolicyStatement]:
        return [may.describe("elasticloadbalancing:DescribeTargetHealth")]

    def to_move(self) -> list[iam.PolicyStatement]:
        return [may.allow("elasticloadbalancing:RegisterTargets", on=self._group_arns()), *self.to_fence()]

    def to_fence(self) -> list[iam.PolicyStatement]:
        """What it takes to have a fenced node sent nothing more, though every target were unhealthy."""
        return [may.allow("elasticloadbalancing:DeregisterTargets", on=self._group_arns())]

    def _group_arns(self) -> list[str]:
        return [group.ref for group in self._groups.values()]


def _word(value: bool) -> str:
    return "true" if value else "false"
