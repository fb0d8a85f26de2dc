"""Event patterns, for EventBridge rules and for filters of event source mappings alike.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

_MISSING = object()
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}


class UnknownOperator(ValueError):
    """The pattern asks for something this lab does not do: better said than silently unmatched."""


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """True when every field of the pattern matches. Raises UnknownOperator."""
    return all(_field(key, wanted, event) for key, wanted in pattern.items())


def _field(key: str, wanted: Any, event: Any) -> bool:
    if key == "$or":
        return any(matches(option, event) for option in wanted)
    value = event.get(key, _MISSING) if isinstance(event, Mapping) else _MISSING
    if isinstance(wanted, Mapping):
        if isinstance(value, list):  # any element of an array may match
            return any(matches(wanted, item) for item in value)
        return matches(wanted, value)
    values = value if isinstance(value, list) and value else [value]
    return any(_one(test, item) for test in wanted for item in values)


def _one(test: Any, value: Any) -> bool:
    if not isinstance(test, Mapping):
        return (value is not _MISSING and type(test) is type(value) and bool(test == value)) or _same_number(test, value)
    ((name, argument),) = test.items()
    if name == "exists":
        return (value is not _MISSING) is bool(argument)
    if value is _MISSING:
        return False
    return _operate(str(name), argument, value)


def _same_number(one: Any, other: Any) -> bool:
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    return numbers and not isinstance(one, bool) and not isinstance(other, bool) and one == other


def _operate(name: str, argument: Any, value: Any) -> bool:
    match name:
        case "prefix":
            return isinstance(value, str) and _fold(argument, value, str.startswith)
        case "suffix":
            return isinstance(value, str) and _fold(argument, value, str.endswith)
        case "equals-ignore-case":
            return isinstance(value, str) and value.lower() == str(argument).lower()
        case "anything-but":
            if isinstance(argument, Mapping):
                return not _one(argument, value)
            return not any(_one(item, value) for item in (argument if isinstance(argument, list) else [argument]))
        case "numeric":
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                return False
            return all(_COMPARE[sign](value, limit) for sign, limit in zip(argument[::2], argument[1::2], strict=True))
        case "wildcard":
            return isinstance(value, str) and _wildcard(argument, value)
    raise UnknownOperator(f"the lab does not know the pattern operator {name!r}")


def _fold(argument: Any, value: str, test: Callable[[str, str], bool]) -> bool:
    if isinstance(argument, Mapping):
        return test(value.lower(), str(argument["equals-ignore-case"]).lower())
    return test(value, str(argument))


def _wildcard(pattern: str, value: str) -> bool:
    """`*` stands for any number of characters."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == value
    if not value.startswith(first):
        return False
    value = value[len(first) :]
    for part in rest[:-1]:
        at = value.find(part)
        if at < 0:
            return False
        value = value[at + len(part) :]
    return value.endswith(rest[-1])
