"""What an incident may ask for next: light values. Changes of the record are made by core.recovery.changes, all else by the caller's hands.

After each of them the world is read again. They are named tuples because a decision is to cost little (bench/decisions.py), and a
frozen dataclass takes three times as long to make; tuples of different kinds are equal when their fields are, so match the kind first.
"""

from __future__ import annotations

from typing import NamedTuple

from core.recovery.incident import Cause, State

# --- nothing to be done now -------------------------------------------------------------------------


class Leave(NamedTuple):
    """There is nothing to do, and nobody needs to come back for it."""

    reason: str


class Wait(NamedTuple):
    """Read the world again in again_s seconds; hand over when this call has no time left."""

    reason: str
    again_s: float = 1.0


# --- changes of the record, written on condition that nobody wrote since it was read ------------------


class Open(NamedTuple):
    """A new incident about who holds the permit, or held it. failed_ms: when it began, as well as anybody knows."""

    instance: str
    epoch: int
    reason: str
    failed_ms: int


class Confirm(NamedTuple):
    """The node is to be replaced."""

    cause: Cause
    reason: str


class Move(NamedTuple):
    """On to the next state. rung: one that was reached by it."""

    to: State
    reason: str
    rung: str = ""


class Lose(NamedTuple):
    """A replacement that died before it served: one more try."""

    instance: str
    reason: str


class Adopt(NamedTuple):
    """The replacement runs under this epoch: it is to be verified."""

    instance: str
    epoch: int
    reason: str


class Proceed(NamedTuple):
    """Go on though EC2 has not confirmed that the node is terminated: the file says so."""

    reason: str


class NoteFront(NamedTuple):
    """The front was seen on the new node. said: how."""

    instance: str
    said: str


class Join(NamedTuple):
    """It is a part of the deployable's rung, which another assembly's incident leads."""

    ladder: str
    leader: str
    reason: str


class Down(NamedTuple):
    """The leading node of a rung is gone, while others still run."""

    reason: str


class End(NamedTuple):
    """to: recovered, escalated, suppressed or exhausted. rung: `person` when somebody must act."""

    to: State
    reason: str
    rung: str = ""


# --- what the caller does ---------------------------------------------------------------------------


class TakeLook(NamedTuple):
    instance: str


class Spend(NamedTuple):
    """Write this incident's entry into the budget (core.recovery.changes.charged), on condition; then read again."""


class KeepEvidence(NamedTuple):
    instance: str


class Fence(NamedTuple):
    """Terminate the node. force: EC2 did not get it done in time."""

    instance: str
    force: bool


class Retire(NamedTuple):
    """Have its group end a healthy node, which goes offline in its own time."""

    instance: str


class CallSisters(NamedTuple):
    """Wake the incidents of these assemblies of the deployable."""

    assemblies: tuple[str, ...]


class RebootDatabase(NamedTuple):
    """With failover."""

    identifier: str
    reason: str


class LaunchFirst(NamedTuple):
    """Have its group launch another one beside a node that serves on until that one is ready."""

    instance: str
    reason: str


class KeepOne(NamedTuple):
    """Have its group keep one again. extra: the one that it launched beside the permit's holder, "" while there is none."""

    extra: str
    reason: str


class NudgeGroup(NamedTuple):
    """EC2 says the node is gone and its group has not noticed: tell it, so that it launches now."""

    instance: str


class PlaceFront(NamedTuple):
    instance: str


class Tell(NamedTuple):
    """Publish one message: `open`, `page` (EC2 does not confirm), `late` (no new node comes), `limping` (none comes, and the old
    one serves on), `often` (past its tolerance), `doubt` (the node says it is well and fails from outside) or `end`.
    """

    what: str
    reason: str


Change = Open | Confirm | Join | Move | Down | Lose | Adopt | Proceed | NoteFront | End
Step = (
    Leave | Wait | Change | TakeLook | Spend | LaunchFirst | KeepOne | KeepEvidence | Fence | Retire | CallSisters | RebootDatabase
    | NudgeGroup | PlaceFront | Tell
)  # fmt: skip


class Decision(NamedTuple):
    """rule: its name in core.recovery.rules. woken_by: who asked, for the record."""

    rule: str
    step: Step
    woken_by: str
