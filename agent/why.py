"""python -m agent why: asks the running agent why its applications' verdicts are what they are, and prints it for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from agent.control_socket import ENVIRONMENT, NoAgent, NoAnswer, call, socket_path

TIMEOUT_S = 5.0


def why(application: str | None, *, as_json: bool) -> int:
    """Exit status: 0 printed, 1 the agent could not be asked or does not know that application."""
    try:
        answer = call(socket_path(), {"do": "why", "application": application}, TIMEOUT_S)
    except NoAgent as error:
        remedy = f"does the agent run (systemctl status understudy-agent), are you root, is {ENVIRONMENT} as the agent has it?"
        print(f"understudy why: no agent answers: {error}; {remedy}", file=sys.stderr)
        return 1
    except NoAnswer as error:
        print(f"understudy why: {error}", file=sys.stderr)
        return 1
    if not answer.get("ok"):
        print(f"understudy why: {answer.get('error', answer)}", file=sys.stderr)
        return 1
    told: Mapping[str, Mapping[str, Any]] = answer["why"]
    if as_json:
        print(json.dumps(told, indent=1))
    else:
        print("\n\n".join("\n".join(lines_of(name, one)) for name, one in told.items()))
    return 0


def lines_of(name: str, told: Mapping[str, Any]) -> Iterator[str]:
    """One application, in lines for a terminal."""
    yield f"{name}: {told['verdict']}{_because(told['reason'])}"
    run = f"run {told['run']}" + (f", pid {told['pid']}" if told["pid"] is not None else ", not running")
    notes = [word for word, said in (("adopted", told["adopted"]), ("held offline by an operator", told["held"])) if said]
    yield "  " + ", ".join([run, _several(told["restarts"], "restart"), *notes])
    if told["busy_s"]:
        yield f"  busy for {told['busy_s']:.0f} s"
    for probe in told["probes"]:
        yield f"  probe {probe['probe']}: {probe['verdict']}{_because(probe['reason'])}"
        yield f"    every {probe['every_s']:g} s, rise {probe['rise']}, fall {probe['fall']}; {probe['in_a_row']} in a row speak against it"
        for one in probe["recent"]:
            yield f"    {one['ago_s']:8.1f} s ago  {one['outcome']:8} {1000 * one['took_s']:8.1f} ms  {one['reason']}".rstrip()
    yield from _limits(told)
    yield from _history(told["history"], told["penalty"])
    for warning in told["warnings"]:
        yield f"  warning: {warning}"


def _limits(told: Mapping[str, Any]) -> Iterator[str]:
    for one in told["thresholds"]:
        limit = f"{one['percent']:g} %" if one["percent"] is not None else f"{one['amount']}"
        digits = 1 if one["percent"] is not None else 0
        value = "not measured" if one["value"] is None else f"{one['value']:.{digits}f}"
        crossed = ", crossed" if one["crossed"] else ""
        yield f"  threshold {one['threshold']}: {value}, limit {limit} for {one['for_s']:g} s, then {one['then']}{crossed}"
    if told["counters"] is not None:
        counters = told["counters"]
        yield f"  counters over {counters['interval_s']:g} s (seen for {counters['seen_for_s']:g} s): {counters['totals']}"
        for rule in counters["rules"]:
            yield f"    {', '.join(f'{key} {value}' for key, value in rule.items() if value not in (None, -1))}"


def _history(history: Mapping[str, Any], penalty: float) -> Iterator[str]:
    ago = ", ".join(f"{ago_s:.0f} s" for ago_s in history["failures_ago_s"][-10:])
    tolerated = "any number" if history["tolerated"] is None else history["tolerated"]
    counted = f"{_several(len(history['failures_ago_s']), 'failure')} counted" + (f" ({ago} ago)" if ago else "")
    yield f"  {counted}; {tolerated} tolerated in {history['window_s']:g} s; penalty {penalty:g}"
    if history["last"]:
        yield f"  the last: {history['last']}"
    if history["next_start_in_s"]:
        yield f"  next start in {history['next_start_in_s']:g} s"
    if history["asks"]:
        yield f"  asks to be replaced: {history['asks']}"


def _several(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
