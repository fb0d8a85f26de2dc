"""What a resource agent says of itself: its parameters, and how long its actions may take (OCF resource agent API 1.1, and 1.0)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.parsers import expat

TEXT_BYTES_MAX = 1 << 18
ELEMENTS_MAX = 5_000


class BadMetadata(ValueError):
    """What an agent says of itself cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    required: bool = False
    default: str | None = None
    type: str = "string"


@dataclass(frozen=True, slots=True)
class ActionSaid:
    """timeout_s, interval_s: in seconds, None: not said. depth: the check level of a monitor action."""

    name: str
    timeout_s: float | None = None
    interval_s: float | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Metadata:
    name: str
    version: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=lambda: MappingProxyType({}))
    actions: tuple[ActionSaid, ...] = ()

    def timeout_s(self, action: str, otherwise_s: float, *, depth: int = 0) -> float:
        """The longest that any line about this action asks for; of a monitor action that of its depth, when there is one."""
        said = [one for one in self.actions if one.name == action and one.timeout_s]
        exact = [one for one in said if one.depth == depth]
        return max((one.timeout_s or 0.0 for one in exact or said), default=otherwise_s)


def parse(text: bytes) -> Metadata:
    """Raises BadMetadata. No entity is ever expanded, nothing is ever fetched: a document that declares one is refused."""
    if len(text) > TEXT_BYTES_MAX:
        raise BadMetadata(f"meta-data is longer than {TEXT_BYTES_MAX} bytes")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.begin
    parser.EntityDeclHandler = _refuse_entity
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise BadMetadata(f"meta-data is not XML: {error}") from error
    if reader.name is None:
        raise BadMetadata("meta-data has no resource-agent")
    return Metadata(reader.name, reader.version, MappingProxyType(reader.parameters), tuple(reader.actions))


def _refuse_entity(name: str, *_: object) -> None:
    raise BadMetadata(f"meta-data declares the entity {name!r}: that is refused")


class _Reader:
    """Hears the elements as they begin; what it does not know it passes over, as the standard asks of readers."""

    def __init__(self) -> None:
        self.name: str | None = None
        self.version = ""
        self.parameters: dict[str, Parameter] = {}
        self.actions: list[ActionSaid] = []
        self._count = 0
        self._parameter = Parameter("")

    def begin(self, element: str, said: dict[str, str]) -> None:
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise BadMetadata(f"meta-data has more than {ELEMENTS_MAX} elements")
        if self._count == 1 and element != "resource-agent":
            raise BadMetadata(f"meta-data begins with {element!r}, expected 'resource-agent'")
        match element:
            case "resource-agent":
                self.name, self.version = said.get("name", ""), said.get("version", "")
            case "parameter" if said.get("name"):
                self._parameter = Parameter(said["name"], required=said.get("required", "0").lower() in ("1", "true", "yes"))
                self.parameters[self._parameter.name] = self._parameter
            case "content" if self._parameter.name:
                given = self._parameter
                default = said.get("default")
                self._parameter = Parameter(given.name, given.required, default or None, said.get("type", "string"))
                self.parameters[given.name] = self._parameter
            case "action" if said.get("name"):
                self.actions.append(_action(said))


def _action(said: dict[str, str]) -> ActionSaid:
    depth = said.get("depth", "0")
    return ActionSaid(
        name=said["name"],
        timeout_s=time_s(said.get("timeout")),
        interval_s=time_s(said.get("interval")),
        depth=int(depth) if depth.isdecimal() and len(depth) < 5 else 0,
    )


_TIME = re.compile(r"\s*([0-9]{1,9})\s*(us|usec|ms|msec|s|sec|m|min|h|hr|)\s*", re.IGNORECASE)
_UNITS_S = {"us": 1e-6, "usec": 1e-6, "ms": 1e-3, "msec": 1e-3, "": 1.0, "s": 1.0, "sec": 1.0}
_UNITS_S |= {"m": 60.0, "min": 60.0, "h": 3600.0, "hr": 3600.0}


def time_s(text: str | None) -> float | None:
    """In seconds: `20s`, `20 sec`, `2m`, `1h`, `500ms`; a bare number counts seconds, as Pacemaker reads it. None: it is no time."""
    match = _TIME.fullmatch(text or "")
    return None if match is None else int(match[1]) * _UNITS_S[match[2].lower()]
