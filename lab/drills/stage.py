"""Where a drill plays: the deployed assembly, the watchers, and what steady and recovered mean."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.drills import measure
from lab.drills.cloud import Cloud, Slot
from lab.drills.measure import Gap, Sample
from lab.drills.watch import Census, Client
from lab.journal import Journal, read

STEADY_TIMEOUT_S = 180.0
PATIENCE_S = 300.0  # how long a drill waits for a recovery unless told otherwise
CALL_S = 70.0  # the longest call of recover_assembly, and a little
_GOOD_SAMPLES = 10
# Words of the messages' subjects.
CALLS_A_PERSON, BEGINS, ENDS_WELL = "a person", "replacing ", "serves again"
_SETTLED_STATES = ("recovered", "escalated", "suppressed", "exhausted")


@dataclass(frozen=True, slots=True)
class Situation:
    """Who holds what before the fault. ended: the ids of the incidents that are over."""

    holder: str
    epoch: int
    launched: frozenset[str]
    ended: frozenset[str]


class Stage:
    """One assembly under observation; as a context manager it bounds the watchers' lives."""

    def __init__(self, cloud: Cloud, slot: Slot, journal: Path, *, patience_s: float = PATIENCE_S) -> None:
        """patience_s: how long a drill waits for a recovery before it calls it broken."""
        self.cloud, self.slot, self.journal, self.patience_s = cloud, slot, journal, patience_s
        self.deployable: Path | None = None  # its file, for drills that deploy it anew
        self.time_scale = 1.0  # AWS's seconds in one of ours
        self.client = Client(slot.finder(), slot.ports[0], tls=slot.tls)
        self.restarts_before = 0
        self.struck: tuple[str, ...] = ()  # assemblies that the drill breaks beside its own
        self.unwell_until = 0.0  # when a drill last had an application that was not restarted but not well either
        self.census = Census(lambda: cloud.addresses(slot), slot.node_port or slot.ports[0])

    def __enter__(self) -> Stage:
        self.client.start()
        self.census.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop()
        self.census.stop()

    def samples(self, since: float) -> list[Sample]:
        """The client's samples around a fault: a second before it is enough to see the last good answer."""
        return [sample for sample in self.client.samples if sample.ended >= since - 5.0]

    # --- incidents ----------------------------------------------------------------------------------
    def open_incident(self) -> dict[str, Any] | None:
        for item in self.cloud.incidents(self.slot):
            if item["sk"] == "OPEN" and item.get("state") not in _SETTLED_STATES:
                return item
        return None

    def ended_incidents(self) -> dict[str, dict[str, Any]]:
        return {str(i["sk"]): i for i in self.cloud.incidents(self.slot) if i["sk"] != "OPEN"}

    def reports(self) -> list[dict[str, Any]]:
        """What the assembly's nodes last said of themselves."""
        rows = self.cloud.items(f"NODE#{self.slot.deployable}#{self.slot.assembly}")
        return [row for row in rows if str(row["sk"]).startswith("REPORT#")]

    # --- steady and recovered -----------------------------------------------------------------------
    def situation(self) -> Situation:
        holder, epoch = self.cloud.permit(self.slot)
        self.restarts_before = sum(int(app["restarts"]) for report in self.reports() for app in report["applications"].values())
        launched = frozenset(i.id for i in self.cloud.instances(self.slot))
        return Situation(holder, epoch, launched, frozenset(self.ended_incidents()))

    def why_not_steady(self) -> str:
        """What is missing for a healthy deployable at rest; empty when nothing is."""
        if not self.client.good_since(time.time() - 5.0, count=_GOOD_SAMPLES):
            return f"clients are not served at {self.slot.front}:{self.slot.ports[0]}"
        alive = [i for i in self.cloud.instances(self.slot) if i.state != "terminated" and not i.lifecycle.startswith("Warmed:")]
        if len(alive) != 1 or alive[0].lifecycle != "InService":
            return "the group is not at one instance in service: " + ", ".join(f"{i.id} {i.state} {i.lifecycle}" for i in alive)
        holder, _ = self.cloud.permit(self.slot)
        if holder != alive[0].id:
            return f"the permit names {holder or 'nobody'}, in service is {alive[0].id}"
        if self.cloud.front_holder(self.slot) != holder:
            return f"the front is not on {holder}"
        incident = self.open_incident()
        if incident is not None:
            return f"an incident is open ({incident.get('state')}: {incident.get('reason')})"
        if self.cloud.health(self.slot) != 1:
            return f"no sweep has found {holder} well yet"
        if self.cloud.has_pool(self.slot) and list(self.cloud.pool(self.slot).values()) != ["Warmed:Stopped"]:
            return f"the warm pool does not hold one stopped machine: {self.cloud.pool(self.slot)}"
        ringing = [name for name, state in self.cloud.alarms().items() if state == "ALARM"]
        return f"an alarm rings: {', '.join(ringing)}" if ringing else ""

    def wait_steady(self, timeout_s: float = STEADY_TIMEOUT_S) -> str:
        """Wait for a healthy deployable at rest; what was still missing at the end, or nothing."""
        end = time.monotonic() + timeout_s
        missing = self.why_not_steady()
        while missing and time.monotonic() < end:
            time.sleep(0.5)
            missing = self.why_not_steady()
        return missing

    def recovered(self, before: Situation, since: float) -> bool:
        """Served again by another node, under the next epoch, and the incident is closed."""
        holder, epoch = self.cloud.permit(self.slot)
        return (
            holder not in ("", before.holder)
            and epoch > before.epoch
            and self.client.good_since(since, count=_GOOD_SAMPLES)
            and self.cloud.front_holder(self.slot) == holder
            and self.open_incident() is None
            and bool(set(self.ended_incidents()) - before.ended)
        )

    # --- what the journal and the bucket say -----------------------------------------------------------
    def tell(self, what: str) -> None:
        Journal(self.journal).say("drill", what)

    def lines(self, since: float) -> list[dict[str, Any]]:
        return [line for line in read(self.journal)[0] if float(line.get("until", line["at"])) >= since]

    def told_people(self, since: float) -> list[tuple[float, str]]:
        """(when, subject) of each message to the topic that an incident is about."""
        said = [line for line in self.lines(since) if line.get("who") == "topic" and "message" in line]
        about = f"[understudy] {self.slot.deployable}/{self.slot.assembly}"
        told = [(float(line["at"]), str(line["what"])) for line in said if not str(line["what"]).startswith("e-mail to ")]
        return [(at, what[what.index(about) :]) for at, what in told if f"{about}:" in what or f"{about} " in what]

    def split(self, gap: Gap) -> tuple[float, float, tuple[tuple[str, float], ...]]:
        """(AWS's seconds, ours, each delay's own)."""
        return measure.split(self.lines(gap.start - 1.0), gap, self._others())

    def aws_shares(self, gap: Gap) -> list[tuple[float, float]]:
        """From when to when the gap was AWS's, seconds since the epoch."""
        return measure.shares(self.lines(gap.start - 1.0), gap, self._others())

    def _others(self) -> frozenset[str]:
        """What belongs to assemblies that nobody struck: what AWS does about it is no part of a gap."""
        own = self.cloud.belongings(self.slot)
        others = [self.cloud.belongings(slot) for slot in self.cloud.slots() if slot.assembly not in (self.slot.assembly, *self.struck)]
        # What is prepared for the pool is waited for by nobody.
        return (frozenset().union(*others) - own) | frozenset(self.cloud.pool(self.slot))

    def asked_to_end(self, instance: str, *, since: float) -> float | None:
        """When EC2 was first told to end the instance, or its group was."""
        for line in self.lines(since):
            if line.get("state") == "shutting-down" and line.get("instance") == instance:
                return float(line["at"])
        return None

    def terminated_at(self, instance: str, *, since: float) -> float | None:
        """When EC2 said that the instance is `terminated`."""
        for line in self.lines(since):
            if line.get("state") == "terminated" and line.get("instance") == instance:
                return float(line["at"])
        return None

    def alarm_called(self, *, since: float, until: float) -> bool:
        """Whether an alarm's own action woke the recovery within a span."""
        calls = [x for x in self.lines(since) if x.get("who") == "recover_assembly" and str(x.get("what")).startswith("invoked by alarm ")]
        return any(since <= float(line["at"]) <= until for line in calls)

    def recovery_under_way(self, *, begun_before: float) -> bool:
        """Whether a call of recover_assembly that began before a moment has not ended: it goes on with the code that it has."""
        under_way: set[str] = set()
        for line in self.lines(begun_before - 300.0):
            if line.get("who") != "recover_assembly" or "request_id" not in line:
                continue
            if str(line["what"]).startswith("invoked by "):
                if float(line["at"]) < begun_before:
                    under_way.add(str(line["request_id"]))
            else:
                under_way.discard(str(line["request_id"]))
        return bool(under_way)

    def permitted_at(self, epoch: int, *, since: float) -> float | None:
        rows = self.cloud.items(f"PERMIT#{self.slot.deployable}#{self.slot.assembly}")
        at = float(rows[0]["at_ms"]) / 1000 if rows and int(rows[0]["epoch"]) == epoch else None
        return at if at is not None and at >= since else None

    def evidence_before_kill(self, instance: str, *, since: float) -> bool:
        """Whether the bucket holds evidence on the instance that is older than its shutdown."""
        prefix = f"evidence/{self.slot.deployable}/{self.slot.assembly}/{instance}/"
        found = self.cloud.clients["s3"].list_objects_v2(Bucket=self.cloud.outputs["Bucket"], Prefix=prefix).get("Contents", [])
        shut = [float(x["at"]) for x in self.lines(since) if x.get("instance") == instance and x.get("state") == "shutting-down"]
        # S3 stamps whole seconds.
        return bool(found) and bool(shut) and min(o["LastModified"].timestamp() for o in found) <= shut[0] + 1.0
