"""RDS: each deployable's database instance, which falls silent, is failed over, and says of itself what RDS says, a little late.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from simulation.schedule import Schedule
from simulation.table import Item, refused

LAG_S = 6.0  # so long RDS may say `available` of one that is not
DOWN_S = (15.0, 120.0)  # "typically 60-120 seconds", and here sometimes less, for histories are short


@dataclass(slots=True)
class Database:
    """silences: reasons why it answers nobody at present. turn: counts its failovers."""

    name: str
    multi_az: bool
    status: str = "available"
    silences: int = 0
    silent_ms: int = 0  # when it last fell silent
    turn: int = 0


@dataclass
class Databases:
    """silenced, back: told when one answers nobody, and when it answers again. emit: EventBridge."""

    schedule: Schedule
    chance: Random
    emit: Callable[[str, str, dict[str, Any]], None]
    silenced: Callable[[str], None]
    back: Callable[[str], None]
    all: dict[str, Database] = field(default_factory=dict)  # by deployable

    # --- physics ------------------------------------------------------------------------------------------------------

    def silent(self, deployable: str) -> bool:
        found = self.all.get(deployable)
        return found is not None and found.silences > 0

    def falls_silent(self, deployable: str) -> None:
        self.all[deployable].silences += 1
        self.all[deployable].silent_ms = self.schedule.now_ms
        self.silenced(deployable)

    def answers(self, deployable: str) -> None:
        found = self.all[deployable]
        found.silences -= 1
        if not found.silences:
            self.back(deployable)

    def fails_over(self, deployable: str, away_s: float) -> None:
        """The standby is promoted, and the name leads to it. away_s: until it answers."""
        found = self.all[deployable]
        found.turn += 1
        turn = found.turn
        self.falls_silent(deployable)
        self.schedule.later(self.chance.uniform(0.1, LAG_S), lambda: self._says(found, turn, "rebooting"))
        self.schedule.later(LAG_S, lambda: self._event(found, "RDS-EVENT-0013", "failover", "Multi-AZ instance failover started."))
        self.schedule.later(away_s, lambda: self.answers(deployable))
        self.schedule.later(away_s + LAG_S, lambda: self._says(found, turn, "available"))
        told = ("RDS-EVENT-0049", "failover", "Multi-AZ instance failover completed.")
        self.schedule.later(away_s + LAG_S, lambda: self._event(found, *told))

    def _says(self, found: Database, turn: int, status: str) -> None:
        if found.turn == turn:
            found.status = status

    def _event(self, found: Database, kind: str, category: str, message: str) -> None:
        at = datetime.fromtimestamp(self.schedule.now_ms / 1000, UTC).isoformat()
        detail = {"EventCategories": [category], "Date": at, "Message": message, "SourceIdentifier": found.name, "EventID": kind}
        self.emit("aws.rds", "RDS DB Instance Event", detail)

    # --- the API ------------------------------------------------------------------------------------------------------

    def describe_db_instances(self, *, DBInstanceIdentifier: str) -> Item:
        _, found = self._named(DBInstanceIdentifier, "DescribeDBInstances")
        return {"DBInstances": [{"DBInstanceIdentifier": found.name, "DBInstanceStatus": found.status, "MultiAZ": found.multi_az}]}

    def reboot_db_instance(self, *, DBInstanceIdentifier: str, ForceFailover: bool) -> Item:
        """https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html"""
        deployable, found = self._named(DBInstanceIdentifier, "RebootDBInstance")
        if found.status != "available":
            raise refused("InvalidDBInstanceState", "RebootDBInstance", f"Instance {found.name} is in state {found.status}")
        if ForceFailover and not found.multi_az:
            raise refused("InvalidParameterCombination", "RebootDBInstance", "DB instance doesn't have a standby")
        self.fails_over(deployable, self.chance.uniform(*DOWN_S))
        return {}

    def _named(self, name: str, operation: str) -> tuple[str, Database]:
        found = next(((deployable, one) for deployable, one in self.all.items() if one.name == name), None)
        if found is None:
            raise refused("DBInstanceNotFound", operation, f"DBInstance {name} not found.")
        return found
