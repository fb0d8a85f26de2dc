"""The world as one decision sees it: one View of an assembly, read afresh each time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.lifecycle.holding import Held
from core.model import Verdict
from core.records import Look
from core.recovery.budget import Budget
from core.recovery.incident import Incident
from core.recovery.intents import Standing, standing
from core.recovery.outlook import not_serving, without_expired
from core.recovery.snapshot import FreshLook, Front, Group, Member, View
from core.watching.fleet import Watched
from core.watching.wakes import BadEvent
from lambdas.adapters import clock, functions, groups, instances, log, register, rungs, table
from lambdas.adapters.clients import WorldFailed


def observe(
    watched: Watched,
    *,
    also: Iterable[str] = (),
    fresh: Mapping[str, FreshLook] | None = None,
    front: Front | None = None,
    for_recovery: bool = False,
    with_intents: bool = False,
) -> View:
    """also: instances to ask EC2 about beside those that are found. with_intents: and with what is held for them; for_recovery: these,
    and the budget.

    Raises WorldFailed or BadRecord: when the table or EC2 cannot be read, nothing is decided.
    """
    name = (watched.deployable, watched.name)
    now_ms = clock.now_ms()
    # Reports before the permit: a node that reports running was permitted before, and that is then seen too.
    reports, requests = table.node_records(*name)
    permit = table.permit(*name)
    incident = table.incident(*name)
    looks = table.looks(*name)
    group = groups.find(*name)
    members = group.members if group else {}
    known = {*members, *also, *(r.instance for r in reports.values() if r.epoch > 0)}
    if permit is not None:
        known |= {permit.instance, permit.predecessor or permit.instance}
    if incident is not None and not incident.ended:
        known |= {incident.instance, incident.new_instance} - {""}
    asked = standing(table.intents(watched.deployable), watched.name, now_ms) if for_recovery or with_intents else Standing()
    budget = table.budget() if for_recovery else Budget()
    rung = rungs.look(watched, incident, budget, now_ms) if for_recovery else rungs.Seen()
    return View(
        watched=watched,
        now_ms=now_ms,
        group=group.name if group else None,
        wanted=group.wanted if group else 0,
        room=group.room if group else 1,
        stack=group.stack if group else None,
        permit=permit,
        incident=incident,
        reports=without_expired(reports, now_ms),
        requests=without_expired(requests, now_ms),
        looks=looks,
        members=members,
        machines=instances.describe(known),
        fresh=dict(fresh or {}),
        front=front,
        assemblies=len(register.fleet().assemblies),
        budget=budget,
        unmet=_unmet(watched, incident, members, now_ms),
        leader=rung.leader,
        rung=rung.rung,
        database=rung.database,
        intents=asked,
        suspended=group.suspended if group else (),
        launches=group.launches if group else "",
        pool=group.pool if group else None,
        held=table.held(*name) if with_intents or (for_recovery and _may_be_held(group, asked, incident)) else Held(),
    )


def _may_be_held(group: Group | None, asked: Standing, incident: Incident | None) -> bool:
    """Whether the record matters now: a recovery does not wait for a read that will say nothing."""
    return bool(group and group.suspended) or asked.paused is not None or (incident is not None and incident.ended)


def _unmet(watched: Watched, incident: Incident | None, members: Mapping[str, Member], now_ms: int) -> tuple[str, ...]:
    """Which of the assemblies that come first do not serve; read only while a node waits to be let in."""
    if not any(member.lifecycle.startswith("Pending") for member in members.values()):
        return ()
    found = list(rungs.why_not_yet(watched, incident))
    for first in watched.after:
        reports, _ = table.node_records(watched.deployable, first)
        why = rungs.on_its_way_out(watched.deployable, first)
        if why is None:
            why = not_serving(table.permit(watched.deployable, first), without_expired(reports, now_ms))
        if why is not None:
            found.append(f"{first} does not serve: {why}")
    return tuple(found)


def look_at(view: View, instance: str, function: str) -> FreshLook:
    """Have probe_nodes look at a node now. That nobody could look is an answer too, and never `failing`."""
    machine = view.machines.get(instance)
    wanted = {
        "deployable": view.watched.deployable,
        "assembly": view.watched.name,
        "instance": instance,
        "address": machine.address if machine else "",
    }
    try:
        answer = functions.ask(function, {"look": wanted, **register.tell(view.watched.deployable)})
        seen = answer["look"]
        look = Look(at_ms=int(seen["at_ms"]), verdict=Verdict(seen["verdict"]), ha=str(seen["ha"]), http=str(seen["http"]))
        age_s = answer.get("report_age_s")
        return FreshLook(
            look=look,
            answered=answer.get("answered") is True,
            report_age_s=float(age_s) if age_s is not None else None,
            taken_ms=clock.now_ms(),
        )
    except (WorldFailed, KeyError, TypeError, ValueError) as error:
        log.say("look", f"could not look at {instance}: {error}")
        said = f"could not look: {error}"[:120]
        look = Look(at_ms=view.now_ms, verdict=Verdict.UNKNOWN, ha=said, http=said)
        return FreshLook(look=look, answered=False, report_age_s=None, taken_ms=clock.now_ms())


def watched(deployable: str, assembly: str) -> Watched:
    """Raises BadEvent when it is not ours to watch, WorldFailed."""
    try:
        return register.find(deployable, assembly)
    except KeyError as error:
        raise BadEvent(str(error)) from error


def place_state(name: Watched, function: str) -> str | None:
    """Have move_front attach the volume to the permit's holder; who has it now. That it could not be asked is an answer too."""
    try:
        answer = functions.ask(function, {"assembly": {"deployable": name.deployable, "assembly": name.name}, "state": True})
    except WorldFailed as error:
        log.say("state", f"move_front failed: {error}")
        return None
    held_by = answer.get("held_by")
    return held_by if isinstance(held_by, str) else None


def place_front(name: Watched, function: str) -> Front:
    """Have move_front put the front where the permit says. That it could not be asked is an answer too."""
    try:
        answer = functions.ask(function, {"assembly": {"deployable": name.deployable, "assembly": name.name}})
    except WorldFailed as error:
        log.say("front", f"move_front failed: {error}")
        return Front(held_by=None, tried=None)
    tried = answer.get("tried")
    held_by = answer.get("held_by")
    return Front(held_by=held_by if isinstance(held_by, str) else None, tried=tried if isinstance(tried, bool) else None)
