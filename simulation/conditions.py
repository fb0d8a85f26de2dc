"""DynamoDB's condition expressions, as far as ours go.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

Wire = Mapping[str, Any]
Test = Callable[[Wire, Mapping[str, str], Mapping[str, Any]], bool]
_TOKENS = re.compile(r"\s*(<>|<=|>=|[=<>(),]|[#:]?\w+)")
_COMPARE = {"=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@cache
def compiled(expression: str) -> Test:
    """A test of an item, given the expression's names and values. Raises ValueError for what is not understood."""
    tokens = _TOKENS.findall(expression)
    test, rest = _any(tokens)
    if rest:
        raise ValueError(f"{expression!r}: {rest[0]!r} is not understood")
    return test


def _any(tokens: list[str]) -> tuple[Test, list[str]]:
    left, tokens = _all(tokens)
    while tokens and tokens[0].upper() == "OR":
        right, tokens = _all(tokens[1:])
        left = _either(left, right)
    return left, tokens


def _all(tokens: list[str]) -> tuple[Test, list[str]]:
    left, tokens = _one(tokens)
    while tokens and tokens[0].upper() == "AND":
        right, tokens = _one(tokens[1:])
        left = _both(left, right)
    return left, tokens


def _either(left: Test, right: Test) -> Test:
    return lambda item, names, values: left(item, names, values) or right(item, names, values)


def _both(left: Test, right: Test) -> Test:
    return lambda item, names, values: left(item, names, values) and right(item, names, values)


def _one(tokens: list[str]) -> tuple[Test, list[str]]:
    if tokens[0] == "(":
        test, tokens = _any(tokens[1:])
        return test, _after(tokens, ")")
    if tokens[0].upper() == "NOT":
        test, tokens = _one(tokens[1:])
        return lambda item, names, values: not test(item, names, values), tokens
    if len(tokens) > 1 and tokens[1] == "(":
        return _function(tokens)
    path, sign, value, *rest = tokens
    compare = _COMPARE[sign]

    def test_of(item: Wire, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
        have = item.get(names.get(path, path))
        return have is not None and bool(compare(*_comparable(have, values[value])))

    return test_of, rest


def _function(tokens: list[str]) -> tuple[Test, list[str]]:
    name, _, path, *rest = tokens
    if name in ("attribute_exists", "attribute_not_exists"):
        wanted = name == "attribute_exists"
        return lambda item, names, values: (names.get(path, path) in item) is wanted, _after(rest, ")")
    if name == "begins_with":
        value, rest = rest[1], _after(rest[2:], ")")
        return lambda item, names, values: str(item.get(names.get(path, path), {}).get("S", "")).startswith(values[value]["S"]), rest
    raise ValueError(f"the function {name} is not understood")


def _after(tokens: list[str], wanted: str) -> list[str]:
    if not tokens or tokens[0] != wanted:
        raise ValueError(f"expected {wanted!r} before {tokens[:1]}")
    return tokens[1:]


def _comparable(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[Any, Any]:
    """Numbers by their value; of different types nothing is equal."""
    if "N" in one and "N" in other:
        return float(one["N"]), float(other["N"])
    return tuple(one.items()), tuple(other.items())
