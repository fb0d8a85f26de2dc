"""Whether the record tells the truth: what is stored of incidents and permits, held against what the world did."""

from __future__ import annotations

from typing import Any

from core import names
from core.attributes import plain_item
from core.model import FrontKind
from core.recovery.incident import Cause, Incident, State, parse_incident
from simulation.table import Item
from simulation.watch import STALE_S, Watch


class Truth:
    def __init__(self, watch: Watch) -> None:
        self._watch, self._world = watch, watch.world

    def written(self, pk: str, sk: str, new: Item, old: Item | None) -> None:
        if pk.startswith("INCIDENT#") and sk == names.OPEN:
            incident, before = parse_incident(plain_item(new)), parse_incident(plain_item(old)) if old else None
            if before is not None and before.id == incident.id and before.state is incident.state:
                return
            self._world.say("incident", f"{incident.id} {incident.state.value}: {incident.notes[-1].what if incident.notes else ''}")
            if before is not None and before.id != incident.id and not before.ended:
                self._watch.broken(f"incident {incident.id} is written over {before.id}, which is {before.state.value}")
            if before is not None and before.id == incident.id and before.ended:
                self._watch.broken(f"incident {incident.id} was {before.state.value} and is {incident.state.value}")
            if incident.state is State.RECREATING:
                self._fenced(incident)
            if incident.ended:
                self._watch.ended[incident.id] = incident
                self._watch.outcomes.append(incident.state.value)
                self._true(incident)
        elif pk.startswith("INCIDENT#") and sk.startswith(names.BY_AWS):
            self._mended(parse_incident(plain_item(new)), parse_incident(plain_item(old)) if old else None)
        elif pk.startswith("PERMIT#"):
            self._watch.of(new["instance"]["S"]).permit_epoch = int(new["epoch"]["N"])
            if old is not None and int(new["epoch"]["N"]) <= int(old["epoch"]["N"]):
                self._watch.broken(f"the permit's epoch goes from {old['epoch']['N']} to {new['epoch']['N']}")
            self._world.say("permit", f"{new['instance']['S']} under epoch {new['epoch']['N']}")

    def _mended(self, incident: Incident, before: Incident | None) -> None:
        """One of what AWS mends by itself: nobody acts in its name, and it is over only once the node serves."""
        if before is not None and before.id != incident.id and not before.ended:
            self._watch.broken(f"incident {incident.id} is written over {before.id}, which is {before.state.value}")
        tried = (
            any(note.what.startswith(f"could not tell people of the end of {before.id}") for note in incident.notes) if before else False
        )
        if before is not None and before.id != incident.id and before.untold_end and not tried:
            self._watch.broken(f"incident {incident.id} is written over {before.id}, of whose end nobody heard")
        if before is not None and before.id == incident.id and before.ended and before.state is not incident.state:
            self._watch.broken(f"incident {incident.id} was {before.state.value} and is {incident.state.value}")
        if incident.fence or incident.acted_ms or incident.new_instance or incident.cause is not Cause.AWS:
            self._watch.broken(f"incident {incident.id} is AWS's, and somebody of ours acted in it")
        if incident.ended and (before is None or not before.ended):
            self._watch.mended.append(incident)
            self._world.say("incident", f"{incident.id}, which AWS mended: {incident.state.value}")
            if incident.state is State.RECOVERED:
                agent = self._world.holder((incident.deployable, incident.assembly))
                agent = agent or self._world.agent_of(self._world.machines.all[incident.instance])
                self._watch.notice(agent)
                if self._world.schedule.now_ms - self._watch.well.get(agent.machine.id, 0) > STALE_S * 1000:
                    self._watch.broken(f"incident {incident.id} is recovered, and {agent.machine.id} does not serve")

    def _fenced(self, incident: Incident) -> None:
        machine = self._world.machines.all.get(incident.instance)
        if incident.proceeded_ms:
            if self._world.policy.fence_timeout_s is None:
                self._watch.broken(f"incident {incident.id} went on without EC2's word, and the file does not say so")
        elif machine is not None and machine.state != "terminated" and incident.isolated_ms and incident.cause is not Cause.GONE:
            self._watch.broken(f"incident {incident.id} says that {incident.instance} is fenced, and EC2 says {machine.state}")

    def _true(self, incident: Incident) -> None:
        for key in incident.evidence:
            if key not in self._world.bucket.objects:
                self._watch.broken(f"incident {incident.id} names evidence that is not there: {key}")
        unsaid = [what for what in incident.told if what != "end" and not self._heard(incident, what)]
        if unsaid:
            self._watch.broken(f"incident {incident.id} says that people were told ({', '.join(unsaid)}), and nobody heard")
        if incident.state is State.RECOVERED:
            self._recovered(incident)
        if incident.fence and incident.cause is Cause.NONE:
            self._watch.broken(f"incident {incident.id} fenced {incident.instance} without a cause")

    def _heard(self, incident: Incident, what: str) -> bool:
        """A message that could not be sent is noted as such, and counts as tried. Who was taken along is told of by who took it."""
        if incident.ladder not in ("", incident.id) or any(f"could not tell people ({what})" in note.what for note in incident.notes):
            return True
        wanted = f"Incident:   {incident.id}, "
        return any(wanted in text for _, _, text in self._watch.told)

    def _recovered(self, incident: Incident) -> None:
        now_ms, place = self._world.schedule.now_ms, (incident.deployable, incident.assembly)
        new, old = self._world.machines.all[incident.new_instance], self._world.machines.all[incident.instance]
        if old.state != "terminated" and not incident.proceeded_ms and not self._world.agent_of(old).given_up >= incident.epoch:
            self._watch.broken(f"incident {incident.id} is recovered, and EC2 says that {old.id} is {old.state}")
        if self._watch.of(new.id).permit_epoch != incident.new_epoch or incident.new_epoch <= incident.epoch:
            self._watch.broken(f"incident {incident.id} is recovered under epoch {incident.new_epoch}, which {new.id} never had")
        self._watch.notice(self._world.agent_of(new))
        if now_ms - self._watch.served.get(new.id, 0) > STALE_S * 1000:
            self._watch.broken(f"incident {incident.id} is recovered, and {new.id} does not serve")
        if self._world.front_kind(place) is not FrontKind.NONE:
            holder = self._world.front_holder(place)
            if holder != new.id and now_ms - self._watch.fronts.get(new.id, 0) > STALE_S * 1000:
                self._watch.broken(f"incident {incident.id} is recovered, and the front is on {holder}")
        if self._world.kept_by_budget and not self._spent(incident):
            self._watch.broken(f"incident {incident.id} is recovered, and the budget does not know it")

    def _spent(self, incident: Incident) -> bool:
        item: Any = self._world.table.items.get(names.BUDGET_PK, {}).get("REPLACEMENTS")
        return item is not None and (incident.ladder or incident.id) in str(item)
