"""Who may save, what a node does with what it finds, and when it saves next: decisions only.

The manifest is swapped by a conditional write (If-Match), so that of two writers one learns that it was overtaken; the epoch
in it says which of them goes on. https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from core.kept.manifest import Manifest
from core.kept.tree import Piece
from core.state import Persist

AGAIN_S, AGAIN_S_MAX = 1.0, 30.0  # after a save or a restore that failed: doubled each time
# A save that takes longer than the time between two would follow itself without end; half of its own length is left to others.
REST = 0.5


@dataclass(frozen=True, slots=True)
class Mark:
    """Written on the node's own disk once its folder is whole: that instance's, under that epoch."""

    instance: str
    epoch: int


class Do(StrEnum):
    """What becomes of the node's folder before anything is started."""

    GO_ON = "go on"  # it is at least as new as what is saved
    RESTORE = "restore"  # what is saved takes its place
    BEGIN = "begin"  # it stays as the image has it
    REFUSE = "refuse"  # somebody overtook this node
    WAIT = "wait"  # a person must look


@dataclass(frozen=True, slots=True)
class Opening:
    do: Do
    why: str


def opening(found: Manifest | None, mark: Mark | None, *, instance: str, epoch: int, persist: Persist, runs: bool) -> Opening:
    """What to do with the folder of a node that holds the permit of that epoch.

    found: None when nobody ever claimed. mark: what this disk says. runs: an application lives, that a former life of this
    agent started under this epoch.
    """
    overtaken = overtaken_by(found, instance=instance, epoch=epoch)
    if overtaken is not None:
        return Opening(Do.REFUSE, overtaken)
    ours = found is not None and found.instance == instance
    if found is not None and ours and mark is not None and mark.instance == instance and found.epoch <= mark.epoch:
        return Opening(Do.GO_ON, f"this node wrote last, under epoch {found.epoch}, and its folder is whole")
    if runs:
        if found is not None and ours and found.epoch == epoch:
            return Opening(Do.GO_ON, "applications of this epoch run on the folder")
        return Opening(Do.WAIT, "applications run on a folder that was not opened under this epoch")
    if found is None or not found.saved:
        if persist is Persist.REBIND:
            return Opening(Do.WAIT, "nothing is saved, and persist is REBIND")
        return Opening(Do.BEGIN, "nothing is saved")
    if persist is Persist.CLEAN and not (ours and found.epoch == epoch):
        return Opening(Do.BEGIN, f"persist is CLEAN: save {found.number} of epoch {found.epoch} is left aside")
    return Opening(Do.RESTORE, f"save {found.number} of epoch {found.epoch}, by {found.instance}")


def overtaken_by(found: Manifest | None, *, instance: str, epoch: int) -> str | None:
    """Why this node may not write; None when it may."""
    if found is None or found.epoch < epoch or (found.epoch == epoch and found.instance == instance):
        return None
    return f"superseded: the saved state is of epoch {found.epoch}, by {found.instance}"


class Outcome(StrEnum):
    """Of a conditional write that was refused, or whose answer was lost, by what is found afterwards."""

    WRITTEN = "written"
    NOT_WRITTEN = "not written"  # nobody else may have written since; go on from what was found
    REFUSED = "refused"


def outcome(found: Manifest | None, mine: Manifest) -> Outcome:
    if found is not None and found.attempt == mine.attempt:
        return Outcome.WRITTEN
    if overtaken_by(found, instance=mine.instance, epoch=mine.epoch) is not None:
        return Outcome.REFUSED
    return Outcome.NOT_WRITTEN


def garbage(stored: Mapping[str, Piece], current: Set[str], former: Set[str]) -> tuple[str, ...]:
    """Keys of the pieces that neither the manifest just written nor the one before it needs.

    The former one's are kept a round longer: whoever read it a moment ago may still be fetching.
    """
    return tuple(sorted(key for key in stored if key not in current and key not in former))


def rest_s(every_s: float, took_s: float, failures: int) -> float:
    """From the end of one save until the next begins. failures: in a row."""
    regular_s = max(every_s - took_s, REST * took_s)
    return max(regular_s, min(AGAIN_S_MAX, AGAIN_S * 2.0 ** min(failures - 1, 10))) if failures else regular_s


def trouble(unsaved_s: float, failures: int, last: str) -> str:
    """What is said to people while saves fail; "" while they do not. unsaved_s: infinite where none has succeeded yet."""
    if not failures:
        return ""
    since = "since it was opened" if math.isinf(unsaved_s) else f"for {unsaved_s:.0f} s"
    return f"its state is not saved {since}: {last}"
