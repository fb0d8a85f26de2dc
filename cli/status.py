"""Tells how a deployable stands: who holds each permit, how well it is, what is under way, and what operators have asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from cli.people import Addresses, addresses, front_holder, pooled
from cli.programs import Trouble
from cli.state_table import Aws, Place, Table, read
from cli.telling import ago, at, clock, long, print_json, rows
from core import names
from core.items import parse_looks, parse_permit, parse_report
from core.lifecycle.holding import HOLD, Held, parse_held
from core.model import Verdict
from core.plain import to_plain
from core.policy import Policy, policy_of
from core.records import Looks, Permit, Report
from core.recovery.budget import WINDOW_SK, Budget, parse_budget
from core.recovery.incident import Incident, parse_incident
from core.recovery.intents import Intent, parse_intent
from core.recovery.outlook import not_serving, report_age_s, without_expired

ABOUT = """\
Tell how a deployable stands, from the state table: for each assembly who holds the permit, what its node says of itself and
how old that is, what was seen from outside, who has the front, what its warm pool holds, the incident under way or the last one,
and what operators have asked for; then how many replacements the budget has left, and who is not told because an address was
never confirmed.
"""
EXAMPLES = """\
examples:
  understudy status                          the only deployable here
  understudy status --deployable ledger --json
  understudy status --lab                    the lab of `understudy lab up`

exit status: 0 every assembly serves and nothing is under way; 1 one does not serve, or an incident is open; 2 it could not
be told.
"""
WELL, NOT_WELL = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What the table says of one assembly.

    incident, mended: the latest of recovery, and of what AWS mends by itself. unserved: why no node serves, None when one does. pool: what
    lies there, in words.
    """

    name: str
    permit: Permit | None
    reports: Mapping[str, Report]
    looks: Mapping[str, Looks]
    incident: Incident | None
    mended: tuple[Incident, ...]
    intents: tuple[Intent, ...]
    held: Held
    unserved: str | None
    front: str
    front_holder: str
    pool: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        return self.unserved is None and all(one is None or one.ended for one in (self.incident, *self.mended))


def status(aws: Aws, place: Place, now_ms: int, *, as_json: bool) -> int:
    """Print it. Raises Trouble."""
    table = Table(aws, place)
    intents = tuple(i for i in intents_of(table) if i.holds(now_ms) or i.is_to_come(now_ms))
    found = [_assembly(aws, table, name, intents, now_ms) for name in place.assemblies]
    budget = read(parse_budget, table.get(names.BUDGET_PK, WINDOW_SK)) or Budget()
    people, policy = addresses(aws, place), _policy(place)
    if as_json:
        print_json(_as_json(place, found, budget, people, policy, now_ms))
    else:
        print(f"deployable {place.deployable}, {at(now_ms)} UTC, table {place.table}")
        for assembly in found:
            print("\n".join(words(assembly, now_ms)))
        print("\n".join(_around(budget, people, policy, now_ms)))
    return WELL if all(assembly.well for assembly in found) else NOT_WELL


def intents_of(table: Table) -> tuple[Intent, ...]:
    items = table.query(names.intent_pk(table.place.deployable))
    return tuple(intent for item in items if (intent := read(parse_intent, item)) is not None)


def _assembly(aws: Aws, table: Table, name: str, intents: tuple[Intent, ...], now_ms: int) -> Assembly:
    deployable = table.place.deployable
    permit = read(parse_permit, table.get(names.permit_pk(deployable, name), names.CURRENT))
    said = [read(parse_report, i) for i in table.query(names.node_pk(deployable, name), begins=names.REPORT_PREFIX)]
    reports = without_expired({r.instance: r for r in said if r is not None}, now_ms)
    seen = [read(parse_looks, i) for i in table.query(names.look_pk(deployable, name))]
    looks = {look.instance: look for look in seen if look is not None}
    by_aws = table.query(names.incident_pk(deployable, name), begins=names.BY_AWS)
    front, holder = front_holder(aws, table.place, name)
    return Assembly(
        name=name,
        permit=permit,
        reports=reports,
        looks=looks,
        incident=read(parse_incident, table.get(names.incident_pk(deployable, name), names.OPEN)),
        mended=tuple(one for item in by_aws if (one := read(parse_incident, item)) is not None),
        held=read(parse_held, table.get(names.incident_pk(deployable, name), HOLD)) or Held(),
        intents=tuple(i for i in intents if _concerns(i, name, permit)),
        unserved=not_serving(permit, reports) or _unseen(permit, looks),
        front=front,
        front_holder=holder,
        pool=pooled(aws, table.place, name),
    )


def _unseen(permit: Permit | None, looks: Mapping[str, Looks]) -> str | None:
    """What a node last said of itself may be long ago: why it is not to be believed."""
    seen = looks.get(permit.instance) if permit is not None else None
    if permit is None or seen is None or not seen.looks:
        return None
    silent_s, last = report_age_s(seen), seen.looks[-1]
    if silent_s is not None and silent_s > Policy().report_silent_s:
        return f"{permit.instance} has said nothing for {long(silent_s)}"
    return f"looks at {permit.instance} from outside fail (HA port: {last.ha})" if last.verdict is Verdict.FAILING else None


def _concerns(intent: Intent, assembly: str, permit: Permit | None) -> bool:
    """A word about a node is spent once that holds the permit no more."""
    return intent.target in (assembly, "*") or (permit is not None and intent.target == permit.instance)


def words(assembly: Assembly, now_ms: int) -> Iterator[str]:
    permit, yielded = assembly.permit, list[tuple[str, str]]()
    state = "serves" if assembly.unserved is None else "DOES NOT SERVE"
    who = f" on {permit.instance} under epoch {permit.epoch}, permitted {ago(permit.at_ms, now_ms)}" if permit else ""
    yield ""
    yield f"{assembly.name}: {state}{who}"
    if assembly.unserved is not None:
        yielded.append(("why", assembly.unserved))
    for report in sorted(assembly.reports.values(), key=lambda r: -r.epoch):
        yielded += _of_node(report, assembly.looks.get(report.instance), now_ms)
    if assembly.front:
        yielded.append(("front", f"{assembly.front}: {assembly.front_holder}"))
    yielded += [("warm pool", line) for line in assembly.pool]
    yielded += [("incident", line) for line in _of_incident(assembly.incident, now_ms)]
    yielded += [("mended by AWS", line) for one in assembly.mended for line in _of_incident(one, now_ms)]
    if assembly.held.stands:
        yielded.append(("held still", f"Auto Scaling's {', '.join(assembly.held.processes)}: {assembly.held.reason}"))
    yielded += [("asked for", intent_words(intent, now_ms)) for intent in assembly.intents]
    yield from rows(yielded)


def _of_node(report: Report, looks: Looks | None, now_ms: int) -> Iterator[tuple[str, str]]:
    label = report.instance
    applications = ", ".join(
        f"{name} {app.verdict.value}"
        + (f" ({app.reason})" if app.reason else "")
        + (f", restarted {app.restarts}x" if app.restarts else "")
        for name, app in report.applications
    )
    yield label, f"says {ago(report.at_ms, now_ms)}: {report.phase.value}, {report.verdict.value}; {applications or 'no applications'}"
    if looks is None or not looks.looks:
        yield label, "was never looked at from outside"
        return
    last = looks.looks[-1]
    run = ", ".join(f"{verdict} {len(list(same))}x" for verdict, same in groupby(look.verdict.value for look in looks.looks))
    yield label, f"seen {ago(last.at_ms, now_ms)} from outside: {run} (HA port: {last.ha}; HTTP: {last.http})"


def _of_incident(incident: Incident | None, now_ms: int) -> Iterator[str]:
    if incident is None:
        yield "none yet"
        return
    if not incident.ended:
        yield f"OPEN for {long((now_ms - incident.opened_ms) / 1000)}: {incident.state.value}, about {incident.instance}: {incident.reason}"
        if incident.notes:
            yield f"last: {incident.notes[-1].what}"
        yield f"more: understudy show {incident.id}"
        return
    took = long(max(0, incident.ended_ms - incident.failed_ms) / 1000)
    yield f"none open; the last one {incident.state.value} {ago(incident.ended_ms, now_ms)} after {took}: understudy show {incident.id}"
    if incident.escalated_to == "person" and incident.state.value != "recovered":
        yield f"A PERSON IS NEEDED: {incident.reason}"


def intent_words(intent: Intent, now_ms: int) -> str:
    when = f"from {at(intent.from_ms)} " if intent.is_to_come(now_ms) else ""
    left = "" if intent.is_to_come(now_ms) else f", {long((intent.until_ms - now_ms) / 1000)} left"
    of = "" if intent.target == "*" else f" of {intent.target}"
    return f"{intent.kind.value}{of} {when}until {at(intent.until_ms)} UTC{left}, by {intent.who}: {intent.reason}"


def _around(budget: Budget, people: Addresses, policy: Policy, now_ms: int) -> Iterator[str]:
    made = [e for e in budget.within(policy.budget_window_s, now_ms) if e.replaced]
    left = max(0, policy.budget_replacements - len(made))
    spent = f": {', '.join(f'{e.deployable}/{e.assembly} {clock(e.at_ms)}' for e in made)}" if made else ""
    yield ""
    window = long(policy.budget_window_s)
    yield from rows(
        [
            ("budget", f"{left} of {policy.budget_replacements} replacements left within {window}, for all on this foundation{spent}"),
            *(("people", line) for line in people.words()),
        ],
        indent="",
    )


def _policy(place: Place) -> Policy:
    """As the stack tells it; by its defaults where only the table was given."""
    try:
        return policy_of(json.loads(place.outputs.get("Policy", "{}")))
    except ValueError as error:
        raise Trouble(f"the stack's output Policy cannot be read: {error}") from error


def _as_json(place: Place, found: list[Assembly], budget: Budget, people: Addresses, policy: Policy, now_ms: int) -> dict[str, Any]:
    made = sum(e.replaced for e in budget.within(policy.budget_window_s, now_ms))
    return {
        "deployable": place.deployable,
        "table": place.table,
        "at_ms": now_ms,
        "assemblies": [{**to_plain(assembly), "well": assembly.well, "unserved": assembly.unserved} for assembly in found],
        "budget": {"replacements": policy.budget_replacements, "window_s": policy.budget_window_s, "made": made},
        "people": to_plain(people),
    }
