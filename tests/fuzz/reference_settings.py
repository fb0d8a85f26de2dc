"""What a node's settings may be, written from the words of the model's docs: shapes, and what must hold between their keys."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.fuzz.shapes import Among, Fields, Many, Maybe, Rule, Text, Whole

KINDS = ("tcp", "http", "command", "file", "process")


@dataclass(frozen=True)
class Word(Text):
    """A text that a program may be given: no NUL, no half characters."""

    def wrong(self, value: Any, at: str) -> list[str]:
        return [at] if not isinstance(value, str) or re.search("[\0\ud800-\udfff]", value) else []


@dataclass(frozen=True)
class Name(Text):
    words: tuple[str, ...] = ("web", "db-2", "a")

    def wrong(self, value: Any, at: str) -> list[str]:
        return [] if isinstance(value, str) and re.fullmatch("[a-z]([a-z0-9-]{0,30}[a-z0-9])?", value) else [at]


@dataclass(frozen=True)
class Seconds:
    """A number that can be counted with, of 0 or more."""

    choices: tuple[float, ...] = (0.5, 1, 40.0, 600)

    def wrong(self, value: Any, at: str) -> list[str]:
        return [] if type(value) in (int, float) and 0 <= value < 1.7e308 and math.isfinite(value) else [at]

    def good(self, dice: random.Random) -> Any:
        return dice.choice(self.choices)


WORD, WORDS = Word(), Many(Word(words=("/bin/true", "-x")))


def exactly_one(*keys: str) -> Rule:
    return lambda value: None if sum(value.get(key) is not None for key in keys) == 1 else keys[0]


def together(one: str, other: str) -> Rule:
    return lambda value: one if (value.get(one) is None) != (value.get(other) is None) else None


def unless_empty(key: str) -> Rule:
    return lambda value: key if value.get(key) == [] else None


def bounds(key: str, least: float, default: float) -> Rule:
    return lambda value: key if value.get(key, default) < least else None


# --- an application ----------------------------------------------------------------------------------------------

OCF = Fields(
    {"provider": WORD, "type": WORD},
    {"parameters": Many(Many((WORD, WORD), pair=True)), "check_level": Whole(), "root": WORD},
    rules=[lambda value: "check_level" if value.get("check_level", 0) not in (0, 10, 20) else None],
    make=lambda dice: {"parameters": [["binary", "/bin/true"]]} if dice.random() < 0.5 else {"check_level": dice.choice((0, 10, 20))},
)


def a_run(dice: random.Random) -> dict[str, Any]:
    kind = dice.choice(("exec", "systemd", "ocf", "lsb"))
    made: dict[str, Any] = {"exec": ["/bin/sleep", "9"], "systemd": "nginx.service", "ocf": OCF.good(dice), "lsb": "/etc/init.d/x"}
    return {key: None for key in made if dice.random() < 0.2} | {kind: made[kind]}


RUN = Fields(
    {},
    {"exec": Maybe(WORDS), "systemd": Maybe(WORD), "ocf": Maybe(OCF), "lsb": Maybe(WORD)},
    rules=[exactly_one("exec", "systemd", "ocf", "lsb"), unless_empty("exec")],
    make=a_run,
)


def a_probe(dice: random.Random) -> dict[str, Any]:
    made: dict[str, dict[str, Any]] = {
        "tcp": {"tcp": "127.0.0.1:80", "send": "ping\n", "expect": "OK"},
        "http": {"http": "http://127.0.0.1/", "status": [200, 204], "body": "ok", "header": "Server: x"},
        "command": {"command": ["/bin/true"], "busy_exits": [3]},
        "file": {"file": "/run/beat", "file_age_s": 60},
        "process": {"process": "java"},
    }
    return made[dice.choice(KINDS)] | (
        {"every_s": 30, "timeout_s": 2.5, "jitter_s": 1, "rise": 1, "fall": 3} if dice.random() < 0.5 else {}
    )


def too_slow(value: Mapping[str, Any]) -> str | None:
    return None if 0 < value.get("timeout_s", 2.0) <= value.get("every_s", 5.0) else "timeout"


def too_wavering(value: Mapping[str, Any]) -> str | None:
    return None if 0 <= value.get("jitter_s", 0) <= value.get("every_s", 5.0) else "jitter"


PROBE = Fields(
    {},
    {
        **dict.fromkeys(("tcp", "http", "file", "process", "send", "expect", "body", "header"), Maybe(WORD)),
        "command": Maybe(WORDS),
        "status": Many(Whole()),
        "busy_exits": Many(Whole()),
        "file_age_s": Maybe(Seconds()),
        **dict.fromkeys(("every_s", "timeout_s", "jitter_s"), Seconds()),
        "rise": Whole(),
        "fall": Whole(),
    },
    rules=[
        exactly_one(*KINDS),
        unless_empty("command"),
        together("file", "file_age_s"),
        too_slow,
        too_wavering,
        bounds("rise", 1, 1),
        bounds("fall", 1, 2),
    ],
    make=a_probe,
)


def a_threshold(dice: random.Random) -> dict[str, Any]:
    kind = dice.choice(("memory", "memory_pressure", "cpu", "open_files", "threads", "disk", "inodes"))
    made = {"kind": kind, "then": dice.choice(("restart", "report")), "for_s": 30}
    made |= {"amount": 100} if kind == "threads" else {"percent": 90.0}
    return made | ({"path": "/var"} if kind in ("disk", "inodes") else {})


def misplaced(value: Mapping[str, Any]) -> str | None:
    """Which kinds have a path, and whether a share or a number is measured of them."""
    kind = value["kind"]
    if (value.get("path") is not None) != (kind in ("disk", "inodes")):
        return "path"
    if value.get("amount") is not None and kind in ("memory_pressure", "disk", "inodes"):
        return "amount"
    return "percent" if value.get("percent") is not None and kind == "threads" else None


THRESHOLD = Fields(
    {"kind": Among(("memory", "memory_pressure", "cpu", "open_files", "threads", "disk", "inodes"))},
    {
        "percent": Maybe(Seconds()),
        "amount": Maybe(Whole()),
        "path": Maybe(WORD),
        "for_s": Seconds(),
        "then": Among(("restart", "report")),
    },
    rules=[
        exactly_one("percent", "amount"),
        misplaced,
        bounds("for_s", 0, 30),
        lambda value: "threshold" if (value.get("percent") or 0) < 0 or (value.get("amount") or 0) < 0 else None,
    ],
    make=a_threshold,
)
RULE = Fields(
    {"name": WORD},
    {"at_least": Whole(), "at_most": Whole(), "needs": Maybe(Many((WORD, Whole()), pair=True))},
    rules=[
        bounds("at_least", -1, -1),
        bounds("at_most", -1, -1),
        lambda value: "at_least" if -1 != value.get("at_most", -1) < value.get("at_least", -1) else None,
    ],
    make=lambda dice: dice.choice(({"at_most": 5, "needs": ["activations", 10]}, {"at_least": 1}, {"at_least": 0, "at_most": 0}, {})),
)
COUNTERS = Fields({}, {"rules": Many(RULE), "interval_s": Seconds((40, 60.0)), "file": Maybe(WORD)}, rules=[bounds("interval_s", 40, 40)])
TOLERANCE = Fields(
    {"failures": Maybe(Whole(least=0)), "window_s": Seconds((300, 3600.0))},
    rules=[lambda value: "window" if value["window_s"] <= 0 else None],
)
APPLICATION = Fields(
    {"name": Name(), "run": RUN},
    {
        "install": Maybe(Fields({"source": WORD, "to": WORD})),
        "user": Maybe(WORD),
        "directory": Maybe(WORD),
        "environment": Many(Many((WORD, WORD), pair=True)),
        "limits": Fields({}, dict.fromkeys(("open_files", "memory_bytes", "processes"), Maybe(Whole(least=1)))),
        "output": Fields({}, {"file": Maybe(WORD), "bytes_max": Whole(least=1), "kept": Whole(least=0)}),
        "ha": Maybe(Fields({"port": Whole(1, 65535)}, {"host": WORD, "log_folder": Maybe(WORD)})),
        "probes": Many(PROBE),
        "thresholds": Many(THRESHOLD),
        "counters": Maybe(COUNTERS),
        "tolerance": TOLERANCE,
        "monitor_every_s": Seconds(),
        **dict.fromkeys(("busy_budget_s", "start_timeout_s", "drain_timeout_s", "stop_timeout_s"), Seconds()),
        "drain": Maybe(WORDS),
        "after": Many(Name()),
    },
    rules=[bounds("monitor_every_s", 0.1, 10)],
)

# --- the node ----------------------------------------------------------------------------------------------------


def a_host_name(dice: random.Random) -> dict[str, Any]:
    return dice.choice(({"resolves": "node"}, {"resolves": "front"}, {"resolves": "address", "address": "10.0.0.1"}, {}))


HOST_NAME = Fields(
    {"name": WORD},
    {"resolves": Among(("node", "front", "address")), "address": Maybe(WORD)},
    rules=[lambda value: "address" if (value.get("address") is not None) != (value.get("resolves") == "address") else None],
    make=a_host_name,
)


def badly_ordered(value: Mapping[str, Any]) -> str | None:
    """Names are an application's own, `after` names others of them, and nobody waits in a ring."""
    after = {application["name"]: set(application.get("after", [])) for application in value["applications"]}
    if len(after) != len(value["applications"]) or not set().union(*after.values()) <= after.keys():
        return "applications"
    while ready := {name for name, others in after.items() if not others & after.keys()}:
        after = {name: others for name, others in after.items() if name not in ready}
    return "applications" if after else None


ASSEMBLY = Fields(
    {
        "name": Name(),
        "image": WORD,
        "instances": WORDS,
        "applications": Many(APPLICATION, least=1),
        "ha_port": Whole(1, 65535),
        "http_port": Whole(1, 65535),
    },
    {
        "front": Fields({}, {"kind": Among(("none", "elastic_ip")), "ports": Many(Whole(1, 65535))}),
        "start_grace_s": Seconds(),
        "on_disagreement": Among(("report", "replace")),
        "tolerance": TOLERANCE,
        "http": Fields({}, dict.fromkeys(("certificate", "key", "token_file"), Maybe(WORD)), rules=[together("certificate", "key")]),
        "host_names": Many(HOST_NAME),
        "depends_on": WORDS,
        "on_address_change": Maybe(WORDS),
    },
    rules=[badly_ordered],
)
SETTINGS = Fields({"version": Among((1,)), "deployable": Name(), "assembly": ASSEMBLY})
