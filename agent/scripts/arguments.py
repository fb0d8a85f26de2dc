"""What the four scripts are given: JAVA_HOME MZ_HOME username port [host] [sec_timeout] [debug], the order of MediationZone's monitor.

The first three are taken for the order's sake and not used: they named the Java, the folder and the user of the client that
the original started. MediationZone does not tell the order of the other three scripts; ours is the same.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

HOST = "localhost"
DEBUG = ("debug", "-debug", "true", "1")
NO_DEBUG = ("", "nodebug", "false", "0")
TIMEOUT_S_MAX = 900.0


class BadArguments(ValueError):
    """Names the argument and the value."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """port: the HA port, which stands for an application or for the whole node."""

    port: int
    host: str
    timeout_s: float
    debug: bool
    began_s: float

    def left_s(self) -> float:
        return max(0.0, self.began_s + self.timeout_s - time.monotonic())

    def say(self, text: str) -> None:
        """A line of debug output, on standard output, with the seconds since the start."""
        if self.debug:
            print(f"{time.monotonic() - self.began_s:8.3f} {text}", flush=True)


def parse(words: list[str], *, timeout_s: float) -> Arguments:
    """timeout_s: when none is given. Raises BadArguments."""
    began_s = time.monotonic()
    if not 4 <= len(words) <= 7:
        raise BadArguments(f"{len(words)} arguments given, 4 to 7 wanted")
    port, host, limit, debug = [*words[3:], "", "", ""][:4]
    if not (port.isdecimal() and port.isascii() and 1 <= int(port) <= 65535):
        raise BadArguments(f"port is {port!r}: use 1 to 65535")
    if limit:
        try:
            timeout_s = float(limit)
        except ValueError:
            raise BadArguments(f"sec_timeout is {limit!r}: use seconds") from None
    if not 0 < timeout_s <= TIMEOUT_S_MAX:
        raise BadArguments(f"sec_timeout is {limit!r}: use more than 0 and at most {TIMEOUT_S_MAX:g}")
    if debug.lower() not in DEBUG + NO_DEBUG:
        raise BadArguments(f"debug is {debug!r}: use 'debug' or leave it out")
    return Arguments(int(port), host or HOST, timeout_s, debug.lower() in DEBUG, began_s)


def complain(script: str, error: BadArguments) -> None:
    print(f"{script}: {error}", file=sys.stderr)
    print(usage(script), file=sys.stderr)


def usage(script: str) -> str:
    return f"usage: {script} JAVA_HOME MZ_HOME username port [host] [sec_timeout] [debug]"


def wants_help(words: list[str]) -> bool:
    return words in (["-h"], ["--help"])
