"""Is what was read what was wanted? Differences, each with its path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_ABSENT = object()
# AWS and the deploy add tags of their own.
MORE_ALLOWED = frozenset({"Tags"})


@dataclass(frozen=True, slots=True)
class Difference:
    """got: None stands for "nothing reads back" too."""

    path: str
    wanted: Any
    got: Any


def same_scalar(wanted: Any, got: Any) -> bool:
    """CloudFormation and the APIs write one value as number, text or truth value."""
    if isinstance(wanted, bool) or isinstance(got, bool):
        return str(wanted).lower() == str(got).lower()
    try:
        return float(wanted) == float(got)
    except (TypeError, ValueError):
        return str(wanted) == str(got)


def _as_document(value: Any) -> Any:
    """APIs give documents (policies, patterns) as text."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def differences(wanted: Any, got: Any, path: str = "", *, name: str = "") -> Iterator[Difference]:
    """Everything in wanted that got lacks or has otherwise. More keys in got are fine: they are defaults.

    Lists are equal in any order, and of equal length unless AWS itself adds to them.
    """
    if isinstance(wanted, Mapping):
        got = _as_document(got)
        if not isinstance(got, Mapping):
            yield Difference(path, wanted, None if got is _ABSENT else got)
            return
        for key, value in wanted.items():
            yield from differences(value, got.get(key, _ABSENT), f"{path}.{key}" if path else key, name=key)
    elif isinstance(wanted, list):
        got = _as_document(got)
        if not isinstance(got, list):
            yield Difference(path, wanted, None if got is _ABSENT else got)
            return
        yield from _list_differences(wanted, got, path, name)
    elif got is _ABSENT or not same_scalar(wanted, got):
        yield Difference(path, wanted, None if got is _ABSENT else got)


def _list_differences(wanted: list[Any], got: list[Any], path: str, name: str) -> Iterator[Difference]:
    left = list(got)
    for index, item in enumerate(wanted):
        match = next((other for other in left if not any(differences(item, other))), _ABSENT)
        if match is not _ABSENT:
            left.remove(match)
        elif len(wanted) == len(got) == 1:
            yield from differences(item, got[0], f"{path}[0]")
            left.clear()
        else:
            yield Difference(f"{path}[{index}]", item, got)
    if left and name not in MORE_ALLOWED:
        yield Difference(path, wanted, got)
