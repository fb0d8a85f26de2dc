"""Asking nodes from outside: the HA port and HTTP of each, all at once, all bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from core.records import Look
from core.recovery.outlook import OK, SAYS, judge_look
from lambdas.adapters import questions
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.questions import Heard, Question

TIMEOUT_S = 2.0  # for connecting and answering together
AT_ONCE = 800  # connections; of Lambda's 1,024 descriptors, the table's and the runtime's own have the rest


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node says it is. network: where its deployable's nodes are; nothing outside it is asked, whatever a report says."""

    host: str
    ha_port: int
    http_port: int
    network: IPv4Network


def look_at_all(addresses: Sequence[Address], *, now_ms: Callable[[], int]) -> list[Look]:
    """One look at each, in their order. A handshake alone counts for nothing: a stopped process still completes it.

    Silent nodes cost one timeout together, not one each; whoever is thought to be silent belongs in front. Raises WorldFailed.
    """
    askable = [n for n, address in enumerate(addresses) if _is_in(address.host, address.network)]
    asked = [question for n in askable for question in _both(addresses[n])]
    try:
        heard = questions.ask(asked, timeout_s=TIMEOUT_S, at_once=AT_ONCE)
    except OSError as error:  # no descriptor, no port: what nobody asked has not failed
        raise WorldFailed("ask the nodes", type(error).__name__, str(error)) from error
    at_ms = now_ms()
    answers = {n: (_ping(heard[2 * place]), _healthz(heard[2 * place + 1])) for place, n in enumerate(askable)}
    found = []
    for n, address in enumerate(addresses):
        said = f"{address.host[:40]} is not in {address.network}"
        ha, http = answers.get(n, (said, said))
        found.append(Look(at_ms=at_ms, verdict=judge_look(ha, http), ha=ha, http=http))
    return found


def _both(address: Address) -> tuple[Question, Question]:
    """A node whose settings name a certificate speaks TLS, which its report does not say: what answers no HTTP is asked again so."""
    request = f"GET /healthz HTTP/1.1\r\nHost: {address.host}\r\nConnection: close\r\n\r\n".encode()
    return Question(address.host, address.ha_port, b"ping\r\n"), Question(address.host, address.http_port, request, or_in_tls=b"HTTP/")


def _is_in(host: str, network: IPv4Network) -> bool:
    try:
        return IPv4Address(host) in network
    except ValueError:
        return False


def _ping(heard: Heard) -> str:
    if heard.trouble:
        return heard.trouble
    line = heard.line.decode("latin-1").strip()
    if line.upper() == "OK":
        return OK
    return f"{SAYS}{line[:80]}" if line else "closed without an answer"


def _healthz(heard: Heard) -> str:
    if heard.trouble:
        return "no HTTP answer" if heard.hung_up else heard.trouble
    words = heard.line.decode("latin-1").split()
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        return "no HTTP answer"
    return OK if words[1] == "200" else f"status {words[1][:3]}"
