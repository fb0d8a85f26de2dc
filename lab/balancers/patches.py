"""Where the physics of load balancers takes moto's place: targets with a life, and what AWS refuses."""

from __future__ import annotations

import contextlib
from typing import Any

from moto.backends import get_backend
from moto.elbv2.exceptions import ELBClientError, InvalidTargetError
from moto.elbv2.models import ELBv2Backend, FakeHealthStatus, FakeTargetGroup

from lab.balancers.engine import Balancers
from lab.ec2 import instances_of
from lab.patching import take_over
from lab.world import ACCOUNT, REGION

REPLACED: dict[type, tuple[str, ...]] = {
    FakeTargetGroup: ("register", "deregister", "health_for"),
    ELBv2Backend: ("create_load_balancer", "delete_load_balancer", "create_listener"),
}
MOTO = {name: getattr(owner, name) for owner, names in REPLACED.items() for name in names}


def patch(balancers: Balancers) -> None:
    """Replaces methods of moto's FakeTargetGroup and ELBv2Backend."""

    def register(self: Any, targets: list[dict[str, Any]]) -> None:
        """moto takes instances that there are not; AWS does not (API_RegisterTargets.html: InvalidTarget)."""
        if any(self.ec2_backend.get_instance_by_id(target["Id"]) is None for target in targets):
            raise InvalidTargetError
        MOTO["register"](self, targets)
        balancers.registered(self, [target["Id"] for target in targets])

    def deregister(self: Any, targets: list[dict[str, Any]]) -> None:
        """One that is no target is none all the same: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html."""
        MOTO["deregister"](self, [target for target in targets if target["Id"] in self.targets])
        balancers.deregistered(self, [target["Id"] for target in targets])

    def health_for(self: Any, target: dict[str, Any], ec2_backend: Any) -> Any:
        status = MOTO["health_for"](self, target, ec2_backend)
        found = balancers.state_of(self.arn, target["Id"]) if status.status == "healthy" else None
        if found is None:
            return status
        return FakeHealthStatus(status.instance_id, status.port, status.health_check_port, found[0], found[1] or None)

    take_over(FakeTargetGroup, register=register, deregister=deregister, health_for=health_for)
    _patch_backend()
    with contextlib.suppress(KeyError):  # an emulator without EC2's physics has nobody who could be gone
        instances_of(balancers.world).on_gone.append(balancers.gone)


def _patch_backend() -> None:
    def create_load_balancer(self: Any, *given: Any, **named: Any) -> Any:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html ("Subnets")."""
        subnets = [self.ec2_backend.get_subnet(subnet) for subnet in named.get("subnet_ids") or ()]
        zones = {subnet.availability_zone for subnet in subnets if subnet is not None}
        if named.get("loadbalancer_type") != "network" and len(zones) < 2:
            raise ELBClientError("ValidationError", "At least two subnets in two different Availability Zones must be specified")
        return MOTO["create_load_balancer"](self, *given, **named)

    def delete_load_balancer(self: Any, arn: str) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#deletion-protection"""
        found = self.load_balancers.get(arn)
        if found is not None and found.attrs.get("deletion_protection.enabled") == "true":
            raise ELBClientError("OperationNotPermitted", f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")
        MOTO["delete_load_balancer"](self, arn)

    def create_listener(self: Any, *given: Any, **named: Any) -> Any:
        """The user's certificate is in the user's account: here one is made in its stead, for which nobody vouches."""
        if named.get("certificate"):
            _ensure_certificate(named["certificate"], self.load_balancers[named["load_balancer_arn"]].dns_name)
        return MOTO["create_listener"](self, *given, **named)

    take_over(
        ELBv2Backend,
        create_load_balancer=create_load_balancer,
        delete_load_balancer=delete_load_balancer,
        create_listener=create_listener,
    )


def _ensure_certificate(arn: str, name: str) -> None:
    from moto.acm.models import CertBundle

    acm: Any = get_backend("acm")[ACCOUNT][REGION]
    if arn not in acm._certificates:
        made = CertBundle.generate_cert(name, ACCOUNT, REGION)
        made.arn = arn
        acm._certificates[arn] = made
