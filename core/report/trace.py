"""The record of decisions: each step of an incident with its rule, its reason and what it was decided from, enough to decide it again.

One item a decision, under the assembly's incidents; the same wait over and over is two items, the first and the last with a count.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core import names
from core.items import BadRecord
from core.plain import NotPlain, from_plain, to_plain
from core.policy import Policy
from core.recovery.snapshot import View
from core.recovery.steps import (
    CallSisters,
    Decision,
    Fence,
    KeepEvidence,
    NoteFront,
    NudgeGroup,
    PlaceFront,
    Retire,
    Spend,
    Step,
    TakeLook,
)

VERSION = 1
KEPT_S = 90 * 86400  # as evidence is
INPUT_BYTES_MAX = 7500  # of the 8 KB that an item may take: a write unit is 1 KB, and an incident makes some thirty of them
PREFIX = "STEP#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision, or a run of the same waits.

    incident, revision: whose, and as of which write of it. number: of the call's decisions.
    at_ms, last_ms: when it was made first and last; count: how often.
    state: of the incident, before; "" while there was none. step: what kind. woken_by, driver: who asked, in which call.
    view: what it was decided from, at at_ms; of a run, at last_ms. cut: what was left out of it for its size.
    """

    deployable: str
    assembly: str
    incident: str
    revision: int
    number: int
    at_ms: int
    last_ms: int
    rule: str
    step: str
    reason: str
    state: str
    woken_by: str
    driver: str
    policy: Policy
    view: View
    cut: tuple[str, ...] = ()
    count: int = 1

    @property
    def order(self) -> tuple[int, int, int]:
        """Decisions sort by it as they were made."""
        return self.revision, self.at_ms, self.number

    def goes_on_in(self, later: Decided) -> bool:
        """Is the later one the same wait again: whatever else was decided in between ends it, a claim that was renewed does not."""
        same = (self.incident, self.rule, self.step) == (later.incident, later.rule, later.step)
        return same and later.step == WAIT


WAIT = "wait"


def decided(view: View, decision: Decision, policy: Policy, *, incident: str, driver: str, number: int) -> Decided:
    """incident: the id of whose it is; of the one that is opened by it, where none was open. number: of the call's decisions."""
    open_one = view.incident if view.incident is not None and not view.incident.ended else None
    return Decided(
        deployable=view.watched.deployable,
        assembly=view.watched.name,
        incident=incident,
        revision=view.incident.revision if view.incident is not None else 0,
        number=number,
        at_ms=view.now_ms,
        last_ms=view.now_ms,
        rule=decision.rule,
        step=kind_of(decision.step),
        reason=reason_of(decision.step),
        state=open_one.state.value if open_one is not None else "",
        woken_by=decision.woken_by,
        driver=driver,
        policy=policy,
        view=view,
    )


def together(run: Decided, later: Decided) -> Decided:
    """One more of the same wait: what is kept is what it was decided from the last time."""
    return replace(later, at_ms=run.at_ms, number=run.number, count=run.count + 1)


def kind_of(step: Step) -> str:
    """TakeLook -> take-look."""
    name = type(step).__name__
    return "".join(f"-{c.lower()}" if c.isupper() and n else c.lower() for n, c in enumerate(name))


def reason_of(step: Step) -> str:
    """Why, or what of, in words."""
    match step:
        case TakeLook(instance):
            return f"{instance} is looked at from outside, for this decision"
        case Spend():
            return "the replacement is entered into the budget"
        case KeepEvidence(instance):
            return f"what is known of {instance} is kept in the bucket"
        case Fence(instance, force):
            return f"{instance} is terminated{' by force' if force else ''}"
        case Retire(instance):
            return f"its group is told to end {instance}, which goes offline in its own time"
        case CallSisters(assemblies):
            return f"{', '.join(assemblies)} of its deployable are called"
        case NudgeGroup(instance):
            return f"its group is told that {instance} is gone"
        case PlaceFront(instance):
            return f"the front is put on {instance}"
        case NoteFront(instance, said):
            return f"the front is on {instance}: {said}"
        case _:
            return step.reason


# --- as an item -------------------------------------------------------------------------------------


def steps_of(incident: str) -> str:
    """What the sort keys of an incident's steps begin with. They sort behind the incidents, who are read more often, and by time."""
    return f"{PREFIX}{incident}#"


def decided_item(decided: Decided) -> dict[str, Any]:
    view, cut = _fitting(decided.view)
    return {
        names.PK: names.incident_pk(decided.deployable, decided.assembly),
        names.SK: f"{steps_of(decided.incident)}{decided.revision:06d}#{decided.at_ms:013d}#{decided.number:04d}",
        "version": VERSION,
        "at_ms": decided.at_ms,
        "last_ms": decided.last_ms,
        "count": decided.count,
        "rule": decided.rule,
        "step": decided.step,
        "reason": decided.reason[:500],
        "state": decided.state,
        "woken_by": decided.woken_by,
        "driver": decided.driver,
        "policy": json.dumps(to_full(decided.policy), separators=(",", ":")),
        "input": view,
        "cut": list(cut),
        names.TTL: decided.last_ms // 1000 + KEPT_S,
    }


def parse_decided(item: Mapping[str, Any]) -> Decided:
    """Raises BadRecord naming the key of the item and the field."""
    where = f"{item.get(names.PK)}/{item.get(names.SK)}"
    pk, sk = str(item.get(names.PK)).split("#"), str(item.get(names.SK)).split("#")
    if len(pk) != 3 or pk[0] != "INCIDENT" or len(sk) != 5 or f"{sk[0]}#" != PREFIX:
        raise BadRecord(f"{where}: expected INCIDENT#DEPLOYABLE#ASSEMBLY and {PREFIX}ID#REVISION#TIME#NUMBER")
    version = item.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise BadRecord(f"{where}: version is {version!r}, this reader knows up to {VERSION}")
    try:
        texts: dict[str, Any] = {name: str(item[name]) for name in ("rule", "step", "reason", "state", "woken_by", "driver")}
        numbers: dict[str, Any] = {name: int(item[name]) for name in ("at_ms", "last_ms", "count")}
        return Decided(
            deployable=pk[1],
            assembly=pk[2],
            incident=sk[1],
            revision=int(sk[2]),
            number=int(sk[4]),
            policy=from_plain(Policy, json.loads(str(item["policy"]))),
            view=from_plain(View, json.loads(str(item["input"]))),
            cut=tuple(str(part) for part in item["cut"]),
            **texts,
            **numbers,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"{where}: {type(error).__name__}: {error}") from error


# --- keeping an input small -------------------------------------------------------------------------


def _fitting(view: View) -> tuple[str, tuple[str, ...]]:
    """As JSON that fits, and what had to be left out; never a part that decides alone."""
    bare = _without_notes(view)
    text, cut = _text(bare), []
    for what, shorten in _CUTS:
        if len(text.encode()) <= INPUT_BYTES_MAX:
            break
        bare = shorten(bare)
        text = _text(bare)
        cut.append(what)
    return text, tuple(cut)


def _text(view: View) -> str:
    return json.dumps(to_plain(view), separators=(",", ":"), ensure_ascii=False)


def _without_notes(view: View) -> View:
    """The incident's timeline is kept with the incident, and decides nothing."""
    return view if view.incident is None else replace(view, incident=replace(view.incident, notes=(), evidence=()))


def _fewer_entries(view: View) -> View:
    return replace(view, budget=replace(view.budget, entries=view.budget.entries[-25:]))


def _no_strangers(view: View) -> View:
    """Looks at and reports of nodes that neither hold the permit nor belong to the incident."""
    meant = {view.permit.instance if view.permit else "", view.incident.instance if view.incident else "", *view.members}
    return replace(
        view,
        looks={i: looks for i, looks in view.looks.items() if i in meant},
        reports={i: report for i, report in view.reports.items() if i in meant},
        machines={i: machine for i, machine in view.machines.items() if i in meant},
    )


def _fewest_entries(view: View) -> View:
    return replace(view, budget=replace(view.budget, entries=view.budget.entries[-5:]))


_CUTS: tuple[tuple[str, Callable[[View], View]], ...] = (
    ("older entries of the budget", _fewer_entries),
    ("nodes of the past", _no_strangers),
    ("all but five entries of the budget", _fewest_entries),
)


def overridden(policy: Policy, settings: Mapping[str, Any]) -> Policy:
    """The policy with other numbers. Raises NotPlain naming what is no setting, or no such value."""
    known = to_full(policy)
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise NotPlain(f"{unknown[0]} is no setting of the policy; there are {', '.join(sorted(known))}")
    found: Policy = from_plain(Policy, {**known, **settings})
    return found


def to_full(policy: Policy) -> dict[str, Any]:
    """Each setting, those at their defaults too."""
    return {name: to_plain(getattr(policy, name)) for name in Policy.__dataclass_fields__}
