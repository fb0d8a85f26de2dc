"""Frozen values as plain JSON and back, by their own fields and types: what equals its default is left out, what is not known ignored.

For what is written down to be decided again later (core.report.trace), not for what machines tell each other: that is core.items.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

_SAME = frozenset({str, int, float, bool, type(None)})  # most of what there is


class NotPlain(ValueError):
    """The text is not of such a value: says which part, and what it should be."""


def to_plain(value: Any) -> Any:
    """Of dataclasses (what they work out themselves is not kept), enums, tuples, mappings with text keys, and what JSON knows.

    Raises TypeError for anything else.
    """
    kind = type(value)
    if kind in _SAME:
        return value
    if dataclasses.is_dataclass(kind):
        told = {name: (getattr(value, name), default) for name, default in _told(kind)}
        return {name: to_plain(part) for name, (part, default) in told.items() if part != default}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_plain(part) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(part) for part in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"no plain form of {type(value).__name__}")


def from_plain(kind: Any, plain: Any, where: str = "") -> Any:
    """A value of this type. where: named in errors. Raises NotPlain."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(kind), plain, where)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind, plain, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(plain)
        except ValueError as error:
            raise NotPlain(f"{where or kind.__name__} is {plain!r}: {error}") from error
    if origin is tuple:
        return _tuple(get_args(kind), plain, where)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(plain, Mapping):
            raise NotPlain(f"{where} is {plain!r:.80}: expected an object")
        return {str(key): from_plain(get_args(kind)[1], part, f"{where}.{key}") for key, part in plain.items()}
    return _scalar(kind, plain, where)


def _scalar(kind: Any, plain: Any, where: str) -> Any:
    if kind is Any or (kind is type(None) and plain is None):
        return plain
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if isinstance(kind, type) and isinstance(plain, kind) and not (kind is int and isinstance(plain, bool)):
        return plain
    raise NotPlain(f"{where or 'it'} is {plain!r:.80}: expected {getattr(kind, '__name__', kind)}")


def _one_of(kinds: tuple[Any, ...], plain: Any, where: str) -> Any:
    said = []
    for kind in kinds:
        try:
            return from_plain(kind, plain, where)
        except NotPlain as error:
            said.append(str(error))
    raise NotPlain(said[0])


def _tuple(kinds: tuple[Any, ...], plain: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(plain, list | tuple):
        raise NotPlain(f"{where} is {plain!r:.80}: expected a list")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(from_plain(kinds[0], part, f"{where}[{n}]") for n, part in enumerate(plain))
    if len(kinds) != len(plain):
        raise NotPlain(f"{where} has {len(plain)} parts: expected {len(kinds)}")
    return tuple(from_plain(kind, part, f"{where}[{n}]") for n, (kind, part) in enumerate(zip(kinds, plain, strict=True)))


def _dataclass(kind: type, plain: Any, where: str) -> Any:
    if not isinstance(plain, Mapping):
        raise NotPlain(f"{where or kind.__name__} is {plain!r:.80}: expected an object")
    hints = _hints(kind)
    given = {name: from_plain(hints[name], part, f"{where}.{name}" if where else name) for name, part in plain.items() if name in hints}
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise NotPlain(f"{where or kind.__name__}: {error}") from error


@cache
def _hints(kind: type) -> dict[str, Any]:
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    return {name: hint for name, hint in get_type_hints(kind).items() if name in known}


@cache
def _told(kind: type) -> tuple[tuple[str, Any], ...]:
    """Each field that is kept, with what it is left out for; the record of a decision has some hundred of them."""
    defaults = _default(kind)
    return tuple((field.name, defaults.get(field.name, dataclasses.MISSING)) for field in dataclasses.fields(kind) if field.init)


@cache
def _default(kind: type) -> dict[str, Any]:
    """Of the fields that have one."""
    found = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
    return found
