"""What an incident may ask for next: values, each performed by the caller, who then reads the world again."""

from __future__ import annotations

from dataclasses import dataclass

from core.budget import Entry
from core.incident import Incident


@dataclass(frozen=True, slots=True)
class Leave:
    """There is nothing to do, and nobody needs to come back for it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Read the world again in again_s seconds; hand over when this call has no time left."""

    reason: str
    again_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Record:
    """Write this incident, on condition that nobody wrote since it was read."""

    incident: Incident


@dataclass(frozen=True, slots=True)
class TakeLook:
    instance: str


@dataclass(frozen=True, slots=True)
class Spend:
    """Write this entry into the budget, on condition; then read again."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class KeepEvidence:
    instance: str


@dataclass(frozen=True, slots=True)
class Fence:
    """Terminate the node. force: EC2 did not get it done in time."""

    instance: str
    force: bool


@dataclass(frozen=True, slots=True)
class NudgeGroup:
    """EC2 says the node is gone and its group has not noticed: tell it, so that it launches now."""

    instance: str


@dataclass(frozen=True, slots=True)
class PlaceFront:
    instance: str


@dataclass(frozen=True, slots=True)
class Tell:
    """Publish one message: `open`, `page` (EC2 does not confirm), `late` (no new node comes), `often` (past its tolerance) or `end`."""

    what: str
    reason: str


Step = Leave | Wait | Record | TakeLook | Spend | KeepEvidence | Fence | NudgeGroup | PlaceFront | Tell
