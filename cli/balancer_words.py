"""What a load balancer as front means, in words."""

from __future__ import annotations

from collections.abc import Iterator

from core.balancer import HTTP_PORT, Balancer
from core.model import Front, FrontKind


def balancer_words(front: Front, balancer: Balancer, network: str) -> Iterator[str]:
    """network: where the nodes are."""
    name, speaks = ("an Application Load Balancer", "HTTP") if front.kind is FrontKind.ALB else ("a Network Load Balancer", "TCP")
    if balancer.certificate is not None:
        speaks = "HTTPS"
    ports = ", ".join(map(str, front.ports))
    inner = f", all to the node's port {balancer.target_port}" if balancer.target_port is not None else ""
    yield f"    clients: the name of {name}, {speaks}, port {ports}{inner}; from {', '.join(balancer.sources(network))}"
    if balancer.redirect:
        yield f"    port {HTTP_PORT} sends them to HTTPS at port {front.ports[0]}"
    if front.kind is FrontKind.NLB:
        yield "    a new node is sent nothing for one to three minutes: an NLB takes so long with a new target, and nothing makes it faster"
    if balancer.access_logs:
        yield "    every request is logged into the foundation's bucket and kept for 90 days"
    if balancer.deletion_protection:
        yield "    AWS deletes it for nobody: before the stack can be removed write deletion_protection: false and deploy once more"
