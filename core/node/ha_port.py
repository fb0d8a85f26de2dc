"""The HA port's line protocol: bytes in, lines out, and the answer to each; no socket.

Lines end with LF or CR LF, commands are in any case, and telnet's negotiation is skipped (RFC 854), so that
`telnet`, `nc` and a load balancer's check all can ask.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.model import Verdict

LINE_BYTES_MAX = 256
ERRORS_MAX = 16  # refused lines before the connection is closed: nobody types so badly for long
BUSY_WEIGHT = "50%"  # of its weight at HAProxy while it is busy: asked less, not left out
_IAC, _SB, _SE = 255, 250, 240
_NEGOTIATIONS = range(251, 255)  # WILL, WONT, DO, DONT: one option byte follows

UNKNOWN = "unknown"  # how the reason of a FAILED begins that is none: it could not be told yet

HELP = (
    "help         this list",
    "ping [NAME]  OK, or FAILED and why; of one application when named",
    "status       one line of JSON",
    "haproxy      the same as ping, in the words of HAProxy's agent-check",
    "quit, exit   close the connection",
)


class LineTooLong(ValueError):
    """A line of more than LINE_BYTES_MAX bytes: the connection is closed, for what follows cannot be trusted."""


class LineReader:
    """Turns received bytes into lines, keeping at most one unfinished line."""

    __slots__ = ("_telnet", "_unfinished")

    def __init__(self) -> None:
        self._unfinished = b""
        self._telnet = ""  # "", "iac", "option", "sub", "sub-iac": where we are inside a telnet command

    @property
    def at_rest(self) -> bool:
        """Nothing is unfinished: what comes next begins a line."""
        return not self._unfinished and not self._telnet

    def feed(self, data: bytes) -> list[str]:
        """The lines completed by these bytes. Raises LineTooLong."""
        if self._telnet or _IAC in data:
            data = self._without_telnet(data)
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in (*lines, self._unfinished):
            # One byte more may stand before the LF, when it is the CR that belongs to it.
            if len(line) > LINE_BYTES_MAX and not (len(line) == LINE_BYTES_MAX + 1 and line.endswith(b"\r")):
                raise LineTooLong(f"line longer than {LINE_BYTES_MAX} bytes")
        return [line.decode("latin-1").removesuffix("\r") for line in lines]

    def _without_telnet(self, data: bytes) -> bytes:
        """Byte by byte, for a command may be cut anywhere; ordinary clients never come here."""
        kept = bytearray()
        for byte in data:
            if not self._telnet and byte != _IAC:
                kept.append(byte)
            elif self._telnet == "":
                self._telnet = "iac"
            elif self._telnet == "iac":
                self._telnet = "option" if byte in _NEGOTIATIONS else "sub" if byte == _SB else ""
            elif self._telnet == "option":
                self._telnet = ""
            elif self._telnet == "sub":
                self._telnet = "sub-iac" if byte == _IAC else "sub"
            else:
                self._telnet = "" if byte == _SE else "sub"
        return bytes(kept)


@dataclass(frozen=True, slots=True)
class Told:
    """What the last cycle concluded of the node or of one application.

    in_a_row, fall: bad results in a row of its worst probe, and how many turn it failing; for the monitor's confidence.
    held: an operator took it offline, so that its being down is no failure.
    """

    verdict: Verdict
    reason: str = ""
    in_a_row: int = 0
    fall: int = 1
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a port may tell. `subject` is what a bare `ping` asks for.

    serves: it may be given clients, that is, it runs under a permit; a node that waits is well and serves nobody.
    """

    subject: Told
    applications: Mapping[str, Told]
    status: Mapping[str, Any]
    serves: bool = True


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
    if command == "ping" and len(arguments) <= 1:
        return _ping(arguments, view)
    if command in ("quit", "exit") and not arguments:
        return Answer("", close=True)
    if command == "help" and not arguments:
        return Answer("".join(f"{text}\r\n" for text in HELP))
    if command == "status" and not arguments:
        return Answer(json.dumps(view.status, separators=(",", ":")) + "\r\n")
    if command == "haproxy" and not arguments:
        return Answer(f"{haproxy_words(view)}\r\n")
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


def haproxy_words(view: View) -> str:
    """What HAProxy's agent-check reads, of https://docs.haproxy.org/2.6/configuration.html#5.2-agent-check

    `ready`, `drain` and `maint` are never said: they would overrule what a person set at the balancer, and a busy only
    server that is drained is an outage. What we cannot tell is an empty line: HAProxy leaves the server as it is.
    A reason must stand apart from its word: HAProxy 2.6 takes `down#why` for a word that it does not know.
    """
    told = view.subject
    if told.held or not view.serves:
        return f"stopped #{one_line(told.reason or 'waits')}"
    if told.verdict is Verdict.FAILING:
        return f"down #{one_line(told.reason or told.verdict.value)}"
    return {Verdict.HEALTHY: "up 100%", Verdict.BUSY: f"up {BUSY_WEIGHT}"}.get(told.verdict, "")


def one_line(text: str, chars_max: int = 200) -> str:
    """Printable ASCII on one line: a reason may quote what an application said."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:chars_max]
