"""Says what other settings would have done: the stored inputs of an incident, decided again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import spec
from cli.explain import recorded
from cli.programs import Trouble
from cli.state_table import Aws, Place, Table
from cli.telling import print_json
from core.plain import NotPlain
from core.policy import Policy
from core.recovery.incident import Incident
from core.report.replaying import Differs, first_difference
from core.report.trace import Decided, overridden, to_full
from spec.document import Unreadable, parse

ABOUT = """\
Decide an incident's stored inputs again under other settings, and say where the first step comes that would have been another,
and what it would have been. What would have followed from it nobody knows: the world would have gone on otherwise. Of
what AWS mended by itself nothing was decided here: such incidents are not meant.
"""
EXAMPLES = """\
FILE is a deployable's file, whose section `recovery` is meant, or names only what is to be other than it was then, as YAML or
JSON; numbers are seconds unless the name says otherwise:
  looks_failing_s: 30
  budget_replacements: 2

examples:
  understudy replay last --policy stricter.yaml

exit status, as of diff(1): 0 every step would have been the same; 1 one would not; 2 it could not be told.
"""
SAME, DIFFERS = 0, 1


def replay(aws: Aws, place: Place, wanted: str, file: Path, *, as_json: bool) -> int:
    """Print where the first different step comes. Gives SAME or DIFFERS. Raises Trouble."""
    settings = _settings(file)
    incident, steps = recorded(Table(aws, place), wanted, decided=True)
    policy = _policy(steps[0].policy, settings, file)
    found = first_difference(steps, settings)
    if as_json:
        print_json({"incident": incident.id, "steps": len(steps), "differs": found and _as_json(found)})
    else:
        print("\n".join(words(incident, steps, policy, found)))
    return SAME if found is None else DIFFERS


def words(incident: Incident, steps: Sequence[Decided], policy: Policy, found: Differs | None) -> Iterator[str]:
    then, other = to_full(steps[0].policy), to_full(policy)
    changed = [f"{name} {other[name]} instead of {then[name]}" for name in then if then[name] != other[name]]
    yield f"incident {incident.id}: {len(steps)} stored steps, decided again with {', '.join(changed) or 'the same settings'}"
    if found is None:
        yield "every step would have been the same"
        return
    step = found.step
    when = f"{(found.at_ms - incident.opened_ms) / 1000:.1f} s after it was noticed"
    yield f"the first other step comes {when}, while {step.state or 'there was no incident yet'}:"
    yield f"  then:    {step.step} by rule `{step.rule}`: {step.reason}"
    yield f"  instead: {found.other_step} by rule `{found.other_rule}`: {found.other_reason}"
    yield f"({found.before} step{'' if found.before == 1 else 's'} before it would have been the same)"


def _settings(file: Path) -> Mapping[str, Any]:
    try:
        data = parse(file.read_bytes()).data
    except OSError as error:
        raise Trouble(f"{file} cannot be read: {error.strerror}") from error
    except Unreadable as error:
        raise Trouble(f"{file}: {error}") from error
    if isinstance(data, dict) and "deployable" in data:
        return to_full(spec.load(file).recovery)
    if not isinstance(data, dict):
        raise Trouble(f"{file}: expected settings and their values, such as `looks_failing_s: 30`")
    return data


def _policy(then: Policy, settings: Mapping[str, Any], file: Path) -> Policy:
    try:
        return replace(overridden(then, settings))
    except NotPlain as error:
        raise Trouble(f"{file}: {error}") from error


def _as_json(found: Differs) -> dict[str, Any]:
    return {
        "at_ms": found.at_ms,
        "steps_before": found.before,
        "then": {"rule": found.step.rule, "step": found.step.step, "reason": found.step.reason},
        "instead": {"rule": found.other_rule, "step": found.other_step, "reason": found.other_reason},
    }
