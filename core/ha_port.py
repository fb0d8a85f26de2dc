"""The HA port's line protocol: bytes in, lines out, and the answer to each; no socket.

Lines end with LF or CR LF, commands are in any case, and telnet's negotiation is skipped (RFC 854), so that
`telnet`, `nc` and a load balancer's check all can ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.model import Verdict

LINE_BYTES_MAX = 256
ERRORS_MAX = 16  # refused lines before the connection is closed: nobody types so badly for long
_IAC, _SB, _SE = 255, 250, 240
_NEGOTIATIONS = range(251, 255)  # WILL, WONT, DO, DONT: one option byte follows

UNKNOWN = "unknown"  # how the reason of a FAILED begins that is none: it could not be told yet

HELP = (
    "help         this list",
    "ping [NAME]  OK, or FAILED and why; of one application when named",
    "status       one line of JSON",
    "quit, exit   close the connection",
)


class LineTooLong(ValueError):
    """A line of more than LINE_BYTES_MAX bytes: the connection is closed, for what follows cannot be trusted."""


@dataclass(slots=True)
class LineReader:
    """Turns received bytes into lines, keeping at most one unfinished line."""

    _line: bytearray = field(default_factory=bytearray)
    _telnet: str = ""  # "", "iac", "option", "sub", "sub-iac": where we are inside a telnet command

    def feed(self, data: bytes) -> list[str]:
        """The lines completed by these bytes. Raises LineTooLong."""
        lines = []
        for byte in data:
            if self._telnet or byte == _IAC:
                self._skip_telnet(byte)
            elif byte == 0x0A:
                lines.append(self._line.decode("latin-1").removesuffix("\r"))
                self._line.clear()
            elif len(self._line) > LINE_BYTES_MAX or (len(self._line) == LINE_BYTES_MAX and byte != 0x0D):
                raise LineTooLong(f"line longer than {LINE_BYTES_MAX} bytes")
            else:
                self._line.append(byte)
        return lines

    def _skip_telnet(self, byte: int) -> None:
        if self._telnet == "":
            self._telnet = "iac"
        elif self._telnet == "iac":
            self._telnet = "option" if byte in _NEGOTIATIONS else "sub" if byte == _SB else ""
        elif self._telnet == "option":
            self._telnet = ""
        elif self._telnet == "sub":
            self._telnet = "sub-iac" if byte == _IAC else "sub"
        else:
            self._telnet = "" if byte == _SE else "sub"


@dataclass(frozen=True, slots=True)
class Told:
    """What the last cycle concluded of the node or of one application."""

    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a port may tell. `subject` is what a bare `ping` asks for."""

    subject: Told
    applications: Mapping[str, Told]
    status: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    text: str  # whole lines, CR LF included; may be empty
    close: bool = False
    error: bool = False


def answer(line: str, view: View) -> Answer:
    """Answer one line. What is not understood is refused with a word, never with an exception."""
    words = line.split()
    if not words:
        return Answer("")
    command, arguments = words[0].lower(), words[1:]
    if command in ("quit", "exit") and not arguments:
        return Answer("", close=True)
    if command == "help" and not arguments:
        return Answer("".join(f"{text}\r\n" for text in HELP))
    if command == "status" and not arguments:
        return Answer(json.dumps(view.status, separators=(",", ":")) + "\r\n")
    if command == "ping" and len(arguments) <= 1:
        return _ping(arguments, view)
    return Answer("ERROR not understood; try help\r\n", error=True)


def _ping(arguments: list[str], view: View) -> Answer:
    told = view.subject
    if arguments:
        name = arguments[0].lower()
        if name not in view.applications:
            return Answer(f"ERROR no such application; there are: {' '.join(view.applications)}\r\n", error=True)
        told = view.applications[name]
    if told.verdict in (Verdict.HEALTHY, Verdict.BUSY):
        return Answer("OK\r\n")
    # The protocol has two words. That nothing is known yet (it starts) is said first in the reason, for it is no failure.
    reason = f"{UNKNOWN}: {told.reason}" if told.verdict is Verdict.UNKNOWN else told.reason or told.verdict.value
    return Answer(f"FAILED {one_line(reason)}\r\n")


def one_line(text: str, chars_max: int = 200) -> str:
    """Printable ASCII on one line: a reason may quote what an application said."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:chars_max]
