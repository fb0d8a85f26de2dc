"""An operator's word: pause, maintenance, shadow, replace, resume. Each writes one item, which the functions heed within a minute."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cli.history import incidents_of
from cli.programs import Trouble
from cli.state_table import Aws, Place, Table, WroteFirst, read, trouble
from cli.status import intent_words, intents_of
from cli.telling import print_json
from core import names
from core.items import parse_permit
from core.plain import to_plain
from core.recovery.incident import Incident, State
from core.recovery.intents import EVERY, BadIntent, Intent, Kind, asked, intent_item, intent_sk, parse_intent, taken_back

WITHIN = "the minute's sweep heeds it, so within a minute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What was said on the command line. begins_ms: None for now."""

    reason: str
    who: str
    now_ms: int
    for_s: float = 3600.0
    begins_ms: int | None = None
    dry_run: bool = False
    as_json: bool = False


def identity(aws: Aws) -> str:
    """Who says so: the caller as AWS knows it, else the user of this machine."""
    try:
        with trouble("ask who you are"):
            arn = str(aws.client("sts").get_caller_identity()["Arn"])
    except Trouble:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    return arn.split(":", 5)[-1]


def ask(aws: Aws, place: Place, kind: Kind, target: str, words: Words) -> int:
    """Write one intent for an assembly, or EVERY one; print it and give 0. Raises Trouble."""
    table = Table(aws, place)
    if target != EVERY and target not in place.assemblies:
        raise Trouble(
            f"{place.deployable} has no assembly {target!r}; it has {', '.join(place.assemblies)}, or leave it out for all of them"
        )
    return _say(table, [_made(place, kind, target, words)], words, notes=[_WILL[kind]])


def replace_node(aws: Aws, place: Place, node: str, words: Words) -> int:
    """Have one node replaced, by its instance id, or by its assembly's name. Raises Trouble."""
    table = Table(aws, place)
    held = {name: read(parse_permit, table.get(names.permit_pk(place.deployable, name), names.CURRENT)) for name in place.assemblies}
    mine = {name: permit.instance for name, permit in held.items() if permit is not None}
    assembly = next((name for name, instance in mine.items() if node in (name, instance)), None)
    if assembly is None:
        there = ", ".join(f"{instance} ({name})" for name, instance in mine.items()) or "none yet"
        raise Trouble(f"{node!r} runs nothing of {place.deployable}: only who holds a permit can be replaced; these do: {there}")
    notes = [f"{assembly}'s node {mine[assembly]} is to be replaced, once, if the budget lasts: {WITHIN}"]
    paused = [
        i for i in intents_of(table) if i.holds(words.now_ms) and i.kind in (Kind.PAUSE, Kind.MAINTENANCE) and i.target in (assembly, EVERY)
    ]
    notes += [f"but nothing is replaced while this holds: {intent_words(i, words.now_ms)}" for i in paused]
    return _say(table, [_made(place, Kind.REPLACE, mine[assembly], words)], words, notes=notes)


def resume(aws: Aws, place: Place, target: str, words: Words) -> int:
    """Take back what holds for an assembly, or for EVERY one, and let go on what an incident stopped. Raises Trouble."""
    table = Table(aws, place)
    if target != EVERY and target not in place.assemblies:
        raise Trouble(
            f"{place.deployable} has no assembly {target!r}; it has {', '.join(place.assemblies)}, or leave it out for all of them"
        )
    meant = place.assemblies if target == EVERY else (target,)
    held = [
        i for i in intents_of(table) if (i.holds(words.now_ms) or i.is_to_come(words.now_ms)) and i.kind not in (Kind.REPLACE, Kind.RESUME)
    ]
    over = [taken_back(i, who=words.who, reason=words.reason, now_ms=words.now_ms) for i in held if target == EVERY or i.target == target]
    stopped = [one for name in meant for one in incidents_of(table, name, most=1) if _stopped(one)]
    over += [_made(place, Kind.RESUME, one.id, replace(words, for_s=86400.0, begins_ms=None)) for one in stopped]
    wider = [i for i in held if target != EVERY and i.target == EVERY]
    if wider:
        raise Trouble(
            f"this holds for every assembly, not for {target} alone: {intent_words(wider[0], words.now_ms)}; resume without a name"
        )
    if not over:
        print(f"nothing holds {', '.join(meant)}: there is nothing to resume")
        return 0
    return _say(table, over, words, notes=[f"Auto Scaling goes on, and what is broken is looked at again: {WITHIN}"])


def _stopped(incident: Incident) -> bool:
    """What it stopped goes on only after somebody has looked, or after a time."""
    return incident.state in (State.EXHAUSTED, State.ESCALATED)


_WILL = {
    Kind.PAUSE: f"nothing of it is replaced, neither by Understudy nor by Auto Scaling, whose checks are suspended: {WITHIN}",
    Kind.MAINTENANCE: f"as a pause, for the window; what happens in it is recorded as maintenance: {WITHIN}",
    Kind.SHADOW: f"incidents are decided and recorded as ever, and nothing is done; Auto Scaling goes on by itself: {WITHIN}",
}


def _made(place: Place, kind: Kind, target: str, words: Words) -> Intent:
    try:
        return asked(
            kind,
            target,
            deployable=place.deployable,
            reason=words.reason,
            who=words.who,
            now_ms=words.now_ms,
            for_s=words.for_s,
            begins_ms=words.begins_ms,
        )
    except BadIntent as error:
        raise Trouble(str(error)) from error


def _say(table: Table, intents: Sequence[Intent], words: Words, *, notes: Sequence[str]) -> int:
    """Write them, each on condition of what was there, and tell it."""
    for intent in intents:
        if not words.dry_run:
            _write(table, intent)
    if words.as_json:
        print_json({"written": not words.dry_run, "intents": [to_plain(i) for i in intents], "notes": list(notes)})
        return 0
    for intent in intents:
        told = (
            f"taken back: {intent.kind.value} of {intent.target}, {intent.ended_reason}"
            if intent.ended_ms
            else intent_words(intent, words.now_ms)
        )
        print(f"{'would write' if words.dry_run else 'written'}: {told}")
    for note in notes:
        print(f"  {note}")
    return 0


def _write(table: Table, intent: Intent) -> None:
    """Over whatever was said of the same before. Raises Trouble when somebody else writes at the same moment."""
    pk, sk = names.intent_pk(intent.deployable), intent_sk(intent.kind, intent.target)
    there = read(parse_intent, table.get(pk, sk))
    seen = there.revision if there is not None else 0
    try:
        table.put(intent_item(replace(intent, revision=seen + 1)), seen_revision=seen)
    except WroteFirst as error:
        raise Trouble(f"somebody else wrote {pk}/{sk} at this very moment: look at `understudy status` and say it again") from error
