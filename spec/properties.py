"""The seed's own properties (mz.ha.*) as a form of an application's settings: a map, or the text of a properties file."""

from __future__ import annotations

from dataclasses import dataclass

from core.application import HaPort
from core.bounds import Counters
from core.node.ha_properties import PREFIX, ha_from_properties, parse_properties
from core.settings import BadSettings

TEXT_CHARS_MAX = 65_536


@dataclass(frozen=True, slots=True)
class FromProperties:
    """What they mean; warnings: what was changed in reading them."""

    ha: HaPort | None
    counters: Counters | None
    warnings: tuple[str, ...]


def as_map(value: object) -> object:
    """The text of a properties file as the map it stands for; anything else as it is. Raises BadSettings."""
    return parse_properties(value) if isinstance(value, str) and len(value) <= TEXT_CHARS_MAX else value


def read_properties(properties: dict[str, str]) -> FromProperties:
    """Raises BadSettings naming key and value."""
    return FromProperties(*ha_from_properties(properties))


def complaint(value: object) -> tuple[str | None, str] | None:
    """The property that is wrong, when it has a place of its own in the map, and why; None when all is well.

    None too for what is of the wrong shape: the format tells that.
    """
    try:
        properties = as_map(value)
        if not isinstance(properties, dict) or not all(isinstance(text, str) for pair in properties.items() for text in pair):
            return None
        read_properties(properties)
        if isinstance(value, str) and not any(key.startswith(PREFIX) for key in properties):
            return None, f"no line of the text names a property {PREFIX}...: if it is the path of a file, put the file's text here"
    except BadSettings as error:
        named = [key for key in value if str(error).startswith(f"{key} is ")] if isinstance(value, dict) else []
        return (named[0] if named else None), str(error)
    return None
