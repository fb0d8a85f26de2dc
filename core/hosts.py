"""The managed block of a hosts file: names of the settings and what they mean on this node; every other line is left alone.

hosts(5): a line is an address and the names for it, and the first line that has a name wins. So the block stands at the
top, unless it was moved: then it stays where it is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from core.model import HostName, Resolves

BEGIN = "# understudy begin (what stands between these two lines is written by the agent)"
END = "# understudy end"
# Blocks are known by these alone: the words in brackets may change with a version.
_BEGIN_KEY = "# understudy begin"


@dataclass(frozen=True, slots=True)
class Meanings:
    """entries: (address, name) in the settings' order. unknown: names whose address is not known; they are left out."""

    entries: tuple[tuple[str, str], ...]
    unknown: tuple[str, ...]


def meanings(host_names: Sequence[HostName], *, own: str, front: str | None) -> Meanings:
    """What the names mean here. own: the node's private address; front: the clients' address, None when there is none.

    Raises ValueError for an address that is not IPv4: nothing else is ever written.
    """
    addresses = {Resolves.NODE: own, Resolves.FRONT: front}
    entries: list[tuple[str, str]] = []
    unknown: list[str] = []
    for host_name in host_names:
        address = addresses.get(host_name.resolves, host_name.address)
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
    if block and not after:
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
