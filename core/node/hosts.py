"""The managed block of a hosts file: names of the settings and what they mean on this node; every other line is left alone.

hosts(5): a line is an address and the names for it, and the first line that has a name wins. So the block stands at the
top, unless it was moved: then it stays where it is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from core.model import NAME, HostName, Resolves

BEGIN = "# understudy begin (what stands between these two lines is written by the agent)"
END = "# understudy end"
# Blocks are known by these alone: the words in brackets may change with a version.
NO_NEIGHBOURS: Mapping[str, str] = MappingProxyType({})
_BEGIN_KEY = "# understudy begin"


@dataclass(frozen=True, slots=True)
class Meanings:
    """entries: (address, name) in the settings' order. unknown: names whose address is not known; they are left out."""

    entries: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]


def meanings(host_names: Sequence[HostName], *, own: str, front: str | None, neighbours: Mapping[str, str] = NO_NEIGHBOURS) -> Meanings:
    """What the names mean here. own: the node's private address; front: the clients' address, None when there is none.

    neighbours: the fronts of other assemblies, by assembly. Raises ValueError for an address that is not IPv4: nothing
    else is ever written.
    """
    entries: list[tuple[str, str]] = []
    unknown: list[str] = []
    address: str | None
    for host_name in host_names:
        match host_name.resolves:
            case Resolves.NODE:
                address = own
            case Resolves.FRONT:
                address = front if host_name.of is None else neighbours.get(host_name.of)
            case Resolves.ADDRESS:
                address = host_name.address
        if address is None:
            unknown.append(host_name.name)
        else:
            entries.append((str(ipaddress.IPv4Address(address)), host_name.name))
    return Meanings(tuple(entries), tuple(unknown))


def with_block(text: str, entries: Sequence[tuple[str, str]]) -> str:
    """The file's text with exactly these entries in its block, and no block when there are none.

    Doing it twice changes nothing. Others' lines stay as they are, also those with a name of ours. Of several blocks (a
    copied file) the first is kept; a marker without its other half is taken out, and the lines near it are left.
    """
    lines = text.split("\n")  # not splitlines(): that would also split at characters a comment may hold
    blocks = _blocks(lines)
    ours = {number for begin, end in blocks for number in range(begin, end + 1)} | _strays(lines, blocks)
    at = blocks[0][0] if blocks else 0
    before = [line for number, line in enumerate(lines[:at]) if number not in ours]
    after = [line for number, line in enumerate(lines[at:], start=at) if number not in ours]
    block = [BEGIN, *(f"{address}\t{name}" for address, name in entries), END] if entries else []
    if (block or blocks) and not after:
        after = [""]  # the file's last line ends as a line does
    return "\n".join([*before, *block, *after])


def _kind(line: str) -> str | None:
    """Which marker a line is; a carriage return from another system does not hide it."""
    line = line.rstrip(" \t\r")
    if line == END:
        return END
    return BEGIN if line == _BEGIN_KEY or line.startswith(f"{_BEGIN_KEY} ") else None


def _blocks(lines: Sequence[str]) -> list[tuple[int, int]]:
    """Numbers of the first and last line of each block: a begin and the next end, with no other begin between."""
    found: list[tuple[int, int]] = []
    begun: int | None = None
    for number, line in enumerate(lines):
        match _kind(line):
            case kind if kind == BEGIN:
                begun = number
            case kind if kind == END and begun is not None:
                found.append((begun, number))
                begun = None
    return found


def _strays(lines: Sequence[str], blocks: Sequence[tuple[int, int]]) -> set[int]:
    """Markers that belong to no block."""
    inside = {number for begin, end in blocks for number in range(begin, end + 1)}
    return {number for number, line in enumerate(lines) if _kind(line) is not None and number not in inside}


def neighbours_to_text(neighbours: Mapping[str, str]) -> str:
    """As a node finds it in its environment: `platform=203.0.113.7,ui=203.0.113.9`."""
    return ",".join(f"{assembly}={address}" for assembly, address in neighbours.items())


def parse_neighbours(text: str) -> dict[str, str]:
    """Raises ValueError naming the part that is not ASSEMBLY=ADDRESS with an IPv4 address."""
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        assembly, equals, address = part.partition("=")
        try:
            if not equals or not NAME.fullmatch(assembly):
                raise ValueError("expected ASSEMBLY=ADDRESS")
            found[assembly] = str(ipaddress.IPv4Address(address))
        except ValueError as error:
            raise ValueError(f"{part!r}: {error}") from error
    return found
