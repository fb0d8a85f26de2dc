"""What an incident may ask for next: light values. Changes of the record are made by core.recovery.changes, all else by the caller's hands.

After each of them the world is read again. Most decisions are made again before anybody reads why, so a step may keep what gives its
words instead of the words (`said`), and puts them together when it is asked for its reason; views do not change, so that is the same
whenever it is asked. Nobody changes a step; they are not frozen because that takes three times as long to make (bench/decisions.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.recovery.incident import Cause, State

Said = str | Callable[[], str]


class Reasoned:
    """What has a reason. Two are the same when they say the same, too."""

    __slots__ = ()
    __match_args__: tuple[str, ...]
    said: Said

    @property
    def reason(self) -> str:
        said = self.said
        return said if isinstance(said, str) else said()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reasoned) and type(self) is type(other) and self._told() == other._told()

    __hash__ = None  # type: ignore[assignment]  # as of any value that is not frozen

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._told()!r}"

    def _told(self) -> tuple[object, ...]:
        return tuple(self.reason if name == "said" else getattr(self, name) for name in self.__match_args__)


# --- nothing to be done now -------------------------------------------------------------------------


@dataclass(slots=True, eq=False, repr=False)
class Leave(Reasoned):
    """There is nothing to do, and nobody needs to come back for it."""

    said: Said


@dataclass(slots=True, eq=False, repr=False)
class Wait(Reasoned):
    """Read the world again in again_s seconds; hand over when this call has no time left."""

    said: Said
    again_s: float = 1.0


# --- changes of the record, written on condition that nobody wrote since it was read ------------------


@dataclass(slots=True, eq=False, repr=False)
class Open(Reasoned):
    """A new incident about who holds the permit, or held it. failed_ms: when it began, as well as anybody knows."""

    instance: str
    epoch: int
    said: Said
    failed_ms: int


@dataclass(slots=True, eq=False, repr=False)
class Confirm(Reasoned):
    """The node is to be replaced."""

    cause: Cause
    said: Said


@dataclass(slots=True, eq=False, repr=False)
class Move(Reasoned):
    """On to the next state. rung: one that was reached by it."""

    to: State
    said: Said
    rung: str = ""


@dataclass(slots=True, eq=False, repr=False)
class Lose(Reasoned):
    """A replacement that died before it served: one more try."""

    instance: str
    said: Said


@dataclass(slots=True, eq=False, repr=False)
class Adopt(Reasoned):
    """The replacement runs under this epoch: it is to be verified."""

    instance: str
    epoch: int
    said: Said


@dataclass(slots=True, eq=False, repr=False)
class Proceed(Reasoned):
    """Go on though EC2 has not confirmed that the node is terminated: the file says so."""

    said: Said


@dataclass(slots=True)
class NoteFront:
    """The front was seen on the new node. said: how."""

    instance: str
    said: str


@dataclass(slots=True, eq=False, repr=False)
class Join(Reasoned):
    """It is a part of the deployable's rung, which another assembly's incident leads."""

    ladder: str
    leader: str
    said: Said


@dataclass(slots=True, eq=False, repr=False)
class Down(Reasoned):
    """The leading node of a rung is gone, while others still run."""

    said: Said


@dataclass(slots=True, eq=False, repr=False)
class End(Reasoned):
    """to: recovered, escalated, suppressed or exhausted. rung: `person` when somebody must act."""

    to: State
    said: Said
    rung: str = ""


# --- what the caller does ---------------------------------------------------------------------------


@dataclass(slots=True)
class TakeLook:
    instance: str


@dataclass(slots=True)
class Spend:
    """Write this incident's entry into the budget (core.recovery.changes.charged), on condition; then read again."""


@dataclass(slots=True)
class KeepEvidence:
    instance: str


@dataclass(slots=True)
class Fence:
    """Terminate the node. force: EC2 did not get it done in time."""

    instance: str
    force: bool = False


@dataclass(slots=True)
class Retire:
    """Have its group end a healthy node, which goes offline in its own time."""

    instance: str


@dataclass(slots=True)
class CallSisters:
    """Wake the incidents of these assemblies of the deployable."""

    assemblies: tuple[str, ...]


@dataclass(slots=True, eq=False, repr=False)
class RebootDatabase(Reasoned):
    """With failover."""

    identifier: str
    said: Said


@dataclass(slots=True, eq=False, repr=False)
class LaunchFirst(Reasoned):
    """Have its group launch another one beside a node that serves on until that one is ready."""

    instance: str
    said: Said


@dataclass(slots=True, eq=False, repr=False)
class KeepOne(Reasoned):
    """Have its group keep one again. extra: the one that it launched beside the permit's holder, "" while there is none."""

    extra: str
    said: Said


@dataclass(slots=True)
class NudgeGroup:
    """EC2 says the node is gone and its group has not noticed: tell it, so that it launches now."""

    instance: str


@dataclass(slots=True)
class PlaceFront:
    instance: str


@dataclass(slots=True, eq=False, repr=False)
class Tell(Reasoned):
    """Publish one message: `open`, `page` (EC2 does not confirm), `late` (no new node comes), `limping` (none comes, and the old
    one serves on), `often` (past its tolerance), `doubt` (the node says it is well and fails from outside) or `end`.
    """

    what: str
    said: Said


Change = Open | Confirm | Join | Move | Down | Lose | Adopt | Proceed | NoteFront | End
Step = (
    Leave | Wait | Change | TakeLook | Spend | LaunchFirst | KeepOne | KeepEvidence | Fence | Retire | CallSisters | RebootDatabase
    | NudgeGroup | PlaceFront | Tell
)  # fmt: skip


@dataclass(slots=True)
class Decision:
    """rule: its name in core.recovery.rules. woken_by: who asked, for the record."""

    rule: str
    step: Step
    woken_by: str
