"""A load balancer as front: what it speaks, where it sends it, and who may come."""

from __future__ import annotations

from dataclasses import dataclass

from core.application import PORT_MAX, check_bounds

HTTP_PORT, HTTPS_PORT = 80, 443
ANYBODY = "0.0.0.0/0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancer:
    """target_port: the one port of the node that all of the front's ports lead to; None: each leads to the same port of the node.

    certificate: ARN of the certificate with which every port of an ALB speaks HTTPS. redirect: port 80 sends clients there.
    internal: it has private addresses alone. clients: IPv4 networks that may come in; empty: all of the network where it is
    internal, and else everybody.
    """

    target_port: int | None = None
    certificate: str | None = None
    redirect: bool = False
    access_logs: bool = False
    deletion_protection: bool = False
    internal: bool = False
    clients: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.target_port is not None:
            check_bounds(1, PORT_MAX, target_port=self.target_port)
        if self.redirect and self.certificate is None:
            raise ValueError("a redirect leads to HTTPS, which needs a certificate")

    def listens(self, ports: tuple[int, ...]) -> tuple[int, ...]:
        """Every port that it takes connections on."""
        return (*ports, HTTP_PORT) if self.redirect else ports

    def targets(self, ports: tuple[int, ...]) -> tuple[int, ...]:
        """The node's ports that it sends to."""
        return ports if self.target_port is None else (self.target_port,)

    def sources(self, network: str) -> tuple[str, ...]:
        """The IPv4 networks that may come in. network: where the nodes are."""
        return self.clients or ((network,) if self.internal else (ANYBODY,))
