"""What the agent writes down of its applications, so that its next life finds them again: values, and their JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.runs.state import RunIdentity
from core.node.decision import Hold
from core.node.supervision import History

APPLICATIONS_MAX = 1000
FAILURES_WRITTEN_MAX = 100  # of each application; a tolerance of more is counted from fewer after a restart of the agent
TEXT_CHARS_MAX = 1000
_NEW = History()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One application. run, epoch: of its last run, as it begins; identity: None until it has a process.

    begun_at_s, begun_ticks (/proc/uptime), and the times in the history are of the boot that the notes name. ready: it was
    healthy in this run. counted: the last run whose failure was counted. hold: an operator keeps it down.
    """

    run: int = 0
    epoch: int = 0
    identity: RunIdentity | None = None
    begun_at_s: float = 0.0
    begun_ticks: int = 0
    ready: bool = False
    counted: int = 0
    hold: Hold | None = None
    history: History = _NEW


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """boot: of the machine, or the container. number: grows with each writing; the higher of two is the newer."""

    instance: str
    boot: str
    number: int = 0
    was_running: bool = False
    applications: Mapping[str, Note] = field(default_factory=dict)


def notes_to_json(notes: Notes) -> dict[str, Any]:
    """One by one: dataclasses.asdict takes many times as long, and a start waits for this."""
    return {
        "instance": notes.instance,
        "boot": notes.boot,
        "number": notes.number,
        "was_running": notes.was_running,
        "applications": {name: _note_to_json(note) for name, note in notes.applications.items()},
    }


def _note_to_json(note: Note) -> dict[str, Any]:
    identity, hold = note.identity, note.hold
    return {
        **_fields(note),
        "identity": None if identity is None else _fields(identity),
        "hold": None if hold is None else _fields(hold),
        "history": {
            **_fields(note.history),
            "failed_at_s": note.history.failed_at_s[-FAILURES_WRITTEN_MAX:],
            "asks": None if note.history.asks is None else note.history.asks[:TEXT_CHARS_MAX],
            "last": note.history.last[:TEXT_CHARS_MAX],
        },
    }


def _fields(value: Note | RunIdentity | Hold | History) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def notes_from_json(value: Mapping[str, Any]) -> Notes:
    """Raises ValueError naming the key and the value. Keys that a newer agent added are ignored."""
    applications = _mapping(value.get("applications"), "applications")
    if len(applications) > APPLICATIONS_MAX:
        raise ValueError(f"applications: {len(applications)} of them, at most {APPLICATIONS_MAX} are read")
    return Notes(
        instance=_text(value, "instance", ""),
        boot=_text(value, "boot", ""),
        number=_whole(value, "number", ""),
        was_running=_bool(value, "was_running", ""),
        applications={str(name)[:100]: _note(_mapping(note, name), f"applications.{name}.") for name, note in applications.items()},
    )


def _note(value: Mapping[str, Any], at: str) -> Note:
    identity, hold = value.get("identity"), value.get("hold")
    return Note(
        run=_whole(value, "run", at),
        epoch=_whole(value, "epoch", at),
        identity=None if identity is None else _identity(_mapping(identity, f"{at}identity"), f"{at}identity."),
        begun_at_s=_number(value, "begun_at_s", at),
        begun_ticks=_whole(value, "begun_ticks", at),
        ready=_bool(value, "ready", at),
        counted=_whole(value, "counted", at),
        hold=None if hold is None else _hold(_mapping(hold, f"{at}hold"), f"{at}hold."),
        history=_history(_mapping(value.get("history"), f"{at}history"), f"{at}history."),
    )


def _identity(value: Mapping[str, Any], at: str) -> RunIdentity:
    return RunIdentity(
        pid=_whole(value, "pid", at),
        start_ticks=_whole(value, "start_ticks", at),
        boot_id=_text(value, "boot_id", at),
        cgroup=_text(value, "cgroup", at),
        mark=_text(value, "mark", at),
        unit=None if value.get("unit") is None else _text(value, "unit", at),
    )


def _hold(value: Mapping[str, Any], at: str) -> Hold:
    return Hold(hard=_bool(value, "hard", at), at_ms=_whole(value, "at_ms", at))


def _history(value: Mapping[str, Any], at: str) -> History:
    failed = value.get("failed_at_s")
    if not isinstance(failed, list) or len(failed) > FAILURES_WRITTEN_MAX or not all(_is_number(at_s) for at_s in failed):
        raise ValueError(f"{at}failed_at_s is {str(failed)[:80]}, expected at most {FAILURES_WRITTEN_MAX} numbers")
    return History(
        failed_at_s=tuple(float(at_s) for at_s in failed),
        in_a_row=_whole(value, "in_a_row", at),
        retry_at_s=None if value.get("retry_at_s") is None else _number(value, "retry_at_s", at),
        asks=None if value.get("asks") is None else _text(value, "asks", at),
        last=_text(value, "last", at),
        penalty=_number(value, "penalty", at),
        penalty_at_s=_number(value, "penalty_at_s", at),
    )


# --- one value, checked --------------------------------------------------------------------------------------------


def _mapping(value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{key} is {str(value)[:80]}, expected an object")
    return value


def _whole(value: Mapping[str, Any], key: str, at: str) -> int:
    given = value.get(key)
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < 1 << 63:
        raise ValueError(f"{at}{key} is {str(given)[:80]}, expected a whole number of 0 or more")
    return given


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) < 1e15  # neither infinite nor NaN


def _number(value: Mapping[str, Any], key: str, at: str) -> float:
    given = value.get(key)
    if not _is_number(given):
        raise ValueError(f"{at}{key} is {str(given)[:80]}, expected a number")
    return float(given or 0)


def _bool(value: Mapping[str, Any], key: str, at: str) -> bool:
    given = value.get(key)
    if not isinstance(given, bool):
        raise ValueError(f"{at}{key} is {str(given)[:80]}, expected true or false")
    return given


def _text(value: Mapping[str, Any], key: str, at: str) -> str:
    given = value.get(key)
    if not isinstance(given, str) or len(given) > TEXT_CHARS_MAX:
        raise ValueError(f"{at}{key} is {str(given)[:80]}, expected a text of at most {TEXT_CHARS_MAX} characters")
    return given
