"""The commands for operators: their options, and who does what. Each has a file of its own."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli import asking, explain, history, operator_policy, replay, show, status
from cli.asking import Words
from cli.state_table import Asked, Aws, Place, deployable_name, find
from core.recovery.intents import EVERY, LONGEST_S, Kind
from spec.values import duration_text, seconds

_PAUSE = """\
Hold everything still: nothing is replaced, neither by Understudy nor by Auto Scaling, whose checks are suspended for as long.
What fails meanwhile is recorded, with your reason, and looked at again when the pause ends. It ends by itself.
"""
_MAINTENANCE = """\
A window in which nothing is replaced, as in a pause; what happens in it is recorded as maintenance. It may begin later.
"""
_SHADOW = """\
Watch without acting: incidents are decided and recorded as ever, and nothing is done about them. Auto Scaling is not held: what
it replaces by itself it goes on replacing.
"""
_REPLACE = """\
Have a node replaced, once: as when it had failed, with evidence, fence and verification, and out of the same budget. NODE is its
instance id, or its assembly's name.
"""
_RESUME = """\
Take back a pause, a maintenance or shadow mode; and let go on what an incident has stopped (a boot loop, a meltdown, a spent
budget): say it when somebody has looked. Without an assembly's name it is all of them.
"""
_WORD = """\

examples:
  {example}

It is written into the state table with your name (as AWS knows you) and your reason, and heeded within a minute.
exit status: 0 written; 2 it could not be. --dry-run writes nothing.
"""


def add_commands(add: Callable[[str, str, str, str], argparse.ArgumentParser]) -> None:
    """add: makes a command of a name, a line about it, its text, and its examples."""
    _place(add("status", "tell how a deployable stands: who serves, what is under way", status.ABOUT, status.EXAMPLES))

    command = add("history", "list what happened, newest first", history.ABOUT, history.EXAMPLES)
    command.add_argument("--since", type=_duration, metavar="TIME", help="only what happened within this time, such as 7d")
    command.add_argument("--most", type=_count, default=history.MOST, metavar="N", help="so many (default: %(default)s)")
    _place(command)

    command = add("show", "tell all of one incident", show.ABOUT, show.EXAMPLES)
    command.add_argument("incident", metavar="INCIDENT")
    _place(command)

    command = add("explain", "tell why each step of an incident was taken", explain.ABOUT, explain.EXAMPLES)
    command.add_argument("incident", metavar="INCIDENT")
    command.add_argument("--all", action="store_true", dest="everything", help="all that was seen at each step, not what had changed")
    _place(command)

    command = add("replay", "say what other settings would have done in an incident", replay.ABOUT, replay.EXAMPLES)
    command.add_argument("incident", metavar="INCIDENT")
    command.add_argument("--policy", type=Path, required=True, metavar="FILE", help="the settings that are to be other, YAML or JSON")
    _place(command)
    _words(add)
    about = "print the IAM policy that an operator needs"
    _place(add("operator-policy", about, operator_policy.ABOUT, operator_policy.EXAMPLES))


def _words(add: Callable[[str, str, str, str], argparse.ArgumentParser]) -> None:
    why = '--reason "..."'
    for kind, about, text, default in (
        (Kind.PAUSE, "hold everything still for a while", _PAUSE, "1h"),
        (Kind.MAINTENANCE, "announce a window in which nothing is replaced", _MAINTENANCE, "1h"),
        (Kind.SHADOW, "decide and record, and do nothing", _SHADOW, "24h"),
    ):
        example = f"understudy {kind.value} scheduler --for {default} {why}"
        command = add(kind.value, about, text, _WORD.format(example=example))
        command.add_argument("assembly", nargs="?", default=EVERY, metavar="ASSEMBLY", help="default: all of the deployable's")
        longest = duration_text(LONGEST_S[kind])
        command.add_argument(
            "--for", type=_duration, default=seconds(default), dest="for_s", metavar="TIME", help=f"default {default}, at most {longest}"
        )
        if kind is Kind.MAINTENANCE:
            command.add_argument("--from", type=_moment, dest="begins_ms", metavar="WHEN", help="such as 2026-11-22T02:00Z; default now")
        _said(command)
    command = add("replace", "have a node replaced", _REPLACE, _WORD.format(example=f"understudy replace i-0123456789abcdef0 {why}"))
    command.add_argument("node", metavar="NODE")
    command.add_argument(
        "--for", type=_duration, default=3600.0, dest="for_s", metavar="TIME", help="how long it stands if it cannot be done; default 1h"
    )
    _said(command)
    command = add(
        "resume", "take back a pause; let go on what an incident stopped", _RESUME, _WORD.format(example=f"understudy resume {why}")
    )
    command.add_argument("assembly", nargs="?", default=EVERY, metavar="ASSEMBLY", help="default: all of the deployable's")
    _said(command)


def _said(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reason", required=True, metavar="TEXT", help="why; kept, and told to whoever finds it")
    command.add_argument("--dry-run", action="store_true", help="say what would be written, and write nothing")
    _place(command)


def _place(command: argparse.ArgumentParser) -> None:
    """Where the deployable is. By default the region and account of the environment, AWS_ENDPOINT_URL included."""
    command.add_argument("--deployable", metavar="NAME|FILE", help="which; may be left out where only one is deployed")
    command.add_argument("--assembly", action="append", default=[], dest="only", metavar="NAME", help="only this one; repeatable")
    command.add_argument("--table", metavar="NAME", help="the state table, when the stack cannot be asked for it")
    command.add_argument("--region", metavar="REGION", help="default: that of the environment")
    command.add_argument("--lab", action="store_true", help="ask a lab of this machine (`understudy lab up`) instead of AWS")
    command.add_argument("--name", default="default", metavar="NAME", help="which lab, when several run side by side")
    command.add_argument("--json", action="store_true", help="print it as JSON")


def run(given: argparse.Namespace) -> int | None:
    """The exit status; None when it is no command of these. Raises Trouble, spec.SpecError."""
    if given.command not in _RUN:
        return None
    name = deployable_name(given.deployable) if given.deployable else None
    lab = given.name if given.lab else None
    asked = Asked(deployable=name, table=given.table, assemblies=tuple(given.only), lab=lab, region=given.region)
    aws = Aws(asked)
    return _RUN[given.command](aws, find(aws, asked), given)


def _word(kind: Kind) -> Callable[[Aws, Place, argparse.Namespace], int]:
    return lambda aws, place, given: asking.ask(aws, place, kind, given.assembly, _words_of(aws, given))


def _words_of(aws: Aws, given: argparse.Namespace) -> Words:
    return Words(
        reason=given.reason,
        who=asking.identity(aws),
        now_ms=_now_ms(),
        for_s=getattr(given, "for_s", 3600.0),
        begins_ms=getattr(given, "begins_ms", None),
        dry_run=given.dry_run,
        as_json=given.json,
    )


def _history(aws: Aws, place: Place, given: argparse.Namespace) -> int:
    since_ms = _now_ms() - round(given.since * 1000) if given.since else 0
    return history.history(aws, place, since_ms=since_ms, most=given.most, as_json=given.json)


_RUN: dict[str, Callable[[Aws, Place, Any], int]] = {
    "status": lambda aws, place, given: status.status(aws, place, _now_ms(), as_json=given.json),
    "history": _history,
    "show": lambda aws, place, given: show.show(aws, place, given.incident, as_json=given.json),
    "explain": lambda aws, place, given: explain.explain(aws, place, given.incident, everything=given.everything, as_json=given.json),
    "replay": lambda aws, place, given: replay.replay(aws, place, given.incident, given.policy, as_json=given.json),
    "operator-policy": lambda _aws, place, _given: operator_policy.show_policy(place),
    "pause": _word(Kind.PAUSE),
    "maintenance": _word(Kind.MAINTENANCE),
    "shadow": _word(Kind.SHADOW),
    "replace": lambda aws, place, given: asking.replace_node(aws, place, given.node, _words_of(aws, given)),
    "resume": lambda aws, place, given: asking.resume(aws, place, given.assembly, _words_of(aws, given)),
}


def _now_ms() -> int:
    return round(time.time() * 1000)


def _duration(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: use a number and its unit, such as 30m, 2h or 7d") from error


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 1000):
        raise argparse.ArgumentTypeError(f"{text!r} is no count: use 1 to 1000")
    return int(text)


def _moment(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: write it as 2026-11-22T02:00Z") from error
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
