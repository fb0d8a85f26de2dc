"""Tells from the stored record alone why each step of an incident was taken: the rule that chose it, and what it was chosen from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli.history import durations, find_incident
from cli.programs import Trouble
from cli.state_table import Aws, Place, Table, read
from cli.telling import at, long, print_json, rows
from core import names
from core.plain import to_plain
from core.recovery.incident import Cause, Incident
from core.report.explaining import inputs
from core.report.trace import Decided, parse_decided, steps_of

ABOUT = """\
Tell why each step of an incident was taken, from the record that was written while it was decided: which rule chose the step,
what for, and what it was chosen from. The first step shows all that was seen, later ones what had changed since.
"""
EXAMPLES = """\
INCIDENT is its id, the beginning or the end of it (the node's id is enough), an assembly's name for its latest, or `last`.
Looks are one letter each: h healthy, b busy, F failing, ? could not tell. The rules are in docs/recovery.md.

examples:
  understudy explain last
  understudy explain last --all            everything that was seen, at each step
"""


def explain(aws: Aws, place: Place, wanted: str, *, everything: bool, as_json: bool) -> int:
    """Print it and give 0. Raises Trouble."""
    incident, steps = recorded(Table(aws, place), wanted)
    if as_json:
        notes = [to_plain(note) for note in incident.notes]
        print_json({"incident": incident.id, "steps": [to_plain(step) for step in steps], "notes": notes})
    else:
        print("\n".join(words(incident, steps, everything=everything)))
    return 0


def recorded(table: Table, wanted: str, *, decided: bool = False) -> tuple[Incident, list[Decided]]:
    """An incident and its steps, oldest first; none of what AWS mended by itself, whose notes say all. decided: such a one is not meant.

    Raises Trouble.
    """
    incident = find_incident(table, wanted, decided=decided)
    items = table.query(names.incident_pk(incident.deployable, incident.assembly), begins=steps_of(incident.id))
    steps = [step for item in items if (step := read(parse_decided, item)) is not None]
    if incident.cause is Cause.AWS:
        return incident, []
    if not steps:
        raise Trouble(f"no steps of {incident.id} are kept: they are for 90 days, and only of what happened since they are recorded")
    return incident, sorted(steps, key=lambda step: step.order)


def words(incident: Incident, steps: Sequence[Decided], *, everything: bool = False) -> Iterator[str]:
    yield f"incident {incident.id} of {incident.deployable}/{incident.assembly}: {incident.state.value}"
    yield f"began {at(incident.failed_ms)} UTC, was noticed {at(incident.opened_ms)} by {incident.woken_by}; {durations(incident)}"
    if incident.cause is Cause.AWS:
        yield "AWS did it, and told of it; nobody of ours decided anything. What was heard and seen, in seconds since it was noticed:"
        yield from (f"{(note.at_ms - incident.opened_ms) / 1000:+9.1f}  {note.who}: {note.what}" for note in incident.notes)
        return
    yield "each step, in seconds since it was noticed:"
    before: dict[str, str] = {}
    for step, skipped in _told(steps, everything=everything):
        yield ""
        if skipped:
            yield f"           ... and so on: {skipped} steps by the same two rules, in turn ..."
            yield ""
        yield from _step(incident, step)
        seen = inputs(step.view)
        changed = [(what, text) for what, text in seen.items() if everything or before.get(what) != text]
        yield from rows(changed, indent=" " * 14)
        gone = [what for what in before if what not in seen]
        yield from (f"{' ' * 14}{what}: no more" for what in gone)
        if step.cut:
            yield f"{' ' * 14}(not kept, for its size: {', '.join(step.cut)})"
        before = seen


def _told(steps: Sequence[Decided], *, everything: bool) -> Iterator[tuple[Decided, int]]:
    """Each step that is worth telling, and how many were left out before it: two rules that take turns for long are told once."""
    skipped = 0
    for number, step in enumerate(steps):
        again = number >= 2 and _same(step, steps[number - 2])
        goes_on = number + 2 < len(steps) and _same(step, steps[number + 2])
        if again and goes_on and not everything:
            skipped += 1
            continue
        yield step, skipped
        skipped = 0


def _same(one: Decided, other: Decided) -> bool:
    return (one.state, one.rule, one.step) == (other.state, other.rule, other.step)


def _step(incident: Incident, step: Decided) -> Iterator[str]:
    when = f"{(step.at_ms - incident.opened_ms) / 1000:+9.1f}"
    state = step.state or ("over" if step.at_ms >= incident.ended_ms > 0 else "no incident yet")
    yield f"{when}  {state}: {step.step} by rule `{step.rule}`{_again(step)}"
    yield f"{' ' * 11}{step.reason}"


def _again(step: Decided) -> str:
    if step.count == 1:
        return ""
    return f", and {step.count - 1} times more, until {long((step.last_ms - step.at_ms) / 1000)} later; what it saw the last time:"
