"""Whom tick wakes: every minute the world is read again, so that a lost event only costs time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from core.lifecycle import pool
from core.lifecycle.holding import change
from core.model import FrontKind
from core.policy import Policy
from core.records import Phase
from core.recovery.case import NEVER_FAILED
from core.recovery.opening import missed_predecessor
from core.recovery.outlook import failing_for_s, inside, why
from core.recovery.snapshot import View

SWEEP_OFFSETS_S = (0, 10, 20, 30, 40, 50)  # one message each: a minute's tick becomes six sweeps
SWEEP_LATE_S = 20.0  # a message older than this says nothing that a younger one does not say better
_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio
Entry = TypeVar("Entry")


class Handler(StrEnum):
    RECOVER = "recover_assembly"
    ADMIT = "admit_node"
    RETIRE = "retire_node"
    MOVE_FRONT = "move_front"


@dataclass(frozen=True, slots=True)
class Waking:
    """Who to wake, about which instance ("" for the assembly as a whole), and why. state: its volume is meant, not its front."""

    handler: Handler
    instance: str
    reason: str
    state: bool = False


def in_turn(everyone: Sequence[Entry], now_ms: int) -> list[Entry]:
    """All of them, each minute from another one on: a call's time may not be enough for all, and none may be the last for ever.

    By the clock alone, so that nobody has to keep where the last call ended. The beginnings of minutes that follow one another divide
    the circle by the golden ratio, which spreads any number of them about evenly: where a minute is enough for one in k, everyone's
    turn comes within 2 k minutes.
    """
    turn = (now_ms // 60_000) * _GOLDEN % 2**64  # of the whole circle, which is 2**64
    first = (turn * len(everyone)) >> 64
    return [*everyone[first:], *everyone[:first]]


def wakings(
    view: View, policy: Policy, *, in_alarm: bool, front_holder: str | None, volume_holder: str | None = None, left_alone: str | None = None
) -> tuple[Waking, ...]:
    """in_alarm: the assembly's alarm is in ALARM. front_holder, volume_holder: who holds them, as read back. left_alone: what nobody
    looks at of what AWS mends (core.watching.mending)."""
    found = [*_hooks(view), *_volume(view, volume_holder), *_front(view, front_holder)]
    why = _recovery(view, policy, in_alarm=in_alarm) or left_alone
    if why is not None:
        found.insert(0, Waking(Handler.RECOVER, "", why))
    return tuple(found)


def _hooks(view: View) -> list[Waking]:
    found = []
    for instance, member in sorted(view.members.items()):
        if member.lifecycle == "Pending:Wait":
            found.append(Waking(Handler.ADMIT, instance, f"{instance} waits in the launch hook"))
        elif member.lifecycle == "Terminating:Wait":
            found.append(Waking(Handler.RETIRE, instance, f"{instance} waits in the terminate hook"))
    for instance, member in sorted((view.pool or {}).items()):
        if member.lifecycle == pool.PREPARING:
            found.append(Waking(Handler.ADMIT, instance, f"{instance} waits in the launch hook, to be stopped in the warm pool"))
        elif member.lifecycle == pool.ENDING:
            found.append(Waking(Handler.RETIRE, instance, f"{instance} waits in the terminate hook, out of the warm pool"))
    return found


def _front(view: View, front_holder: str | None) -> list[Waking]:
    """The front belongs to the holder of the current epoch, once that one runs."""
    permit = view.permit
    if permit is None or view.watched.front.kind is FrontKind.NONE or front_holder == permit.instance:
        return []
    incident = view.incident
    if incident is not None and not incident.ended and incident.fence and incident.instance == permit.instance:
        return []  # taken off it on purpose
    report = view.reports.get(permit.instance)
    if view.is_gone(permit.instance) or report is None or report.epoch != permit.epoch or report.phase is not Phase.RUNNING:
        return []
    return [Waking(Handler.MOVE_FRONT, permit.instance, f"the front is on {front_holder or 'nobody'}, not on {permit.instance}")]


def _volume(view: View, volume_holder: str | None) -> list[Waking]:
    """The volume belongs to the permit's holder from the moment that it is permitted, for nothing runs there before."""
    permit = view.permit
    if permit is None or not view.watched.has_volume or volume_holder == permit.instance or view.is_gone(permit.instance):
        return []
    why = f"the volume is at {volume_holder or 'nobody'}, not at {permit.instance}"
    return [Waking(Handler.MOVE_FRONT, permit.instance, why, state=True)]


def _recovery(view: View, policy: Policy, *, in_alarm: bool) -> str | None:
    incident, permit = view.incident, view.permit
    if incident is not None and not incident.ended:
        if view.now_ms > incident.driven_until_ms:
            return f"incident {incident.id} is {incident.state.value} and nobody works on it"
        return None
    order = change(view, policy)
    if order is not None:
        return order.record.reason
    if incident is not None and incident.untold_end:
        return f"incident {incident.id} is {incident.state.value} and people do not know yet"
    if pool.outdated(view):
        return f"{', '.join(pool.outdated(view))} in the warm pool is of a version that the group launches no more"
    if permit is None:
        return None
    node = permit.instance
    if view.is_gone(node):
        return f"EC2 says that {node}, which holds the permit, is {view.state_of(node)}"
    if node in view.intents.replace:
        return f"an operator wants {node} replaced: {view.intents.replace[node].words}"
    if view.asks(node) is not None:
        return f"{node} asks to be replaced"
    if view.room > 1 and view.paused is None:
        return f"its group has room for {view.room}, and no incident is open"
    missed = missed_predecessor(view, NEVER_FAILED if incident is None else incident)
    if missed is not None:
        return f"{missed} is {view.state_of(missed)}, {node} holds its permit, and no incident tells of it"
    if in_alarm:
        return "its alarm is in ALARM and no incident is open"
    report = view.reports.get(node)
    seen = inside(view, node, policy)
    if report is not None and report.phase is Phase.WAITING and seen.is_bad:
        return f"{node}: {why(seen, view, node)}"
    looks = view.looks.get(node)
    failing_s = failing_for_s(looks) if looks else None
    # Two sweeps, so that an application in the middle of its restart wakes nobody.
    if seen.is_bad and failing_s is not None and failing_s >= policy.looks_failing_s / 2:
        return f"{node} is failing inside and outside"
    return None
