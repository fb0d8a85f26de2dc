"""What a node is told of itself: its deployable's name and its assembly, as JSON, checked once when the agent starts."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.model import NAME, Assembly, Deployable

VERSION = 1
TEXT_CHARS_MAX = 1_000_000  # a hundred applications are some 50 KB; more than this is not a settings file
_MISSING = object()


class BadSettings(ValueError):
    """Settings that cannot be used: names the key and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    deployable: str
    assembly: Assembly


def node_settings_to_json(deployable: Deployable, assembly_name: str) -> str:
    """The settings of that assembly's nodes; the same model gives the same text. Raises KeyError: no such assembly."""
    settings = NodeSettings(deployable=deployable.name, assembly=deployable.assembly(assembly_name))
    return json.dumps({"version": VERSION, **dataclasses.asdict(settings)}, indent=1, sort_keys=True) + "\n"


def parse_node_settings(text: str) -> NodeSettings:
    """Raises BadSettings naming the key and the value. Unknown keys are refused: this file and its reader ship together."""
    if len(text) > TEXT_CHARS_MAX:
        raise BadSettings(f"settings are {len(text)} characters long, at most {TEXT_CHARS_MAX} are read")
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:  # the latter: nested more deeply than any settings are
        raise BadSettings(
            f"settings are not JSON: {error}; use a node's agent.json (`understudy validate` reads a deployable file)"
        ) from error
    if not isinstance(value, dict):
        raise BadSettings(f"settings are {_brief(value)}, expected an object")
    version = value.pop("version", None)
    if version != VERSION:
        raise BadSettings(f"version is {_brief(version)}, this agent reads {VERSION}")
    settings: NodeSettings = _dataclass(NodeSettings, value, "")
    _check_names(settings)
    start_order(settings.assembly)
    return settings


def _check_names(settings: NodeSettings) -> None:
    """Names become parts of paths, keys of the table and names of units; so they are names, and an application's is its own."""
    names = [application.name for application in settings.assembly.applications]
    if not names:
        raise BadSettings("assembly.applications is []: an assembly has at least one application")
    named = [("deployable", settings.deployable), ("assembly.name", settings.assembly.name)]
    for key, name in [*named, *((f"assembly.applications[{index}].name", name) for index, name in enumerate(names))]:
        if not NAME.fullmatch(name):
            raise BadSettings(f"{key} is {_brief(name)}: use 1 to 32 lower-case letters, digits and dashes")
    if len(set(names)) != len(names):
        raise BadSettings(f"assembly.applications: names are not unique: {names}")
    for application in settings.assembly.applications:
        for other in application.after:
            if other not in names:
                raise BadSettings(f"assembly.applications.{application.name}.after is {other!r}, expected one of {names}")


def start_order(assembly: Assembly) -> tuple[str, ...]:
    """Names of the applications so that each comes after all it names in `after`; file order otherwise.

    Raises BadSettings naming those that wait for each other.
    """
    order: list[str] = []
    rest = list(assembly.applications)
    while rest:
        ready = [application for application in rest if set(application.after) <= set(order)]
        if not ready:
            raise BadSettings(f"assembly.applications: these wait for each other: {[application.name for application in rest]}")
        order.append(ready[0].name)
        rest.remove(ready[0])
    return tuple(order)


# --- JSON values -> the frozen model, by its type hints ----------------------------------------------------


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number of JSON")


def _brief(value: object) -> str:
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply"
    return text if len(text) <= 80 else text[:77] + "..."


def _dataclass(kind: type, value: object, key: str) -> Any:
    """Build a frozen value of the model; its own checks are reported under the key."""
    if not isinstance(value, Mapping):
        raise BadSettings(f"{key} is {_brief(value)}, expected an object")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = typing.get_type_hints(kind)
    prefix = f"{key}." if key else ""
    for name, given in value.items():
        if name not in fields:
            raise BadSettings(f"{prefix}{name} is {_brief(given)}: unknown key, expected one of {sorted(fields)}")
    arguments = {}
    for name, field in fields.items():
        given = value.get(name, _MISSING)
        if given is not _MISSING:
            arguments[name] = _value(hints[name], given, prefix + name)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise BadSettings(f"{prefix}{name} is missing")
    try:
        return kind(**arguments)
    except ValueError as error:
        raise BadSettings(f"{key}: {error}") from error


def _value(kind: Any, value: object, key: str) -> Any:
    """Check one value against its type hint."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in arguments:
            return None
        return _value(next(argument for argument in arguments if argument is not type(None)), value, key)
    if origin is tuple:
        return _tuple(arguments, value, key)
    if dataclasses.is_dataclass(kind):
        return _dataclass(typing.cast(type, kind), value, key)
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(value)
        except ValueError as error:
            raise BadSettings(f"{key} is {_brief(value)}, expected one of {[member.value for member in kind]}") from error
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value, key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise BadSettings(f"{key} is {_brief(value)}, expected {kind.__name__}")
    if isinstance(value, str) and not _is_text(value):
        raise BadSettings(f"{key} is {_brief(value)}, expected a text without NUL and half characters")
    return value


def _is_text(value: str) -> bool:
    """What can be an argument, a variable or a path of a program: execve(2) ends texts at NUL."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _number(value: int | float, key: str) -> float:
    """A number as it is counted with: 1e999 is valid JSON and means infinity to Python."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadSettings(f"{key} is {_brief(value)}, expected a number that can be counted with")
    return number


def _tuple(arguments: tuple[Any, ...], value: object, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise BadSettings(f"{key} is {_brief(value)}, expected a list")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(arguments[0], item, f"{key}[{index}]") for index, item in enumerate(value))
    if len(value) != len(arguments):
        raise BadSettings(f"{key} is {_brief(value)}, expected {len(arguments)} values")
    return tuple(_value(kind, item, f"{key}[{index}]") for index, (kind, item) in enumerate(zip(arguments, value, strict=True)))
