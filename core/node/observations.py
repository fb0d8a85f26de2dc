"""What was seen of a node's applications, recorded line by line, so that the decisions on it can be rehearsed.

A recording is JSON lines; empty lines and lines that begin with `#` are left out. The first one may name the settings:

    {"settings": "agent.json"}

Every other line is one moment: `at_s`, seconds on any clock that does not go back, and what was seen, of the node

    {"at_s": 0, "permit": 1}                the permit names this node, under that epoch (without such a line: epoch 1)
    {"at_s": 9, "permit": 2, "other": true} the permit names another node
    {"at_s": 9, "terminating": true}        Auto Scaling ends this node
    {"at_s": 9}                             nothing: time passed

or of one application, with exactly one of these:

    {"at_s": 1.5, "application": "ledger", "probe": 0, "outcome": "timeout", "reason": "no answer in 2 s", "took_s": 2}
    {"at_s": 2, "application": "ledger", "measures": {"cpu_cores": 1.9, "cores": 2, "disks": {"/var": {"used": 0.5, "inodes": 0.1}}}}
    {"at_s": 3, "application": "ledger", "counts": {"activations": 17, "aborts": 0}}
    {"at_s": 4, "application": "ledger", "started": true}        its start came to its end (systemd, ocf, lsb)
    {"at_s": 4, "application": "ledger", "degraded": "code 190"} it came up, but not whole
    {"at_s": 5, "application": "ledger", "exit": "killed by SIGKILL"}
    {"at_s": 6, "application": "ledger", "hold": true}           an operator takes it offline; false: brings it back

probe: its place in the settings, from 0; "monitor" is an application's own monitor action. outcome: good, bad, timeout, busy
or unknown. measures: those of core.node.thresholds.Measures; one that is left out could not be measured.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from core.node.health import Outcome, ProbeResult
from core.node.thresholds import DiskUse, Measures

LINE_CHARS_MAX = 100_000
MONITOR = "monitor"
_OF_NODE = {"at_s", "permit", "other", "terminating"}
_KINDS = ("probe", "measures", "counts", "started", "degraded", "exit", "hold")


class BadObservation(ValueError):
    """A line that cannot be used: names its number, the key and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfNode:
    """permit: an epoch, None: this line says nothing of it. other: that permit names another node."""

    at_s: float
    permit: int | None = None
    other: bool = False
    terminating: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OfApplication:
    """One of the last seven is set. probe: with `result`."""

    at_s: float
    application: str
    probe: int | str | None = None
    result: ProbeResult | None = None
    measures: Measures | None = None
    counts: Mapping[str, int] | None = None
    started: bool | None = None
    degraded: str | None = None
    exit: str | None = None
    hold: bool | None = None


Observation = OfNode | OfApplication


def settings_of(line: str) -> str | None:
    """The settings file that a recording's first line names; None when it names none. Raises BadObservation."""
    value = _object(line, 1)
    return _text(value, "settings", 1) if "settings" in value else None


def parse(line: str, number: int) -> Observation | None:
    """One line; None when it says nothing: empty, a comment, the name of the settings. Raises BadObservation."""
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    value = _object(line, number)
    if "settings" in value:
        return None
    at_s = _number(value, "at_s", number)
    if "application" not in value:
        _refuse_others(value, _OF_NODE, number)
        permit = _whole(value, "permit", number) if "permit" in value else None
        return OfNode(at_s=at_s, permit=permit, other=_flag(value, "other", number), terminating=_flag(value, "terminating", number))
    given = [kind for kind in _KINDS if kind in value]
    if len(given) != 1:
        raise BadObservation(f"line {number} tells {given or 'nothing'} of {value['application']!r}: use exactly one of {list(_KINDS)}")
    (kind,) = given
    _refuse_others(value, {"at_s", "application", kind, *(("outcome", "reason", "took_s") if kind == "probe" else ())}, number)
    return OfApplication(at_s=at_s, application=_text(value, "application", number), **_of_application(kind, value, number))


def _of_application(kind: str, value: Mapping[str, Any], number: int) -> dict[str, Any]:
    match kind:
        case "probe":
            return {"probe": _probe(value, number), "result": _result(value, number)}
        case "measures":
            return {"measures": _measures(_mapping(value, "measures", number), number)}
        case "counts":
            counts = _mapping(value, "counts", number)
            return {"counts": {str(name): _whole(counts, name, number) for name in counts}}
        case "started" | "hold":
            return {kind: _flag(value, kind, number)}
    return {kind: _text(value, kind, number)}


def _probe(value: Mapping[str, Any], number: int) -> int | str:
    return MONITOR if value["probe"] == MONITOR else _whole(value, "probe", number)


def _result(value: Mapping[str, Any], number: int) -> ProbeResult:
    outcome = _text(value, "outcome", number)
    if outcome not in list(Outcome):
        raise BadObservation(f"line {number}: outcome is {outcome!r}, expected one of {[known.value for known in Outcome]}")
    reason = _text(value, "reason", number) if "reason" in value else ""
    return ProbeResult(Outcome(outcome), reason, _number(value, "took_s", number) if "took_s" in value else 0.0)


def _measures(value: Mapping[str, Any], number: int) -> Measures:
    known = {field.name for field in fields(Measures)}
    _refuse_others(value, known, number)
    found: dict[str, Any] = {}
    for name in value:
        if name == "disks":
            disks = _mapping(value, name, number)
            found[name] = {path: _disk(_mapping(disks, path, number), number) for path in disks}
        elif name == "stopped":
            found[name] = _flag(value, name, number)
        elif value[name] is not None:
            found[name] = _number(value, name, number)
    found["cores"] = int(found.get("cores", 1))
    return Measures(**found)


def _disk(value: Mapping[str, Any], number: int) -> DiskUse:
    _refuse_others(value, {"used", "inodes"}, number)
    return DiskUse(_number(value, "used", number), _number(value, "inodes", number))


# --- one value, checked ------------------------------------------------------------------------------------------


def _object(line: str, number: int) -> Mapping[str, Any]:
    if len(line) > LINE_CHARS_MAX:
        raise BadObservation(f"line {number} is {len(line)} characters long, at most {LINE_CHARS_MAX} are read")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadObservation(f"line {number} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadObservation(f"line {number} is {_brief(value)}, expected an object")
    return value


def _refuse_others(value: Mapping[str, Any], known: set[str], number: int) -> None:
    for key in value:
        if key not in known:
            raise BadObservation(f"line {number}: {key} is {_brief(value[key])}: unknown here, expected some of {sorted(known)}")


def _wrong(key: str, given: object, number: int, expected: str) -> BadObservation:
    return BadObservation(f"line {number}: {key} is {_brief(given)}, expected {expected}")


def _mapping(value: Mapping[str, Any], key: str, number: int) -> Mapping[str, Any]:
    given = value.get(key)
    if not isinstance(given, dict):
        raise _wrong(key, given, number, "an object")
    return given


def _number(value: Mapping[str, Any], key: str, number: int) -> float:
    given = value.get(key)
    if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given < 1e18 or math.isnan(given):
        raise _wrong(key, given, number, "a number of 0 or more")
    return given


def _whole(value: Mapping[str, Any], key: str, number: int) -> int:
    given = value.get(key)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < 1 << 63:
        raise _wrong(key, given, number, "a whole number of 0 or more")
    return given


def _flag(value: Mapping[str, Any], key: str, number: int) -> bool:
    given = value.get(key, False)
    if not isinstance(given, bool):
        raise _wrong(key, given, number, "true or false")
    return given


def _text(value: Mapping[str, Any], key: str, number: int) -> str:
    given = value.get(key)
    if not isinstance(given, str):
        raise _wrong(key, given, number, "a text")
    return given


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
