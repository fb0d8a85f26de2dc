"""One failure from first suspicion to verified recovery, as it is stored.

The item under `OPEN` is an assembly's latest incident, ended or not: nothing is ever deleted, and a
new one is written over it on condition of its revision. An ended incident is also kept under its id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from core import names
from core.items import BadRecord

VERSION = 1
NOTES_MAX = 60  # notes of at most NOTE_CHARS_MAX: an incident stays below 20 KB
NOTES_HEAD = 20  # the first ones tell why, so the middle is dropped
NOTE_CHARS_MAX = 300
TRIED_MAX = 10


class State(StrEnum):
    SUSPECTED = "suspected"
    CONFIRMED = "confirmed"
    ISOLATING = "isolating"
    RECREATING = "recreating"
    VERIFYING = "verifying"
    RECOVERED = "recovered"
    ESCALATED = "escalated"
    SUPPRESSED = "suppressed"
    EXHAUSTED = "exhausted"


ENDED = frozenset({State.RECOVERED, State.ESCALATED, State.SUPPRESSED, State.EXHAUSTED})


class Cause(StrEnum):
    """What justified acting."""

    NONE = "none"
    SIGNALS = "signals"  # reports failing or silent, and looks failing
    REQUEST = "request"  # the node asked
    GONE = "gone"  # EC2 says so
    OPERATOR = "operator"  # a person asked for it
    DISAGREEMENT = "disagreement"  # it says it is well and fails from outside, and the file says to replace it after a time
    ESCALATION = "escalation"  # nothing is wrong with it: its whole deployable is recreated
    AWS = "aws"  # AWS says what it does about it: nobody of ours acts (core.watching.mending), and no rule of recovery reads such a one


@dataclass(frozen=True, slots=True)
class Note:
    """A line of the timeline: who did or saw what."""

    at_ms: int
    who: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Times are whole milliseconds of the functions' wall clocks, 0 for `not yet`.

    failed_ms: when it began, as well as we know. state_ms: when the present state was entered.
    driver, driven_until_ms: the call that is working on it, and until when others leave it alone.
    tried: replacements seen dying before they ran. fence: 0 nothing yet, 1 group told and terminated
    without OS shutdown, 2 forced. escalated_to: the rung that was reached ("" while it is the assembly).
    proceeded_ms: when it went on though EC2 had not confirmed the end of the old node.
    ladder, leader: of the deployable's rung, the id of the incident that leads it (its own, when it does) and that one's assembly.
    part_over: the rung in which this assembly's part had come to its end when this one was opened.
    called_ms: when sisters were last called. retiring_ms: when a healthy node was told to go. rebooted_ms: the database.
    database: what the node last said against its database.
    """

    deployable: str
    assembly: str
    id: str
    revision: int
    instance: str
    epoch: int
    state: State
    cause: Cause
    reason: str
    woken_by: str
    failed_ms: int
    opened_ms: int
    state_ms: int
    confirmed_ms: int = 0
    acted_ms: int = 0
    isolated_ms: int = 0
    verifying_ms: int = 0
    ended_ms: int = 0
    fence: int = 0
    fenced_ms: int = 0
    proceeded_ms: int = 0
    new_instance: str = ""
    new_epoch: int = 0
    front: str = ""
    escalated_to: str = ""
    evidence: tuple[str, ...] = ()
    evidence_done: bool = False
    told: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    ladder: str = ""
    leader: str = ""
    part_over: str = ""
    database: str = ""
    called_ms: int = 0
    retiring_ms: int = 0
    rebooted_ms: int = 0
    driver: str = ""
    driven_until_ms: int = 0
    notes: tuple[Note, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def untold_end(self) -> bool:
        """Whoever heard of its beginning hears of its end; and a person who must act hears in any case."""
        return self.ended and "end" not in self.told and ("open" in self.told or self.escalated_to == "person")

    def durations(self) -> dict[str, float | None]:
        """Seconds to detect, decide, act and verify; None for a phase that was not reached.

        detect: began to noticed. decide: noticed to confirmed. act: confirmed to the new node
        running under its permit. verify: from then until it was seen to serve.
        """

        def between(start_ms: int, end_ms: int) -> float | None:
            return max(0, end_ms - start_ms) / 1000 if start_ms and end_ms else None

        verified_ms = self.ended_ms if self.state is State.RECOVERED else 0
        return {
            "detect_s": between(self.failed_ms, self.opened_ms),
            "decide_s": between(self.opened_ms, self.confirmed_ms),
            "act_s": between(self.confirmed_ms, self.verifying_ms),
            "verify_s": between(self.verifying_ms, verified_ms),
        }


def incident_id(at_ms: int, instance: str) -> str:
    """Sorts by time, and names the node."""
    return f"{at_ms:013d}-{instance}"


def noted(incident: Incident, at_ms: int, who: str, what: str) -> Incident:
    """The same with one more line. A line said twice in a row is kept once."""
    line = what[:NOTE_CHARS_MAX]
    if incident.notes and (incident.notes[-1].who, incident.notes[-1].what) == (who, line):
        return incident
    notes = (*incident.notes, Note(at_ms, who, line))
    if len(notes) > NOTES_MAX:
        notes = (*notes[:NOTES_HEAD], *notes[NOTES_HEAD - NOTES_MAX :])
    return replace(incident, notes=notes)


_TEXTS = ("id", "instance", "reason", "woken_by", "new_instance", "front", "escalated_to", "driver")
_NUMBERS = (
    "revision", "epoch", "failed_ms", "opened_ms", "state_ms", "confirmed_ms", "acted_ms", "isolated_ms", "verifying_ms",
    "ended_ms", "fence", "fenced_ms", "new_epoch", "driven_until_ms",
)  # fmt: skip
_LATER = ("proceeded_ms",)  # numbers that older records do not have: 0 there
_LISTS = ("evidence", "told", "tried")
_RUNG_TEXTS, _RUNG_NUMBERS = ("ladder", "leader", "database"), ("called_ms", "retiring_ms", "rebooted_ms")  # of a rung's incidents alone


def incident_item(incident: Incident, *, sk: str = names.OPEN) -> dict[str, Any]:
    """sk: OPEN, or the incident's id for the copy that is kept."""
    item: dict[str, Any] = {
        names.PK: names.incident_pk(incident.deployable, incident.assembly),
        names.SK: sk,
        "version": VERSION,
        "state": incident.state.value,
        "cause": incident.cause.value,
        "evidence_done": incident.evidence_done,
        "notes": [{"at_ms": n.at_ms, "who": n.who, "what": n.what} for n in incident.notes],
    }
    for name in (*_TEXTS, *_NUMBERS, *_LATER):
        item[name] = getattr(incident, name)
    for name in _LISTS:
        item[name] = list(getattr(incident, name))
    if incident.ladder:
        item |= {name: getattr(incident, name) for name in (*_RUNG_TEXTS, *_RUNG_NUMBERS)}
    if incident.part_over:
        item["part_over"] = incident.part_over
    for name, seconds in incident.durations().items():
        # For whoever reads the table; never read back. 0 for a phase that was not reached.
        item[name.removesuffix("_s") + "_ms"] = round((seconds or 0) * 1000)
    return item


def parse_incident(item: Mapping[str, Any]) -> Incident:
    """Raises BadRecord naming the key of the item and the field."""
    where = f"{item.get(names.PK)}/{item.get(names.SK)}"
    parts = str(item.get(names.PK)).split("#")
    if len(parts) != 3 or parts[0] != "INCIDENT":
        raise BadRecord(f"{where}: pk is not INCIDENT#DEPLOYABLE#ASSEMBLY")
    version = item.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise BadRecord(f"{where}: version is {version!r}, this reader knows up to {VERSION}")
    fields: dict[str, Any] = {}
    for kind, wanted in ((str, _TEXTS), (int, _NUMBERS), (int, _LATER), (list, _LISTS)):
        for name in wanted:
            value = item.get(name, 0) if wanted is _LATER else item.get(name)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise BadRecord(f"{where}: {name} is {value!r}, expected {kind.__name__}")
            fields[name] = tuple(str(v) for v in value) if isinstance(value, list) else value
    try:
        if item.get("ladder"):
            fields |= {name: str(item.get(name, "")) for name in _RUNG_TEXTS} | {name: int(item.get(name, 0)) for name in _RUNG_NUMBERS}
        return Incident(
            deployable=parts[1],
            assembly=parts[2],
            state=State(str(item.get("state"))),
            cause=Cause(str(item.get("cause"))),
            evidence_done=item.get("evidence_done") is True,
            part_over=str(item.get("part_over", "")),
            notes=tuple(Note(int(n["at_ms"]), str(n["who"]), str(n["what"])) for n in item.get("notes", ())),
            **fields,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"{where}: {error}") from error
