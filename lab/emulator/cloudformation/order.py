"""In which order a template's resources are made: after everything they name, or say they depend on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

_IN_SUB = re.compile(r"\$\{([^!}][^}.]*)(?:\.[^}]*)?\}")


class Circular(Exception):
    """Resources that wait for each other; AWS refuses such a template."""


def _named(value: Any) -> Iterator[str]:
    """Every logical id that a value names by Ref, GetAtt or Sub."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Ref" and isinstance(inner, str):
                yield inner
            elif key == "Fn::GetAtt":
                yield inner.split(".")[0] if isinstance(inner, str) else str(inner[0])
            elif key == "Fn::Sub":
                yield from _IN_SUB.findall(inner if isinstance(inner, str) else inner[0])
                yield from _named(inner[1] if isinstance(inner, list) else None)
            else:
                yield from _named(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner)


def needed_by(logical_id: str, resources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What must be complete before a resource is begun; all else may be made beside it."""
    body = resources[logical_id]
    depends = body.get("DependsOn", [])
    needed = [depends] if isinstance(depends, str) else list(depends)
    needed += [name for name in _named(body.get("Properties", {})) if name != logical_id]
    return [name for name in needed if name in resources]


def creation_order(resources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Logical ids, each after those it needs; otherwise in the template's own order. Raises Circular.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html
    """
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for logical_id in resources:
        sorter.add(logical_id, *needed_by(logical_id, resources))
    try:
        return list(sorter.static_order())
    except CycleError as error:
        raise Circular(f"Circular dependency between resources: [{', '.join(error.args[1])}]") from error
