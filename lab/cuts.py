"""Single wires of the VPC cut: what a partition is, one direction of talk at a time, with nothing but the kernel's own routing.

What is cut is silent, never refused: a caller waits for its timeout, as behind a network ACL that drops
(https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from lab import netns
from lab.world import AWS_ADDRESS

FUNCTION = "fn"  # what the names of functions' namespaces begin with
# A hardware address that nobody has, at the address that AWS reserves for future use in each VPC:
# https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
_NOBODY = "02:00:00:00:00:00"
_RULE = 10  # preference of our routing rules, before those of the kernel's own tables


class Cuts:
    """Which machines functions do not reach. The caller (VpcNetwork) holds the lock."""

    def __init__(self) -> None:
        self._unseen: set[str] = set()

    def from_functions(self, name: str, links: Iterable[str], functions: Iterable[str], *, cut: bool) -> None:
        """Between one machine and every function of the VPC, both ways; those that are attached later too (`attached`).

        Ports of a bridge that are `isolated` do not reach each other, and reach all others (ip-link(8), bridge_slave).
        """
        (self._unseen.add if cut else self._unseen.discard)(name)
        isolate(links, on=cut)
        isolate(functions, on=bool(self._unseen))

    def attached(self, name: str, link: str) -> None:
        """Somebody is new on the segment."""
        if self._unseen and name.startswith(FUNCTION):
            isolate([link], on=True)

    def gone(self, name: str) -> None:
        self._unseen.discard(name)


def isolate(links: Iterable[str], *, on: bool) -> None:
    lines = [f"link set {link} type bridge_slave isolated {'on' if on else 'off'}" for link in links]
    if lines:
        netns.ip(lines)


def from_services(name: str, vpc: ipaddress.IPv4Network, *, cut: bool) -> None:
    """Between a machine and every service of AWS behind an endpoint: its packets to them go to nobody. Its metadata stays."""
    nobody = vpc[3]
    if cut:
        lines = [f"neigh replace {nobody} lladdr {_NOBODY} dev eth0 nud permanent", f"route replace {AWS_ADDRESS}/32 via {nobody} dev eth0"]
    else:
        lines = [f"route del {AWS_ADDRESS}/32", f"neigh del {nobody} dev eth0"]
    netns.ip(lines, namespace=name)


def from_callers(name: str, ports: Iterable[int], *, cut: bool) -> None:
    """Nobody else who calls these TCP ports of a machine hears an answer; its own calls go on, also those to itself (ip-rule(8), sport)."""
    verb = "add" if cut else "del"
    netns.ip([f"rule {verb} pref {_RULE} ipproto tcp sport {port} blackhole" for port in ports], namespace=name)
