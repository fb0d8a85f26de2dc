"""`after` among applications and among assemblies: it names what there is, and never goes in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from spec.problems import Finding, KeyPath


def order_check(placed: list[tuple[KeyPath, dict[str, Any]]], what: str) -> Iterator[Finding]:
    """placed: the items with their places, as plain values. what: one of them, in words."""
    known = {item["name"]: path for path, item in placed if isinstance(item.get("name"), str)}
    graph: dict[str, set[str]] = {name: set() for name in known}
    for path, item in placed:
        after = item.get("after")
        for index, name in enumerate(after if isinstance(after, list) else ()):
            if isinstance(name, str) and name not in known:
                yield (*path, "after", index), name, f"is no {what}", f"there are: {', '.join(sorted(known))}"
            elif isinstance(name, str) and isinstance(item.get("name"), str):
                graph[item["name"]].add(name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = list(reversed(error.args[1]))  # graphlib names each node after what it waits for
        yield (*known[circle[0]], "after"), None, f"makes a circle: {' after '.join(circle)}", "let one of them start first"
