"""The line protocol as design section 4 has it, written once more and naively: a whole conversation at a time, by regular expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

LINE_BYTES_MAX = 256
# RFC 854: a command is IAC and one byte; WILL, WONT, DO and DONT have one more; a subnegotiation goes on to IAC SE.
# What is unfinished at the end of what was sent swallows the rest.
TELNET = re.compile(rb"\xff\xfa(?:[^\xff]|\xff[^\xf0])*(?:\xff\xf0|\xff?\Z)|\xff[\xfb-\xfe](?:.|\Z)|\xff(?:.|\Z)", re.DOTALL)
BLANKS = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0"  # what Latin-1 has of white space


@dataclass(frozen=True)
class Node:
    """What there is to be told: of the node, and of each application: (verdict, reason)."""

    node: tuple[str, str]
    applications: Mapping[str, tuple[str, str]]


def lines_of(sent: bytes) -> tuple[list[str], bool]:
    """The lines in what was sent, and whether one was too long: nothing after that one counts."""
    *whole, rest = TELNET.sub(b"", sent).split(b"\n")
    lines = []
    for line in whole:
        if len(line.removesuffix(b"\r")) > LINE_BYTES_MAX:
            return lines, True
        lines.append(line.removesuffix(b"\r").decode("latin-1"))
    return lines, len(rest.removesuffix(b"\r")) > LINE_BYTES_MAX


def kind_of(line: str, node: Node) -> tuple[str, str]:
    """What must be answered: ("nothing"|"close"|"help"|"status"|"haproxy"|"error"|"OK"|"FAILED", the reason)."""
    words = [word for word in re.split(f"[{re.escape(BLANKS)}]+", line) if word]
    if not words:
        return "nothing", ""
    command = "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in words[0])
    if command in ("quit", "exit", "help", "status", "haproxy") and len(words) == 1:
        return ("close" if command in ("quit", "exit") else command), ""
    if command == "ping" and len(words) <= 2:
        if len(words) == 2 and words[1].lower() not in node.applications:
            return "error", ""
        verdict, reason = node.applications[words[1].lower()] if len(words) == 2 else node.node
        return ("OK", "") if verdict in ("healthy", "busy") else ("FAILED", reason)
    return "error", ""
