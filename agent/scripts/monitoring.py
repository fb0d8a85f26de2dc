"""The script `monitor`: asks an HA port how its application is, and says it in an exit code.

110 healthy, 105 busy, 101 to 109 in between (core.node.confidence), 100 failed, 99 unknown; so Veritas Cluster Server reads them.
Refused is failed: the machine is there and nobody answers for the application. As an agent that is being restarted is back
within seconds, it is asked again for REFUSED_S first. Silence is unknown: a machine, a network or an agent that hangs tells
nothing of the application, and to start it elsewhere on that alone could run it twice. So is what we do not understand.
"""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from agent.scripts.arguments import Arguments, BadArguments, complain, parse, usage, wants_help
from core.model import Verdict
from core.node.confidence import FAILED, HEALTHY, UNKNOWN, monitor_code
from core.node.ha_port import UNKNOWN as UNSURE

HELP = """Asks the HA port how the application (or the node) behind it is. The first three arguments are not used.
Exit status: 110 healthy, 105 busy, 101 to 109 in between, 100 failed or held offline, 99 unknown."""
TIMEOUT_S = 10.0
REFUSED_S = 3.0  # systemd starts the agent again after one second, and it listens after another
REFUSED_PAUSE_S = 0.1
ANSWER_BYTES_MAX = 4 << 20


def main(words: list[str]) -> int:
    if wants_help(words):
        print(f"{usage('monitor')}\n{HELP}")
        return 0
    try:
        asked = parse(words, timeout_s=TIMEOUT_S)
    except BadArguments as error:
        complain("monitor", error)
        return UNKNOWN
    code, why = _monitor(asked)
    asked.say(f"{code}: {why}")
    return code


def _monitor(asked: Arguments) -> tuple[int, str]:
    """The exit code, and why."""
    until_s = min(REFUSED_S, asked.left_s()) + time.monotonic()
    while True:
        asked.say(f"asking {asked.host} port {asked.port}, for {asked.left_s():.1f} s at most")
        try:
            return judge(*_ask(asked))
        except ConnectionRefusedError:
            if time.monotonic() + REFUSED_PAUSE_S >= until_s:
                return FAILED, "refused: nobody answers for it"
            time.sleep(REFUSED_PAUSE_S)
        except TimeoutError:
            return UNKNOWN, f"no answer within {asked.timeout_s:g} s"
        except OSError as error:
            return UNKNOWN, f"cannot ask: {error}"


def _ask(asked: Arguments) -> tuple[str, str]:
    """The answers to `status` and to `ping`. Raises OSError, TimeoutError."""
    with socket.create_connection((asked.host, asked.port), timeout=asked.left_s() or 0.001) as connection:
        # Both at once: a port that knows no `status` has still answered `ping`.
        connection.sendall(b"status\r\nping\r\nquit\r\n")
        received = bytearray()
        while received.count(b"\n") < 2 and len(received) < ANSWER_BYTES_MAX:
            if not asked.left_s():
                raise TimeoutError
            connection.settimeout(asked.left_s())
            data = connection.recv(65536)
            if not data:
                break
            received += data
    lines = received.decode("latin-1").splitlines()
    for line in lines:
        asked.say(f"answered: {line[:300]}")
    status, ping, *_ = *lines, "", ""
    return status, ping


def judge(status: str, ping: str) -> tuple[int, str]:
    """The exit code for what a port answered to `status` and to `ping`, and why."""
    try:
        told = json.loads(status)
        verdict = Verdict(told["verdict"])
    except (ValueError, LookupError, TypeError):
        return _judge_ping(ping)
    if told.get("held") is True and verdict is not Verdict.HEALTHY:
        return FAILED, "it was taken offline"  # a cluster manager that took it offline must see it offline
    return monitor_code(verdict, _count(told, "in_a_row", 0), _count(told, "fall", 1)), f"{verdict.value} {told.get('reason', '')}".strip()


def _judge_ping(line: str) -> tuple[int, str]:
    words = line.split(maxsplit=1)
    answer, reason = words[0].upper() if words else "", words[1] if len(words) > 1 else ""
    if answer == "OK":
        return HEALTHY, "OK"
    if answer == "FAILED":
        return (UNKNOWN if reason.startswith(UNSURE) else FAILED), reason
    return UNKNOWN, f"not understood: {line[:80]!r}" if line else "closed without an answer"


def _count(told: dict[str, Any], key: str, otherwise: int) -> int:
    value = told.get(key)
    return value if type(value) is int and value >= 0 else otherwise
