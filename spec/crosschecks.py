"""What only shows when several keys are read together: names used twice, ports that clash, circles.

These read the plain values, not the checked ones, so that they can speak beside any other error.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core import names
from spec.application_checks import check_application, ha_port_of
from spec.balancer import check_balancer_zones, node_ports
from spec.capacity import check_capacity
from spec.database_checks import check_database, has_database
from spec.egress import check_egress
from spec.image import check_image
from spec.neighbours import check_neighbours
from spec.ordering import order_check
from spec.problems import Finding, KeyPath
from spec.sharing import check_shared
from spec.state import check_state
from spec.zonal import check_zones


def cross_check(data: Any) -> Iterator[Finding]:
    """Every finding in the file; parts of the wrong shape are passed over, for others report them."""
    yield from check_egress(data)
    yield from check_shared(data)
    assemblies = _list(data, "assemblies")
    yield from _names_once([(("assemblies", index, "name"), assembly) for index, assembly in assemblies], "assemblies")
    for index, assembly in assemblies:
        here: KeyPath = ("assemblies", index)
        applications = _list(assembly, "applications")
        placed = [((*here, "applications", number), application) for number, application in applications]
        yield from _names_once([((*path, "name"), application) for path, application in placed], "applications of this assembly")
        yield from _ports_once(here, assembly, placed)
        yield from _folders_apart(placed)
        yield from _files_apart(placed)
        yield from check_state(here, assembly, placed)
        yield from order_check(placed, "application of this assembly")
        for path, application in placed:
            yield from check_application(path, application)
        yield from _host_names(here, assembly)
        yield from check_image(here, assembly)
        yield from check_capacity(here, assembly)
    yield from check_zones(data, assemblies)
    yield from check_balancer_zones(data)
    yield from check_database(data)
    neighbours: list[tuple[KeyPath, dict[str, Any]]] = [(("assemblies", index), assembly) for index, assembly in assemblies]
    yield from check_neighbours(neighbours, database=has_database(data), addressed=_section(data, "network").get("egress") == "public_ip")


def _list(data: Any, key: str) -> list[tuple[int, dict[str, Any]]]:
    items = data.get(key) if isinstance(data, dict) else None
    return [(index, item) for index, item in enumerate(items if isinstance(items, list) else ()) if isinstance(item, dict)]


def _section(data: dict[str, Any], key: str) -> dict[str, Any]:
    section = data.get(key)
    return section if isinstance(section, dict) else {}


def _names_once(named: list[tuple[KeyPath, dict[str, Any]]], what: str) -> Iterator[Finding]:
    seen: set[str] = set()
    for path, item in named:
        name = item.get("name")
        if isinstance(name, str):
            if name in seen:
                yield path, name, f"is used by two {what}", "give each its own name"
            seen.add(name)


def _ports_once(here: KeyPath, assembly: dict[str, Any], placed: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Finding]:
    """Every port is listened on once: the node's two, each application's HA port, and the clients'."""
    ha, front = _section(assembly, "ha"), _section(assembly, "front")
    uses: list[tuple[KeyPath, Any, str]] = [
        ((*here, "ha", "port"), ha.get("port", names.HA_PORT), "the node's HA port"),
        ((*here, "ha", "http"), ha.get("http", names.HTTP_PORT), "the node's HTTP port"),
        *(
            ((*path, *key), port, f"the HA port of {application.get('name')}")
            for path, application in placed
            for key, port in ha_port_of(application)
        ),
        *(((*here, "front", *key), port, "a port of the front") for key, port in node_ports(front)),
    ]
    taken: dict[int, str] = {}
    for path, port, use in uses:
        if isinstance(port, int) and not isinstance(port, bool):
            if port in taken:
                yield path, port, f"is {taken[port]} already", "choose another port"
            taken.setdefault(port, use)


def _folders_apart(placed: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Finding]:
    """An artifact replaces its folder as a whole, so no other may lie inside."""
    seen: list[str] = []
    for path, application in placed:
        to = _section(application, "install").get("to")
        if isinstance(to, str):
            clash = next((other for other in seen if f"{to}/".startswith(f"{other}/") or f"{other}/".startswith(f"{to}/")), None)
            if clash is not None:
                yield (
                    (*path, "install", "to"),
                    to,
                    f"lies in, or around, {clash} of another application",
                    "give each application its own folder",
                )
            seen.append(to)


def _files_apart(placed: list[tuple[KeyPath, dict[str, Any]]]) -> Iterator[Finding]:
    """Two applications that rotate one file would rename it under each other; totals in one file would be each other's."""
    seen: set[str] = set()
    for path, application in placed:
        for section in ("output", "counters"):
            file = _section(application, section).get("file")
            if isinstance(file, str):
                if file in seen:
                    yield (*path, section, "file"), file, "is used twice", "give each its own file"
                seen.add(file)


def _host_names(here: KeyPath, assembly: dict[str, Any]) -> Iterator[Finding]:
    """Each name once; `front` where there is one; a command only where something is watched for it."""
    seen: set[str] = set()
    for index, entry in _list(assembly, "host_names"):
        name = entry.get("name")
        if isinstance(name, str):
            if name.lower() in seen:
                yield (*here, "host_names", index, "name"), name, "is given twice", "keep one: a name has one meaning on a node"
            seen.add(name.lower())
        if entry.get("resolves") == "front" and entry.get("of") is None and _section(assembly, "front").get("kind", "none") == "none":
            yield (
                (*here, "host_names", index, "resolves"),
                "front",
                "has no address",
                "add a front, such as {kind: elastic_ip, ports: [8080]}",
            )
    if assembly.get("on_address_change") is not None and not assembly.get("depends_on"):
        yield (*here, "on_address_change"), None, "has nothing to wait for", "list the host names to watch: depends_on: [NAME]"
