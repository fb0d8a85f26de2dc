"""The scripts `offline`, `clean` and `online`: they have the agent of this machine do it, and tell the truth by their exit code.

Veritas Cluster Server reads the exit code of online and offline as the seconds to wait before it monitors again, and that
of clean as success when it is 0. So: 0 it is done, look at once. 1 it is not done, and a look shows what is. LATER_S it is
not done yet, or we could not be told: look so many seconds later. clean: 0 done, anything else not.
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from agent.control_socket import NoAgent, NoAnswer, call, socket_path
from agent.scripts.arguments import TIMEOUT_S_MAX, Arguments, BadArguments, complain, parse, usage, wants_help

DONE, NOT_DONE, LATER_S = 0, 1, 10
HELP = {
    "offline": "Stops the application (or all) behind that HA port gracefully, and holds it down until `online`.",
    "clean": "Kills all that belongs to the application (or to all) behind that HA port, and holds it down until `online`.",
    "online": "Starts the application (or all) behind that HA port and waits until it is up; what fails is cleaned first.",
}
CODES = f"""The first three arguments are not used. It asks the agent of this machine, as root.
Exit status: {DONE} done, {NOT_DONE} not done, {LATER_S} under way or nobody answered: look again after so many seconds."""
TIMEOUT_S = 300.0  # the agent bounds each by the application's own settings, which are shorter as a rule
MARGIN_S = 0.5  # the agent is given a little less than we wait, so that its words arrive


def main(verb: str, words: list[str]) -> int:
    if wants_help(words):
        print(f"{usage(verb)}\n{HELP[verb]}\n{CODES}")
        return DONE
    try:
        asked = parse(words, timeout_s=TIMEOUT_S)
        _must_be_here(asked.host)
    except BadArguments as error:
        complain(verb, error)
        return NOT_DONE
    return _recover(asked) if verb == "online" else _act(asked, verb)


def _recover(asked: Arguments) -> int:
    """Start it from whatever state it is in. What is failing is first stopped gracefully, then killed whatever that came to:
    the order that MediationZone gives, offline, clean, online."""
    if _is_failing(asked):
        _act(asked, "offline")
        code = _act(asked, "clean")
        if code != DONE:
            return code  # what may still live is not started a second time
    return _act(asked, "online")


def _is_failing(asked: Arguments) -> bool:
    """Not what was taken offline: that is down already."""
    try:
        status: Any = call(socket_path(), {"do": "status", "port": asked.port}, min(asked.left_s(), 5.0)).get("status")
    except (NoAgent, NoAnswer) as error:
        asked.say(f"status: {error}")
        return False
    applications = status.get("applications") or {"": status}
    return any(each.get("verdict") == "failing" and not each.get("held") for each in applications.values())


def _act(asked: Arguments, verb: str) -> int:
    """The exit code. What went wrong is also said on standard error."""
    left_s = asked.left_s()
    request = {"do": verb, "port": asked.port, "timeout_s": min(max(left_s - MARGIN_S, left_s / 2, 0.001), TIMEOUT_S_MAX)}
    asked.say(f"{verb}: asking for {left_s:.1f} s at most")
    try:
        answer = call(socket_path(), request, left_s)
    except (NoAgent, NoAnswer) as error:
        return _say(asked, verb, LATER_S, str(error))
    if answer.get("ok") is True:
        asked.say(f"{verb}: {answer.get('done', '')}")
        return DONE
    return _say(asked, verb, LATER_S if answer.get("under_way") else NOT_DONE, str(answer.get("error", "the agent gave no reason")))


def _say(asked: Arguments, verb: str, code: int, trouble: str) -> int:
    asked.say(f"{verb}: exit {code}: {trouble}")
    print(f"{verb}: {trouble}", file=sys.stderr)
    return code


def _must_be_here(host: str) -> None:
    """Only this machine's agent can be asked. Raises BadArguments for another machine's address."""
    try:
        for family, *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM):
            with socket.socket(family) as mine:
                mine.bind((address[0], 0))  # only an address of this machine can be bound
                return
    except OSError as error:
        raise BadArguments(f"host is {host!r}: run this on that machine ({error.strerror or error})") from None
