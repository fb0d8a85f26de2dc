"""What one assembly says of another: who starts first, whom it may talk to, whose address a name means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.database import REACHED
from spec.balancer import KINDS
from spec.ordering import order_check
from spec.problems import Finding, KeyPath

Placed = list[tuple[KeyPath, dict[str, Any]]]


def check_neighbours(assemblies: Placed, *, database: bool = False, addressed: bool = False) -> Iterator[Finding]:
    """assemblies: with their places, as plain values; parts of the wrong shape are passed over, for others report them.

    database: whether the file has one. addressed: whether every node has a public address of its own.
    """
    yield from order_check(assemblies, "assembly of this deployable")
    kinds = {item["name"]: _front(item) for _, item in assemblies if isinstance(item.get("name"), str)}
    fronts = {item["name"]: item.get("front") for _, item in assemblies if isinstance(item.get("name"), str)}
    for path, item in assemblies:
        reaches = item.get("reaches")
        for index, name in enumerate(reaches if isinstance(reaches, list) else ()):
            if not (database and name == REACHED):
                yield from _reach((*path, "reaches", index), name, item, kinds, addressed=addressed)
                yield from _reach_balancer((*path, "reaches", index), name, kinds, fronts)
        host_names = item.get("host_names")
        for index, entry in enumerate(host_names if isinstance(host_names, list) else ()):
            of = entry.get("of") if isinstance(entry, dict) else None
            if isinstance(of, str):
                yield from _named((*path, "host_names", index, "of"), of, kinds)
                yield from _fixed((*path, "host_names", index, "of"), of, kinds.get(of), fronts.get(of))
            elif isinstance(entry, dict) and entry.get("resolves") == "front":
                yield from _fixed((*path, "host_names", index, "resolves"), "front", _front(item), item.get("front"))
    yield from _names_once(assemblies)


def _fixed(path: KeyPath, value: str, kind: str | None, front: Any) -> Iterator[Finding]:
    """A hosts file holds addresses, and that of a name changes with the node behind it."""
    if kind in KINDS:
        # https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/how-elastic-load-balancing-works.html: its addresses change.
        remedy = "let programs look up its own name, as the stack's outputs say it"
        yield path, value, "is a load balancer, which has no fixed address", remedy
    if kind == "dns":
        name = front.get("name") if isinstance(front, dict) else None
        yield (
            path,
            value,
            "is a name, which has no fixed address",
            f"let programs look up its own name, {name}: every machine there resolves it",
        )


def _names_once(assemblies: Placed) -> Iterator[Finding]:
    """Two records of one name would be one record, moved to and fro."""
    seen: dict[str, str] = {}
    for path, item in assemblies:
        front = item.get("front")
        name = front.get("name") if isinstance(front, dict) else None
        if isinstance(name, str):
            if name.lower() in seen:
                yield (*path, "front", "name"), name, f"is the name of {seen[name.lower()]} already", "give each assembly its own"
            seen.setdefault(name.lower(), str(item.get("name")))


def _front(item: dict[str, Any]) -> str:
    front = item.get("front")
    return str(front.get("kind", "none")) if isinstance(front, dict) else "none"


def _named(path: KeyPath, name: str, kinds: dict[str, str]) -> Iterator[Finding]:
    if name not in kinds:
        yield path, name, "is no assembly of this deployable", f"there are: {', '.join(sorted(kinds))}"
    elif kinds[name] == "none":
        yield path, name, "has no front", f"give {name} one, such as {{kind: elastic_ip, ports: [8080]}}: its nodes come and go"


def _reach_balancer(path: KeyPath, name: object, kinds: dict[str, str], fronts: dict[str, Any]) -> Iterator[Finding]:
    """Nodes have no public address of their own, and a security group knows nobody who comes by way of the internet."""
    if isinstance(name, str) and kinds.get(name) in KINDS and fronts[name].get("internal") is not True:
        yield path, name, "has a load balancer with public addresses, which a node cannot reach", f"give {name}'s front internal: true"


def _reach(path: KeyPath, name: object, item: dict[str, Any], kinds: dict[str, str], *, addressed: bool) -> Iterator[Finding]:
    if not isinstance(name, str):
        return
    if name == item.get("name"):
        yield path, name, "is this assembly itself", "leave it out: a node reaches itself by 127.0.0.1"
        return
    if name == REACHED and name not in kinds:
        yield (
            path,
            name,
            "is not there: the file has no database",
            'add one, such as database: {engine: postgres, version: "16.4", instance: db.t4g.medium}',
        )
        return
    yield from _named(path, name, kinds)
    if kinds.get(name) == "elastic_ip" and _front(item) != "elastic_ip" and not addressed:
        # https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html: without a public address of its own
        # a node reaches no public address, its neighbour's included.
        yield (
            path,
            name,
            "has an Elastic IP, which a node without a public address cannot reach",
            "give this assembly a front of kind elastic_ip too, or its nodes an address each by network.egress: public_ip",
        )
