"""What the format will have and this version has not: refused by name, never ignored."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spec.problems import KeyPath, Problem, key_text, value_text

MESSAGE = "is not built yet"


def _given(value: object) -> bool:
    """An empty list or mapping, or null, asks for nothing."""
    return value not in ([], {}, None)


def _any_of(*words: str) -> Callable[[object], bool]:
    """One of the words, or one of those ending in `*` as a prefix."""

    def match(value: object) -> bool:
        return isinstance(value, str) and any(value.startswith(word[:-1]) if word.endswith("*") else value == word for word in words)

    return match


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """A key that is not built, or not for such a value.

    path: `*` stands for any index.
    """

    path: tuple[str, ...]
    when: Callable[[object], bool]
    remedy: str


_ASSEMBLY = ("assemblies", "*")

UNBUILT = (Unbuilt((*_ASSEMBLY, "mode"), _any_of("pair"), "write mode: single; a node that fails is replaced"),)


@dataclass(frozen=True, slots=True)
class Stripped:
    """The values without what is not built; `hidden` are the keys whose absence is our doing."""

    data: Any
    problems: tuple[tuple[KeyPath, Problem], ...]
    hidden: frozenset[KeyPath]


def strip(data: Any, line: Callable[[KeyPath], int | None]) -> Stripped:
    """Take out what is not built and say so; the rest can then be checked for itself."""
    data = copy.deepcopy(data)
    problems: list[tuple[KeyPath, Problem]] = []
    hidden: set[KeyPath] = set()

    def refuse(path: KeyPath, value: object, remedy: str) -> None:
        problem = Problem(key=key_text(path), value=value_text(value), line=line(path), message=MESSAGE, remedy=remedy)
        problems.append((path, problem))

    for rule in UNBUILT:
        for path, holder in _find(data, rule.path):
            value = holder[rule.path[-1]]
            if not rule.when(value):
                if rule.when is _given:
                    del holder[rule.path[-1]]  # asks for nothing: as good as left out
                continue
            refuse(path, value, rule.remedy)
            del holder[rule.path[-1]]
            hidden.add(path)
    return Stripped(data, tuple(problems), frozenset(hidden))


def _find(data: Any, pattern: tuple[str, ...], path: KeyPath = ()) -> list[tuple[KeyPath, dict[str, Any]]]:
    """Where the pattern's last key stands, with the mapping that holds it."""
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        items = enumerate(data) if isinstance(data, list) else ()
        return [found for index, item in items for found in _find(item, rest, (*path, index))]
    if not isinstance(data, dict) or first not in data:
        return []
    if not rest:
        return [((*path, first), data)]
    return _find(data[first], rest, (*path, first))
