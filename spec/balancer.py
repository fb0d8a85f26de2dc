"""Fronts that are load balancers, as the deployable file says it: their keys, and what such a front cannot be."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from core.balancer import HTTP_PORT, HTTPS_PORT, Balancer
from spec.problems import Finding, KeyPath
from spec.section import Section
from spec.values import Matching, Port, wrong

KINDS = ("alb", "nlb")
_ONLY_BALANCERS = ("target_port", "certificate", "redirect", "access_logs", "deletion_protection", "internal", "clients")
RULES_MAX = 60  # into a security group, unless AWS raised it: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
_ONLY_ALB = ("certificate", "redirect", "access_logs")
# https://docs.aws.amazon.com/acm/latest/userguide/acm-overview.html: of the same region; the region is where it is deployed.
CertificateArn = Annotated[
    str,
    Matching(
        r"arn:aws[a-z-]*:acm:[a-z0-9-]{4,30}:\d{12}:certificate/[A-Za-z0-9-]{1,64}",
        "is not the ARN of a certificate in ACM",
        "write it as ACM shows it, such as arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
    ),
]


def _network(value: str) -> str:
    try:
        ipaddress.IPv4Network(value, strict=True)
    except ValueError as error:
        raise wrong("is not an IPv4 network", "write address/bits, such as 203.0.113.0/24; for one address, 203.0.113.7/32") from error
    return value if "/" in value else f"{value}/32"


class BalancerKeys(Section):
    """The keys that alb and nlb have beside kind and ports."""

    target_port: Port | None = Field(
        default=None, description="with `kind: alb` or `nlb`: the node's port that all ports lead to; left out, each leads to the same one"
    )
    certificate: CertificateArn | None = Field(
        default=None, description="with `kind: alb`: ARN of a certificate in ACM, with which every port speaks HTTPS"
    )
    redirect: bool = Field(default=False, description="with `kind: alb` and a certificate: port 80 sends clients to the first port's HTTPS")
    access_logs: bool = Field(default=False, description="with `kind: alb`: each request is logged into the foundation's bucket")
    deletion_protection: bool = Field(
        default=False, description="with `kind: alb` or `nlb`: AWS deletes it for nobody, until this is false again"
    )
    internal: bool = Field(
        default=False, description="with `kind: alb` or `nlb`: it has private addresses alone, for clients inside the network"
    )
    clients: list[Annotated[str, AfterValidator(_network)]] = Field(
        default_factory=list,
        max_length=20,
        description="with `kind: alb` or `nlb`: IPv4 networks that may come in; left out, everybody, or with `internal` the whole network",
    )


def check_keys(front: BalancerKeys, kind: str, ports: list[int]) -> None:
    """What one front says of itself. Raises the errors of spec.values.wrong."""
    given = [key for key in _ONLY_BALANCERS if key in front.model_fields_set]
    if kind not in KINDS:
        if given:
            raise wrong(f"is of kind {kind}, which has no {given[0]}", f"choose kind: alb or nlb, or leave {' and '.join(given)} out")
        return
    if front.target_port is not None and len(set(ports)) < len(ports):
        raise wrong("lists a port twice", "list each port once")
    _check_clients(front.clients)
    rules = (len(ports) + front.redirect) * len(front.clients)
    if rules > RULES_MAX:
        remedy = "name fewer ports, or fewer and wider networks"
        raise wrong(f"lets {len(front.clients)} networks in by {rules // len(front.clients)} ports, {rules} rules of {RULES_MAX}", remedy)
    if kind == "nlb":
        _check_nlb(front, [key for key in _ONLY_ALB if key in front.model_fields_set])
    else:
        _check_alb(front, ports)


def _check_clients(clients: list[str]) -> None:
    """A security group takes no rule twice, and of two networks that overlap one says nothing that the other does not.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html
    """
    networks = [ipaddress.IPv4Network(client) for client in clients]
    for index, network in enumerate(networks):
        other = next((other for other in networks[:index] if other.overlaps(network)), None)
        if other is not None:
            wider = min(network, other, key=lambda one: one.prefixlen)
            raise wrong(f"lets in clients from networks that overlap: {other} and {network}", f"keep the wider one, {wider}")


def _check_nlb(front: BalancerKeys, given: list[str]) -> None:
    if "access_logs" in given and front.access_logs:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html
        raise wrong("is an NLB, which logs TLS alone, and it passes TCP on as it is", "leave access_logs out, or choose kind: alb")
    if given:
        raise wrong(
            f"is an NLB, which passes TCP on as it is and has no {given[0]}",
            f"leave {' and '.join(given)} out, and let the application itself speak TLS; or choose kind: alb",
        )


def _check_alb(front: BalancerKeys, ports: list[int]) -> None:
    if front.certificate is None and HTTPS_PORT in ports:
        raise wrong(
            "opens port 443 without a certificate, and an ALB would speak plain HTTP there",
            "add certificate: ARN of one in ACM, or choose port 80; or kind: nlb, where the application itself speaks TLS",
        )
    if front.redirect and front.certificate is None:
        raise wrong("redirects to HTTPS and has no certificate", "add certificate: ARN of one in ACM, or leave redirect out")
    if front.redirect and HTTP_PORT in ports:
        raise wrong("lists port 80, which redirect takes", "leave 80 out of ports, or redirect out")


def to_balancer(front: BalancerKeys) -> Balancer:
    return Balancer(
        target_port=front.target_port,
        certificate=front.certificate,
        redirect=front.redirect,
        access_logs=front.access_logs,
        deletion_protection=front.deletion_protection,
        internal=front.internal,
        clients=tuple(front.clients),
    )


# --- what shows only together with the rest of the file; plain values ---------------------------------


def node_ports(front: dict[str, Any]) -> list[tuple[KeyPath, Any]]:
    """The node's ports that clients come in by, each with its key inside the front."""
    if front.get("kind") in KINDS and front.get("target_port") is not None:
        return [(("target_port",), front["target_port"])]
    ports = front.get("ports")
    return [(("ports", index), port) for index, port in enumerate(ports if isinstance(ports, list) else ())]


def check_balancer_zones(data: Any) -> list[Finding]:
    """Two or more: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html ("Subnets")."""
    network = data.get("network") if isinstance(data, dict) else None
    if not isinstance(network, dict) or network.get("zones") != 1:
        return []
    assemblies = data.get("assemblies")
    fronts = [item.get("front") if isinstance(item, dict) else None for item in (assemblies if isinstance(assemblies, list) else ())]
    remedy = "write network: {zones: 2}, or kind: nlb"
    return [
        (("assemblies", index, "front", "kind"), "alb", "needs two zones, and the network has one", remedy)
        for index, front in enumerate(fronts)
        if isinstance(front, dict) and front.get("kind") == "alb"
    ]
