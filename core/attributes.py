"""Plain items (core.items) as DynamoDB writes them, each value under its type, and back.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Plain = dict[str, Any]
Typed = dict[str, dict[str, Any]]


def typed_item(item: Mapping[str, Any]) -> Typed:
    """Raises TypeError for what no item of ours holds: a float, bytes, a set."""
    return {name: _typed(value) for name, value in item.items()}


def plain_item(stored: Mapping[str, Mapping[str, Any]]) -> Plain:
    """Numbers become whole ones: every number that we store is. Raises ValueError for a type that no item of ours holds."""
    return {name: _plain(value) for name, value in stored.items()}


def _typed(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Mapping):
        return {"M": {name: _typed(inner) for name, inner in value.items()}}
    if isinstance(value, list | tuple):
        return {"L": [_typed(inner) for inner in value]}
    raise TypeError(f"{value!r:.80} has no place in an item: {type(value).__name__}")


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    if kind == "S" or kind == "BOOL":
        return inner
    if kind == "N":
        return int(inner) if inner.lstrip("-").isdigit() else int(Decimal(inner))
    if kind == "M":
        return {name: _plain(each) for name, each in inner.items()}
    if kind == "L":
        return [_plain(each) for each in inner]
    if kind == "NULL":
        return None
    raise ValueError(f"an attribute of type {kind!r}: no item of ours has one")
