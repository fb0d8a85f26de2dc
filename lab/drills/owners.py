"""Which assembly a line of the journal is about, told by the names in it: a story of twenty assemblies cannot be read without; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_WORD = re.compile(r"[\w.-]+")
_INSTANCE = re.compile(r"i-[0-9a-f]{17}")  # in whatever it stands in, as in an incident's name
_SAID = ("who", "what", "subject", "group", "alarm", "instance")


class Owners:
    """Knows whose each name is."""

    def __init__(self, belongings: Mapping[str, Iterable[str]]) -> None:
        """belongings: by assembly, the names of what it has: machines, group, alarms, as the journal has them."""
        self._owner = {name: assembly for assembly, names in belongings.items() for name in (assembly, *names)}

    def of(self, line: Mapping[str, Any]) -> str:
        """The assembly that a line names, itself or by what belongs to it; "" when it is none, or more than one."""
        text = " ".join(str(line[key]) for key in _SAID if key in line)
        words = {word.strip(".") for word in _WORD.findall(text)} | set(_INSTANCE.findall(text))
        found = {self._owner[word] for word in words if word in self._owner}
        return found.pop() if len(found) == 1 else ""


NOBODYS = Owners({})
