"""What the zones' name servers say by now, as against what was last written; moto keeps the latter."""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass
from typing import Any

from moto.backends import get_backend

from lab.world import ACCOUNT, REGION, World

CHANGES_MAX = 10_000  # kept to be asked for; the oldest are forgotten


@dataclass(frozen=True, slots=True)
class Answer:
    """One A record: ttl_s, whole seconds, and its addresses."""

    ttl_s: int
    addresses: tuple[str, ...]


class Zones:
    """Changes are PENDING until AWS's delay is over; then they are INSYNC and looked up.

    https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html ("Change Propagation")
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._arrived: dict[str, bool] = {}  # change id -> INSYNC
        self._served: dict[str, dict[str, Answer]] = {}  # zone id -> name -> what its name servers say
        self._order: dict[str, int] = {}  # zone id -> number of the newest change that is served
        self._submitted = 0

    def submitted(self, zone_id: str) -> str:
        """A change was written to the zone just now: gives its id, and serves it after a while."""
        zone_id = zone_id.rsplit("/", 1)[-1]
        change = "C" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(13))
        written = _records(zone_id)
        with self._lock:
            self._submitted += 1
            number = self._submitted
            self._arrived[change] = False
            while len(self._arrived) > CHANGES_MAX:
                self._arrived.pop(next(iter(self._arrived)))
        delay, clock = self._world.delays["record_change"], self._world.clock
        start = clock.now()
        self._world.journal.delay("record_change", zone_id, start=start, end=start + clock.real(delay.seconds), source=delay.source)
        clock.later(delay.seconds, lambda: self._serve(zone_id, change, number, written))
        return change

    def _serve(self, zone_id: str, change: str, number: int, written: dict[str, Answer]) -> None:
        with self._lock:
            if change in self._arrived:
                self._arrived[change] = True
            if self._order.get(zone_id, 0) > number:
                return
            self._order[zone_id], self._served[zone_id] = number, written
        said = ", ".join(f"{name} is {'+'.join(answer.addresses)}" for name, answer in sorted(written.items()))
        self._world.journal.say("route53", f"every name server of {zone_id} says: {said or 'nothing'}", zone=zone_id)

    def is_in_sync(self, change_id: str) -> bool:
        """Raises LookupError for a change that there was not."""
        change = change_id.rsplit("/", 1)[-1]
        with self._lock:
            if change not in self._arrived:
                raise LookupError(f"no change {change}")
            return self._arrived[change]

    def look_up(self, name: str, *, vpc_cidr: str) -> Answer | None:
        """What the VPC's resolver answers from the private zone that fits the name best, or else from the public one; None: no such record.

        A private zone hides a public one, also where it has no such record.

        https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html
        """
        name = name.lower().rstrip(".")
        best = _best(name, _private_zones(vpc_cidr)) or _best(name, _public_zones())
        if best is None:
            return None
        with self._lock:
            return self._served.get(best.resource_id, {}).get(name)


def _records(zone_id: str) -> dict[str, Answer]:
    zone = get_backend("route53")[ACCOUNT]["aws"].zones[zone_id]
    return {
        str(record.name).lower().rstrip("."): Answer(int(str(record.ttl)), tuple(str(value) for value in record.records))
        for record in zone.rrsets
        if record.type == "A"
    }


def _best(name: str, zones: list[Any]) -> Any:
    """That of the longest domain that the name lies in, or None."""
    fitting = [zone for zone in zones if f".{name}".endswith(f".{zone.name.rstrip('.')}")]
    return max(fitting, key=lambda zone: len(zone.name), default=None)


def _public_zones() -> list[Any]:
    return [zone for zone in get_backend("route53")[ACCOUNT]["aws"].zones.values() if not zone.private_zone]


def _private_zones(vpc_cidr: str) -> list[Any]:
    vpcs = get_backend("ec2")[ACCOUNT][REGION].vpcs
    zones = list(get_backend("route53")[ACCOUNT]["aws"].zones.values())
    return [zone for zone in zones if zone.private_zone and any(_cidr(vpcs, vpc) == vpc_cidr for vpc in zone.vpcs)]


def _cidr(vpcs: Any, associated: dict[str, str]) -> str:
    found = vpcs.get(associated.get("vpc_id"))
    return str(found.cidr_block) if found is not None else ""
